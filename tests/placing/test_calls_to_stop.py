"""How many calls a run says are to be stopped by hand, and how many of them are new."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Location, Schedule, Status
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile
from reconciler.domain.plan import Action, CallToStop
from reconciler.domain.policy import Hours, Policy, Window
from reconciler.domain.ports import Decision, Intent, Result, Run
from reconciler.placing.calls_to_stop import note_to_stop
from reconciler.planning.context import Context
from tests.memory import InMemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", NOW, "host", 1, "me", "0")
PENDING = Address("june", "pending"), Address("july", "pending")
RANG = Address("june", "rang")
HOURS = Hours(((Window(0, 12 * 60 + 30),),) * 7)  # calls may ring until 12:30, before those of the state do
LISTED = Suppressed(SuppressionFile(ListFile("dnc.csv", Location("x")), date(2026, 6, 1)), frozenset({"contact"}))
FREE = Context(NOW, "test", "lineage", 1)
SUPPRESSED = replace(FREE, people=People((LISTED,), {}))


def to_stop(address: Address) -> CallToStop:
    return CallToStop(
        address=address,
        action=Action.REMOVED,
        reasons=("no-row",),
        why="",
        rings_at=NOW,
        timezone="UTC",
        call_id=None,
        target=None,
    )


@pytest.fixture
def store() -> InMemoryStore:
    """A state with a call to the same person in two plans at 13:00 UTC, and one that rang."""
    store = InMemoryStore(RUN)
    call = Call("agent", "number", contact_id="contact", schedule=Schedule("2026-06-01 15:00:00", "Europe/Madrid"))
    times = [(address, NOW + timedelta(hours=1)) for address in PENDING] + [(RANG, NOW - timedelta(hours=1))]
    digest = identity.digest(call)
    store.turn(RUN.id, [], [Intent(address, call, digest, "endpoint", at) for address, at in times], NOW)
    placed = [Result(address, Status.PLACED, NOW, f"call-{number}") for number, (address, _) in enumerate(times)]
    store.turn(RUN.id, placed, [], NOW)
    return store


def note(
    store: InMemoryStore, *listed: Address, plans: set[str] | None, context: Context = FREE
) -> tuple[int, int]:
    return note_to_stop(store, RUN.id, [to_stop(address) for address in listed], plans, context, NOW)


def test_calls_that_are_over_are_not_counted(store: InMemoryStore) -> None:
    assert note(store, PENDING[0], RANG, Address("june", "unknown"), plans=None) == (1, 1)
    assert note(store, *PENDING, RANG, plans=None) == (2, 1)
    store.decide(RUN.id, [Decision(PENDING[0], NOW, "agreed", let_ring=True)])
    assert note(store, *PENDING, plans=None) == (1, 0)


def test_a_run_of_some_plans_keeps_what_is_known_of_the_others(store: InMemoryStore) -> None:
    assert note(store, *PENDING, plans=None) == (2, 2)
    assert note(store, plans={"june"}) == (0, 0)
    assert store.to_stop_known() == {*PENDING}
    assert note(store, plans=None) == (0, 0)
    assert store.to_stop_known() == frozenset()


@pytest.mark.parametrize(("plans", "count"), [(None, 2), ({"june"}, 1), ({"may"}, 0)])
def test_calls_to_suppressed_people_are_to_be_stopped(
    store: InMemoryStore, plans: set[str] | None, count: int
) -> None:
    assert note(store, plans=plans, context=SUPPRESSED) == (count, count)


def test_hours_are_not_judged_without_the_rows_that_know_where_people_are(store: InMemoryStore) -> None:
    assert note(store, plans=None, context=replace(FREE, policy=Policy(hours=HOURS))) == (0, 0)
