"""What several runners of one plan ask of a state: rows are claimed once, and only the living hold any."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.domain import identity
from reconciler.domain.claims import JointStore, SharedRow
from reconciler.domain.events import Event, EventKind
from reconciler.domain.model import Address, Call, Status
from reconciler.domain.ports import Intent, Result, Run, Seen
from reconciler.errors import StateError, StateLocked
from reconciler.state.postgres.server import resolve
from reconciler.state.postgres.state import PostgresState

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CALL = Call("agent", "number", contact_id="contact")
ROWS = [Address("june", f"k{number}") for number in range(40)]


def run(name: str, plan: str = "sha256:1") -> Run:
    return Run(name, "apply", datetime.now(UTC), f"{name}-host", 1, "tester", "0", plan_id=plan)


def intent(address: Address) -> Intent:
    return Intent(address, CALL, identity.digest(CALL), "single-contact-call", NOW)


@pytest.fixture
def place(postgres: Any) -> PostgresState:
    """A new state."""
    server = resolve(postgres.url())
    return PostgresState(server, PostgresState(server).create({}))


@pytest.fixture
def two(place: PostgresState) -> Iterator[tuple[Any, Any]]:
    """Two runners of one plan, whose rows ``a`` has shared out."""
    with place.join(run("a"), 0) as a, place.join(run("b"), 0) as b:
        opened(a)
        b.enter(None)
        yield a, b


def opened(store: JointStore, rate: float | None = None) -> None:
    assert store.alone()
    assert not store.begun
    store.open(ROWS, [], rate)
    store.not_alone()


def test_no_two_runners_get_the_same_row(place: PostgresState) -> None:
    def work(store: JointStore) -> list[Address]:
        found: list[Address] = []
        while claimed := store.claim(3).addresses:
            found += claimed
        return found

    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        stores = [stack.enter_context(place.join(run(f"r{number}"), 0)) for number in range(4)]
        opened(stores[0])
        found = [address for part in pool.map(work, stores) for address in part]
        assert sorted(found) == sorted(ROWS)
        assert stores[0].standing().unsent == len(ROWS)


def test_rows_are_claimed_in_the_order_of_the_plan(two: tuple[JointStore, JointStore]) -> None:
    a, b = two
    assert (list(a.claim(3).addresses), list(b.claim(2).addresses)) == (ROWS[:3], ROWS[3:5])


def test_what_a_dead_runner_claimed_is_free_at_once_and_what_it_sent_is_not(
    two: tuple[Any, Any], postgres: Any
) -> None:
    a, b = two
    a.claim(len(ROWS))
    a.intend("a", [intent(address) for address in ROWS[:3]], NOW)
    assert b.claim(5).addresses == []
    assert (b.standing().flying, b.orphans()) == (3, frozenset())
    postgres.terminate(f"pid = {a._raw.info.backend_pid}")
    assert list(b.claim(100).addresses) == ROWS[3:]
    assert b.orphans() == frozenset(ROWS[:3])
    assert (b.standing().flying, b.standing().unsent) == (0, len(ROWS) - 3)
    with pytest.raises(StateError, match="was lost"):
        a.intend("a", [intent(ROWS[5])], NOW)
    with pytest.raises(StateError, match="nothing is sent for it"):
        b.intend("b", [intent(ROWS[0])], NOW)


def test_what_was_proven_not_sent_may_be_claimed_again(two: tuple[JointStore, JointStore]) -> None:
    a, b = two
    a.claim(2)
    a.intend("a", [intent(address) for address in ROWS[:2]], NOW)
    answers = [Result(ROWS[0], Status.RULED_OUT, NOW), Result(ROWS[1], Status.FAILED, NOW, error="no")]
    a.record("a", answers)
    assert list(b.claim(1).addresses) == [ROWS[0]]
    assert b.lots()[1] == SharedRow(ROWS[1], sent=True)


def test_a_row_that_ends_unsent_is_told_to_all(two: tuple[JointStore, JointStore]) -> None:
    a, b = two
    event = Event(EventKind.BLOCKED, a.claim(1).addresses[0], message="not now", reasons=("G001",))
    a.drop([event])
    assert b.lots()[0] == SharedRow(ROWS[0], event=event)
    assert b.standing().unsent == len(ROWS) - 1


def test_what_the_first_saw_is_what_all_have_seen(place: PostgresState) -> None:
    with place.join(run("a"), 0) as a, place.join(run("b"), 0) as b:
        a.note_seen("a", Seen(frozenset({"call-1"}), NOW), NOW)
        opened(a)
        assert b.alone()
        assert b.begun
        assert b.enter(None) == Seen(frozenset({"call-1"}), NOW)


def test_nothing_is_joined_that_nobody_is_left_of(place: PostgresState) -> None:
    with place.join(run("a"), 0) as a:
        opened(a)
        with place.join(run("b"), 0) as b:
            assert b.begun
    with place.join(run("c"), 0) as c:
        assert not c.begun


def test_one_at_a_time_opens_or_settles(two: tuple[JointStore, JointStore]) -> None:
    a, b = two
    assert a.alone()
    assert not b.alone()
    a.not_alone()
    assert b.alone()


def test_all_runners_together_keep_the_lowest_rate(place: PostgresState) -> None:
    with place.join(run("a"), 0) as a, place.join(run("b"), 0) as b:
        opened(a, 1000)
        b.enter(10)
        assert len(a.claim(5).addresses) == 5
        next_at = moment(a)
        for number, store in enumerate((b, a, b), start=1):
            claim = store.claim(5)
            assert len(claim.addresses) == 1, "a tenth of a second's worth"
            assert moment(b) >= next_at + number * 100_000
            assert claim.wait <= 0.8


def moment(store: Any) -> int:
    """The next at which any runner may send, in microseconds."""
    return int(store._one("select next_at from joint")["next_at"])


@pytest.mark.parametrize("plan", ["sha256:1", "sha256:2"])
def test_runners_of_one_plan_only(place: PostgresState, plan: str) -> None:
    with place.join(run("a"), 0) as a:
        if plan == "sha256:1":
            with place.join(run("b", plan), 0) as b:
                b.intend("b", [intent(ROWS[0])], NOW)
        else:
            message = "locked by runners of another plan .* host a-host"
            with pytest.raises(StateLocked, match=message), place.join(run("b", plan), 0):
                pass
        assert [item.id for item in a.runs() if item.id == "b"] == (["b"] if plan == "sha256:1" else [])


def test_a_run_that_writes_alone_keeps_runners_out_and_they_keep_it_out(place: PostgresState) -> None:
    with place.store(run("alone"), 0), pytest.raises(StateLocked, match="alone-host"), place.join(run("a"), 0.05):
        pass
    with place.join(run("a"), 0), place.join(run("b"), 0):
        for timeout in (0, 0.05):
            with (
                pytest.raises(StateLocked, match=r"a-host.* and 1 other of the same plan"),
                place.store(run("alone"), timeout),
            ):
                pass
    with place.store(run("alone again"), 0):
        pass


def test_a_runner_that_is_not_known_to_live_writes_nothing(two: tuple[Any, Any]) -> None:
    a, b = two
    a._raw.execute("select pg_advisory_unlock_all()")
    with pytest.raises(StateError, match="no longer holds the state's lock"):
        a.intend("a", [intent(ROWS[0])], NOW)
    assert list(b.entries()) == []


def test_who_is_at_work_is_told(two: tuple[Any, Any], place: PostgresState) -> None:
    a, b = two
    a.claim(4)
    a.intend("a", [intent(address) for address in ROWS[:3]], NOW)
    a.record("a", [Result(ROWS[0], Status.PLACED, NOW, "call-1"), Result(ROWS[1], Status.UNCERTAIN, NOW)])
    b.end_run("b", NOW, 0, {})
    found = place.lock()
    assert found.held
    [runner] = found.runners
    counts = (runner.claimed, runner.flying, runner.placed, runner.failed, runner.uncertain)
    assert (runner.run.id, counts) == ("a", (1, 1, 1, 0, 1))


def test_what_is_shared_out_is_no_part_of_the_ledger(two: tuple[JointStore, JointStore], place: Any) -> None:
    a, _ = two
    a.claim(4)
    a.intend("a", [intent(ROWS[0])], NOW)
    assert place.verify(()).problems == []
    assert place.check(datetime.now(UTC)) == []


def test_a_state_of_an_older_version_gets_the_tables_once(place: PostgresState, postgres: Any) -> None:
    with place.store(run("first"), 0) as store:
        schema = store._session.connection.schema  # type: ignore[attr-defined]
    postgres.sql(
        f"drop table {schema}.claims, {schema}.joint",
        f"delete from {schema}.steps where name = 'create_claims'",
    )
    with place.join(run("a"), 0) as a, replace(place).join(run("b"), 0) as b:
        opened(a)
        assert b.begun
