"""The session that writes a state in PostgreSQL: alone, durable, and never without its lock."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Status
from reconciler.domain.ports import Intent, Run
from reconciler.errors import StateError, StateLocked, StateMissing
from reconciler.state.postgres.advisory import Key, locked, run_number, scope_of
from reconciler.state.postgres.schemas import schema_of
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.session import connected
from reconciler.state.postgres.state import PostgresState
from reconciler.state.postgres.statements import Statements
from reconciler.state.store import Store
from tests.contract.conftest import NOW
from tests.contract.conftest import RUN as FULL
from tests.contract.test_ledger import everything

CALL = Call("agent", "number", contact_id="contact")


def run(name: str = "run-1") -> Run:
    return Run(name, "apply", datetime.now(UTC), "host", os.getpid(), "tester", "0")


def intent(key: str) -> Intent:
    return Intent(Address("june", key), CALL, identity.digest(CALL), "single-contact-call", NOW)


@pytest.fixture
def place(postgres: Any) -> PostgresState:
    """A new state."""
    server = resolve(postgres.url())
    return PostgresState(server, PostgresState(server).create({}))


def table(place: PostgresState, name: str) -> str:
    return f"{schema_of(place.lineage or '')}.{name}"


def test_one_writer_at_a_time_and_it_is_named(place: PostgresState) -> None:
    with place.store(run("first"), 0), pytest.raises(StateLocked) as caught, place.store(run("second"), 0):
        pass
    assert f"apply (host host, pid {os.getpid()}, tester" in caught.value.message
    assert not place.lock().held
    with place.store(run("third"), 0):
        found = place.lock()
    assert (found.held, found.run and found.run.id) == (True, "third")


HOLDER = """
import sys
from reconciler.cli.runs import new_run
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState
with PostgresState(resolve(sys.argv[1]), sys.argv[2]).store(new_run("apply"), 0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_dies_with_its_holder(place: PostgresState, postgres: Any) -> None:
    command = [sys.executable, "-c", HOLDER, postgres.url(), place.lineage or ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateLocked, match=f"pid {holder.pid}"), place.store(run(), 0.05):
            pass
        holder.kill()
    with place.store(run(), 20) as store:
        assert store.runs(1)[0].id == "run-1"


def forget_the_lock(raw: Any, _: Any) -> None:
    raw.execute("select pg_advisory_unlock_all()")


def share_the_session(raw: Any, place: PostgresState) -> None:
    """What a pooler does that gives one session to two clients; the second one looks first, and is refused."""
    statements = Statements(raw, schema_of(place.lineage or ""))
    with (
        pytest.raises(StateError, match="pooler"),
        locked(statements, place.lineage or "", "another", 0, lambda: None),
    ):
        pass
    raw.execute("select set_config('reconciler.session', 'another', false)")


@pytest.mark.parametrize("lose", [forget_the_lock, share_the_session])
def test_every_write_asks_whether_its_session_holds_the_lock(
    place: PostgresState, lose: Callable[[Any, PostgresState], None]
) -> None:
    with place.store(run(), 0) as store:
        store.intend("run-1", [intent("before")], NOW)
        lose(store._session.connection.raw, place)  # type: ignore[attr-defined]
        with pytest.raises(StateError, match="no longer holds the state's lock"):
            store.intend("run-1", [intent("after")], NOW)
        assert [entry.address.key for entry in store.entries()] == ["before"]


def test_a_lock_that_another_session_has_by_now_is_not_ours(place: PostgresState) -> None:
    with place.store(run(), 0) as store:
        forget_the_lock(store._session.connection.raw, place)  # type: ignore[attr-defined]
        with place.store(run("other"), 0), pytest.raises(StateError, match="no longer holds the state's lock"):
            store.intend("run-1", [intent("a")], NOW)


def test_another_session_is_not_the_one_that_took_the_lock(place: PostgresState) -> None:
    with place.store(run(), 0) as store, connected(place.server) as other:
        session: Any = store._session
        moved = Store(replace(session, connection=type(session.connection)(other, session.connection.schema)))
        with pytest.raises(StateError, match="no longer holds the state's lock"):
            moved.intend("run-1", [intent("a")], NOW)


def test_a_lost_connection_is_not_made_again(place: PostgresState, postgres: Any) -> None:
    with place.store(run(), 0) as store:
        raw = store._session.connection.raw  # type: ignore[attr-defined]
        postgres.terminate(f"pid = {raw.info.backend_pid}")
        for _ in range(3):
            with pytest.raises(StateError, match=r"was lost \(.+\): nothing more is written or sent"):
                store.intend("run-1", [intent("a")], NOW)
        with pytest.raises(StateError, match="was lost"):
            list(store.entries())
    with place.reader() as reader:
        assert list(reader.entries()) == []


def half_a_batch(store: Store, then: Callable[[], object]) -> None:
    with store._transaction():
        store._open("run-1", intent("half"), Status.INTENDED, NOW)
        then()


def test_a_transaction_that_was_cut_off_left_nothing(place: PostgresState, postgres: Any) -> None:
    with place.store(run(), 0) as store:
        serial = store.serial
        raw = store._session.connection.raw  # type: ignore[attr-defined]
        with pytest.raises(StateError, match="was lost"):
            half_a_batch(store, lambda: postgres.terminate(f"pid = {raw.info.backend_pid}"))
    with place.reader() as reader:
        assert (list(reader.entries()), reader.serial) == ([], serial)
    assert place.verify(()).ok


def test_a_writer_waits_until_what_it_wrote_is_on_disk(place: PostgresState, postgres: Any) -> None:
    postgres.sql("alter role postgres set synchronous_commit = off")
    try:
        with place.store(run(), 0) as store:
            raw = store._session.connection.raw  # type: ignore[attr-defined]
            assert raw.execute("show synchronous_commit").fetchone() == {"synchronous_commit": "on"}
    finally:
        postgres.sql("alter role postgres reset synchronous_commit")


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Any) -> None:
    postgres.sql("create database narrow encoding 'LATIN1' template template0", database="postgres")
    with pytest.raises(StateError, match="encoding is LATIN1"):
        PostgresState(resolve(postgres.url(database="narrow"))).create({})


