"""What a run asks the service besides placing calls, and what it does with the answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from reconciler.domain.events import Event, EventKind, Tally
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Status
from reconciler.domain.service import RemoteCall
from reconciler.evidence.refresh import PENDING_CALLS
from reconciler.placing.journal import to_intent
from reconciler.placing.service import Service, ServiceQueries
from tests.evidence.test_outcomes import Register
from tests.memory import InMemoryStore
from tests.placing.test_placement import RUN, START, Clock, order


def listed(key: str) -> RemoteCall:
    return RemoteCall(f"call-{key}", "in-progress", START + timedelta(seconds=1), "agent", f"contact-{key}")


class Questions:
    """The queries of one run, of a service that lists these calls."""

    def __init__(self, *calls: RemoteCall) -> None:
        self.store = InMemoryStore(RUN)
        self.directory = Register(calls)
        self.events: list[Event] = []
        self.queries = ServiceQueries(self.store, RUN.id, Clock(), Tally())
        self.service = Service([], self.directory, None, lambda text: None)

    def preflight(self, *keys: str) -> list[str]:
        orders = [order(key) for key in keys]
        left = asyncio.run(self.queries.preflight(orders, self.service, self.events.append))
        return [item.address.key for item in left]

    def settle(self, addresses: frozenset[Address] | None) -> frozenset[Address]:
        return asyncio.run(self.queries.settle(self.service, self.events.append, addresses))


def test_an_order_that_the_service_seems_to_have_is_not_sent() -> None:
    run = Questions(listed("a"))
    assert run.preflight("a", "b") == ["b"]
    [event] = run.events
    assert (event.address.key, event.kind) == ("a", EventKind.CONFLICT)
    assert "call-a" in str(event.message)
    assert [item.call_ids for item in run.store.conflicts().values()] == [("call-a",)]


def test_without_a_call_of_the_same_person_every_order_is_sent() -> None:
    run = Questions(listed("c"))
    assert (run.preflight("a", "b"), run.events, run.store.conflicts()) == (["a", "b"], [], {})


def test_the_preflight_asks_for_pending_calls_of_any_age() -> None:
    run = Questions()
    run.preflight("a")
    assert set(PENDING_CALLS) <= set(run.directory.listings)
    assert all(listing.since is None for listing in PENDING_CALLS)


@pytest.mark.parametrize(("addresses", "adopted"), [(None, "ab"), (frozenset({Address("june", "a")}), "a")])
def test_only_unknown_calls_of_the_addresses_are_settled(
    addresses: frozenset[Address] | None, adopted: str
) -> None:
    run = Questions(listed("a"), listed("b"))
    run.store.turn(RUN.id, [], [to_intent(order(key), START) for key in "ab"], START)
    assert {address.key for address in run.settle(addresses)} == set(adopted)
    statuses = {entry.address.key: entry.status for entry in run.store.entries()}
    assert statuses == {key: Status.ADOPTED if key in adopted else Status.INTENDED for key in "ab"}


def test_a_call_that_a_row_in_conflict_may_have_is_not_adopted_for_another() -> None:
    run = Questions(listed("a"))
    run.store.note_conflicts(
        RUN.id, [Conflict(Address("june", "c"), ("call-a",), "contact-a", "why", START, RUN.id)], START
    )
    run.store.turn(RUN.id, [], [to_intent(order("a"), START)], START)
    assert (run.settle(None), run.events) == (frozenset(), [])
