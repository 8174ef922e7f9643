"""What a role that may only read a state on PostgreSQL can do to those who place calls: nothing."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from reconciler.sandbox import SandboxConfig, running
from reconciler.sandbox.faults import FaultPlan
from tests.acceptance.test_postgres import lineage, schema
from tests.conftest import KEY, Workbench, plan_text

ROWS = 6
APPLY = ("apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "2", "--no-preflight")
RUNNING = "application_name like 'reconciler apply%'"


@pytest.fixture
def service(bench: Workbench, postgres: Any) -> Iterator[Any]:
    """A project with its state on a server, and a service that throttles after two calls."""
    faults = FaultPlan(retry_after=1)
    with running(SandboxConfig(port=0, api_key=KEY, faults=faults, list_lag=10_000_000)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.env["RECONCILER_STATE"] = postgres.url()
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        sandbox.set_faults("too-many#3-1000")
        yield sandbox


@pytest.fixture
def reader(bench: Workbench, service: Any, postgres: Any) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role that may read the state's tables."""
    name = schema(bench)
    postgres.sql(
        "drop role if exists curious",
        "create role curious login",
        f"grant usage on schema {name} to curious",
        f"grant select on all tables in schema {name} to curious",
    )
    with psycopg.connect(postgres.url("curious"), autocommit=True) as session:
        session.execute(f"set search_path to {name}")
        yield session
    postgres.sql("drop owned by curious", "drop role curious")


def started(bench: Workbench, service: Any) -> Any:
    """An apply that placed two calls and waits to send two more again."""
    run = bench.fork(*APPLY)
    while service._backend.dial._seen[False] < 4:
        assert run.poll() is None
        time.sleep(0.01)
    return run


def locks(session: psycopg.Connection[Any]) -> list[tuple[int, int, int]]:
    """Every advisory lock that there is, as its two halves and whether they are two keys or one."""
    sql = "select classid::bigint, objid::bigint, objsubid from pg_locks where locktype = 'advisory'"
    return [tuple(row) for row in session.execute(sql).fetchall()]


def take(session: psycopg.Connection[Any], first: int, second: int, kind: int) -> None:
    if kind == 2:
        halves = [half - 2**32 if half >= 2**31 else half for half in (first, second)]
        session.execute("select pg_try_advisory_lock(%s::int, %s::int)", halves)
    else:
        whole = (first << 32) | second
        session.execute("select pg_try_advisory_lock(%s::bigint)", [whole - 2**64 if whole >= 2**63 else whole])


def test_no_advisory_lock_of_a_reader_stops_an_apply(
    bench: Workbench, service: Any, reader: psycopg.Connection[Any]
) -> None:
    run = started(bench, service)
    seen = locks(reader)
    assert seen
    run.kill()
    run.communicate()
    while locks(reader):
        time.sleep(0.01)
    for lock in seen:
        take(reader, *lock)
    for what in ("lock", "opening", "joint"):  # and those that can be worked out from the lineage
        digest = hashlib.sha256(f"reconciler {what} {lineage(bench)}".encode()).digest()
        take(reader, int.from_bytes(digest[:4]), int.from_bytes(digest[4:8]), 1)
        take(reader, int.from_bytes(digest[:4]), 0, 2)
    assert len(locks(reader)) >= 6
    assert bench.ok("state", "lock").out == "The lock is not held.\n"
    service.set_faults()
    applied = bench.run(*APPLY)
    assert (applied.code, applied.summary["placed"], applied.summary["uncertain"]) == (3, ROWS - 4, 2), applied.err
    bench.write("calls/july.yaml", plan_text("july", rows=4, first=50))
    bench.ok("plan", "--out", "july.plan")
    joined = bench.run("apply", "july.plan", "--join", "--json", "--rate", "none", "--no-preflight")
    assert joined.summary["placed"] == 4, joined.err


@pytest.mark.parametrize(
    "sql",
    [
        "select id from meta for update",
        "select id from meta for share",
        "lock table meta in row share mode",
        "lock table runs in exclusive mode",
        "lock table attempts in access exclusive mode",
    ],
)
def test_a_reader_can_lock_no_row_and_no_table(reader: psycopg.Connection[Any], sql: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), reader.transaction():
        reader.execute(sql.encode())


def test_a_reader_that_reads_on_and_on_stops_no_apply(
    bench: Workbench, service: Any, reader: psycopg.Connection[Any], postgres: Any
) -> None:
    """The only lock on tables that it may have, held for as long as it likes; and it plans beside the apply."""
    service.set_faults()
    tables = "meta", "runs", "calls", "attempts", "ledger", "ledger_head", "claims", "joint"
    with reader.transaction():
        reader.execute("set transaction isolation level repeatable read")
        for name in tables:
            reader.execute(f"lock table {name} in access share mode".encode())
            reader.execute(f"select count(*) from {name}".encode())
        writer, bench.env["RECONCILER_STATE"] = bench.env["RECONCILER_STATE"], postgres.url("curious")
        assert set(bench.actions().values()) == {"create"}
        refused = bench.run(*APPLY)
        assert (refused.code, "permission denied" in refused.err) == (1, True)
        bench.env["RECONCILER_STATE"] = writer
        assert bench.run(*APPLY).summary["placed"] == ROWS


def test_whose_role_may_write_only_after_set_role_holds_no_lock(
    bench: Workbench, service: Any, postgres: Any
) -> None:
    name = schema(bench)
    postgres.sql(
        "drop role if exists alice",
        "drop role if exists writers",
        "create role writers",
        "create role alice login noinherit",
        "grant writers to alice",
        f"grant usage on schema {name} to writers, alice",
        f"grant select, insert, update, delete on all tables in schema {name} to writers",
    )
    bench.env["RECONCILER_STATE"] = postgres.url("alice", options="-c%20role%3Dwriters")
    refused = bench.run(*APPLY)
    assert (refused.code, "the login role" in refused.err) == (1, True), refused.err
    assert not service.calls()
    postgres.sql("drop owned by writers, alice", "drop role alice", "drop role writers")


def test_a_second_apply_beside_a_stopped_one_is_kept_out(bench: Workbench, service: Any) -> None:
    run = started(bench, service)
    run.send_signal(signal.SIGSTOP)
    assert bench.run(*APPLY).code == 4, "what was on its way meanwhile is throttled, not placed"
    service.set_faults()
    assert bench.run(*APPLY).code == 4
    assert len(service.calls()) == 2
    run.send_signal(signal.SIGCONT)
    run.communicate()
    assert run.wait() == 0
    assert len(service.calls()) == ROWS


def lose_the_session(postgres: Any, name: str) -> None:
    postgres.terminate(RUNNING)


def settle(postgres: Any, name: str) -> None:
    postgres.sql(f"update {name}.attempts set status = 'ruled_out' where status = 'intended'")


def restore_an_older_copy(postgres: Any, name: str) -> None:
    postgres.sql(f"delete from {name}.ledger_texts", f"delete from {name}.ledger where number > 2")


def exchange(postgres: Any, name: str) -> None:
    postgres.sql(f"update {name}.meta set lineage = '11111111-1111-4111-8111-111111111111'")


@pytest.mark.parametrize("harm", [lose_the_session, settle, restore_an_older_copy, exchange])
def test_a_retry_is_not_sent_without_its_state(bench: Workbench, service: Any, postgres: Any, harm: Any) -> None:
    name = schema(bench)
    run = started(bench, service)
    harm(postgres, name)
    service.set_faults()
    _, err = run.communicate()
    assert (run.wait(), len(service.calls())) == (1, 2), err
    assert "Traceback" not in err