def test_a_reader_works_beside_a_writer_and_leaves_the_session_as_it_was(place: PostgresState) -> None:
    with place.store(run(), 0) as store, place.reader() as reader:
        entries = reader.entries()
        store.intend("run-1", [intent("new")], NOW)
        assert len(list(entries)) == 1
        raw = reader._session.connection.raw  # type: ignore[attr-defined]
        assert raw.execute("show search_path").fetchone() == {"search_path": '"$user", public'}
        with pytest.raises(StateError, match="read-only transaction"):
            reader._all("delete from calls returning plan", ())


def test_another_lineage_is_missing(place: PostgresState) -> None:
    for lineage in ("3f2b8c1e-7d4a-4a6b-9c55-0e8d5a1f2b3c", "no uuid"):
        with pytest.raises(StateMissing, match=lineage), replace(place, lineage=lineage).reader():
            pass


def test_a_full_batch_or_nothing(place: PostgresState) -> None:
    with place.store(run(), 0) as store:
        store.intend("run-1", [intent("a")], NOW)
        with pytest.raises(StateError, match="june/a is already intended"):
            store.intend("run-1", [intent("b"), intent("a")], NOW)
        assert [entry.address.key for entry in store.entries()] == ["a"]


FALSIFIED = [
    "update {calls} set call_id = 'forged' where call_id is not null",
    "update {calls} set status = 'placed'",
    "update {calls} set call = replace(call, 'agent', 'agnet')",
    "delete from {calls}",
    "update {attempts} set finished_at = null",
    "update {attempts} set number = number + 1 where number = (select max(number) from {attempts})",
    "delete from {attempts} where number = 1",
    "insert into {cleared} select plan, key, 9, run_id, reason, at from {cleared}",
    "update {decisions} set reason = 'another'",
    "update {runs} set actor = 'nobody'",
    "update {approvals} set plan_id = 'sha256:9' where plan_id = 'sha256:1'",
    "delete from {overrides} where number = 1",
    "update {renames} set old_key = 'x'",
    "delete from {seen} where call_id = 'call-8'",
    "update {meta} set serial = serial - 1",
    "update {meta} set secret = 'guessed'",
    "delete from {ledger_texts} where number = (select min(number) from {ledger_texts})",
    "update {ledger} set entry = replace(entry, 'apply', 'appyl')",
    "update {ledger_head} set number = number - 1",
    "insert into {ledger_texts} values (1, 'a', '{{\"error\": \"x\"}}')",
]


@pytest.mark.parametrize("sql", FALSIFIED)
def test_what_was_falsified_is_found(place: PostgresState, postgres: Any, sql: str) -> None:
    with place.store(FULL, 0) as store:
        everything(store)
    assert place.verify(()).problems == []
    tables = {row["name"]: table(place, row["name"]) for row in names(postgres, place)}
    postgres.sql(sql.format_map(tables))
    assert place.verify(()).problems


def names(postgres: Any, place: PostgresState) -> Any:
    schema = schema_of(place.lineage or "")
    return postgres.sql(f"select tablename as name from pg_tables where schemaname = '{schema}'")


def test_runs_in_another_order_are_found(place: PostgresState, postgres: Any) -> None:
    for name in ("a", "b"):
        with place.store(run(name), 0):
            pass
    runs = table(place, "runs")
    postgres.sql(
        f"alter table {runs} alter column rowid set generated by default",
        f"update {runs} set rowid = 10 - rowid",
    )
    assert "runs: they are not in the order in which they began" in place.verify(()).problems


def test_keys_of_locks_fit_and_differ() -> None:
    names = [str(random.Random(number).random()) for number in range(1000)]
    keys = {scope_of(name) for name in names} | {run_number(name) for name in names}
    assert len(keys) == 2000
    assert all(0 <= key < 2**32 for key in keys)
    assert all(-(2**31) <= half < 2**31 for key in keys for half in Key(key, key).signed)
