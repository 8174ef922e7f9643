"""Asking the service: what became of unknown attempts, and whether what is about to be sent exists already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.engine import evidence
from reconciler.engine.evidence import Lineage, Match, Unknown
from reconciler.engine.orders import Order
from reconciler.facts import Conflict
from reconciler.model import Address, Entry, Status
from reconciler.ports import (
    DUPLICATE_CALL_ID,
    CallDirectory,
    Clock,
    Listing,
    RemoteCall,
    Result,
    Seen,
    StateStore,
)

_SHOWN = 100  # characters of an id or a status, which may be of any length


async def settle(
    store: StateStore,
    run_id: str,
    directory: CallDirectory,
    clock: Clock,
    only: frozenset[Address] | None = None,
) -> list[Match]:
    """Look all unknown attempts up, and adopt those that are certain. The others stay unknown.

    Only those among ``only`` are adopted, where it is given: the others are under way.

    Raises:
        LookupFailed: the service could not be asked.
    """
    held = frozenset(call_id for item in store.conflicts().values() for call_id in item.call_ids)
    unknowns = [_unknown(store, entry, held) for entry in store.entries() if entry.unknown]
    if not unknowns:
        return []
    remote: list[RemoteCall] = []
    for agent in sorted({unknown.entry.call.agent for unknown in unknowns}):
        of_agent = [unknown for unknown in unknowns if unknown.entry.call.agent == agent]
        since, until = evidence.span_of(of_agent)
        remote += await directory.calls(Listing(since, until, agent))
    now = clock.now()
    found = evidence.match(unknowns, remote, _claimed(store), _lineage(store), now)
    found = [item for item in found if only is None or item.address in only]
    if found:
        store.adopt(
            run_id,
            [Result(item.address, Status.ADOPTED, now, item.call_id, None, item.evidence) for item in found],
        )
    return found


def _claimed(store: StateStore) -> frozenset[str]:
    """The calls that the state knows as its own."""
    return frozenset(entry.call_id for entry in store.entries() if entry.call_id is not None)


def _lineage(store: StateStore) -> Lineage:
    return Lineage(store.lineage, store.renames())


def _unknown(store: StateStore, entry: Entry, held: frozenset[str]) -> Unknown:
    """With what was listed before its latest attempt was sent.

    The calls that rows in conflict may have (``held``) are none of its own either, as far as likeness tells.
    """
    attempts = store.attempts(entry.address)
    if not attempts:
        return Unknown(entry, Seen(held))
    latest = attempts[-1]
    seen = store.seen(latest.run_id)
    seen = replace(seen, call_ids=seen.call_ids | held)
    return Unknown(entry, seen, tags_only=latest.evidence == DUPLICATE_CALL_ID)


async def preflight(
    store: StateStore, run_id: str, directory: CallDirectory, orders: Sequence[Order], now: datetime
) -> list[Conflict]:
    """A conflict for each order that may exist already: placed by an old, forked or restored state.

    What is listed and unclaimed is kept, so that none of it is later taken for a call of this run.

    Raises:
        LookupFailed: the service could not be asked; then nothing may be sent.
    """
    listings = [Listing(status=status) for status in evidence.PENDING]
    listings.append(Listing(since=now - evidence.LOOK_BACK))
    remote: dict[str, RemoteCall] = {}
    for listing in listings:
        remote |= {call.id: call for call in await directory.calls(listing)}
    claimed = _claimed(store)
    recent = now - evidence.CLOCK_SKEW - evidence.LONGEST_ATTEMPT
    unclaimed = (item.id for item in remote.values() if item.id not in claimed and item.created_at > recent)
    store.note_seen(run_id, Seen(frozenset(unclaimed), directory.server_time), now)
    cleared = store.cleared()
    alike = _Index(remote.values(), claimed, _lineage(store))
    return [
        Conflict(order.address, tuple(item.id for item in found), order.call.target, _found(found), now, run_id)
        for order in orders
        if order.address not in cleared and (found := alike.of(order))
    ]


class _Index:
    """Listed calls by what they could be recognised by, so that many orders are checked in one pass."""

    def __init__(self, remote: Iterable[RemoteCall], claimed: frozenset[str], lineage: Lineage) -> None:
        self._lineage = lineage
        self._claimed = claimed
        self._by_target: dict[str | None, list[RemoteCall]] = {}
        self._by_tag: dict[str | None, list[RemoteCall]] = {}
        for item in remote:
            if item.tags is None:
                for target in filter(None, {item.contact_id, item.number}):
                    self._by_target.setdefault(evidence.bare(target), []).append(item)
                continue
            address = evidence.tagged_address(item, lineage)
            names = {evidence.tagged_digest(item, lineage), None if address is None else str(address)}
            for name in names - {None}:
                self._by_tag.setdefault(name, []).append(item)

    def of(self, order: Order) -> list[RemoteCall]:
        near = {
            item.id: item
            for index, name in (
                (self._by_tag, str(order.address)),
                (self._by_tag, order.digest),
                (self._by_target, evidence.bare(order.call.target)),
            )
            for item in index.get(name, ())
        }
        return evidence.look_alikes(order, near.values(), self._claimed, self._lineage)


def _found(calls: Sequence[RemoteCall]) -> str:
    listed = ", ".join(f"{item.id[:_SHOWN]} ({item.status[:_SHOWN]})" for item in calls[:3])
    more = f" and {len(calls) - 3} more" if len(calls) > 3 else ""
    return f"the service has {listed}{more}, which this state does not know"
