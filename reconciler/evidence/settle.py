"""Query the service for the outcomes of unknown attempts, and for calls that may already exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.domain.events import Event, EventKind
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.people import person
from reconciler.domain.plan import Change
from reconciler.domain.ports import DUPLICATE_CALL_ID, Clock, Result, Seen, StateStore
from reconciler.domain.service import CallDirectory, CallRegister, Listing, RemoteCall
from reconciler.evidence import matching as evidence
from reconciler.evidence.matching import Lineage, Match, UnknownAttempt
from reconciler.evidence.tagging import (
    TAGS,
    is_own,
    keep_copies,
    refusal,
    shows_tags,
    tags_returned,
    unknown_calls,
)

_SHOWN = 100  # the most characters of an id or a status in a message


async def settle(
    store: StateStore,
    run_id: str,
    directory: CallDirectory,
    clock: Clock,
    only: frozenset[Address] | None = None,
) -> list[Match]:
    """Look up all unknown attempts, and adopt those that are certain. The others stay unknown.

    If ``only`` is given, only these are adopted, because the others are in flight.

    Raises:
        LookupFailed: the service could not be queried.
    """
    held = frozenset(call_id for item in store.conflicts().values() for call_id in item.call_ids)
    unknowns = [_unknown_attempt(store, entry, held) for entry in store.unknown_entries()]
    if not unknowns:
        return []
    remote: list[RemoteCall] = []
    for agent in sorted({unknown.entry.call.agent for unknown in unknowns}):
        of_agent = [unknown for unknown in unknowns if unknown.entry.call.agent == agent]
        since, until = evidence.combined_span(of_agent)
        remote += await directory.calls(Listing(since, until, agent))
    now = clock.now()
    returned = tags_returned(store, run_id, directory.service, remote, now)
    claimed = _claimed(store, remote)
    if TAGS not in store.facts(directory.service):
        returned = shows_tags(store, remote, claimed)
    found = evidence.match(unknowns, remote, claimed, _lineage(store), now, tags_returned=returned)
    found = [item for item in found if only is None or item.address in only]
    if found:
        store.adopt(
            run_id,
            [Result(item.address, Status.ADOPTED, now, item.call_id, None, item.evidence) for item in found],
        )
    return found


def _claimed(store: StateStore, remote: Iterable[RemoteCall]) -> frozenset[str]:
    """The listed calls that are recorded in the state. It is read after the listing, so that a call recorded
    meanwhile is not taken for an unrecorded one.
    """
    return frozenset(store.entries_of_calls([call.id for call in remote]))


def _lineage(store: StateStore) -> Lineage:
    return Lineage(store.lineage, store.renames())


def _unknown_attempt(store: StateStore, entry: Entry, held: frozenset[str]) -> UnknownAttempt:
    """The attempt with the calls that were listed before it was sent.

    The calls that rows in conflict may have (``held``) are not its own either, if only likeness matches.
    """
    attempts = store.attempts(entry.address)
    if not attempts:
        return UnknownAttempt(entry, Seen(held))
    latest = attempts[-1]
    seen = store.seen(latest.run_id)
    seen = replace(seen, call_ids=seen.call_ids | held)
    return UnknownAttempt(entry, seen, tags_only=latest.evidence == DUPLICATE_CALL_ID)


async def preflight(
    store: StateStore, run_id: str, directory: CallRegister, orders: Sequence[Change], now: datetime
) -> list[Conflict]:
    """A conflict for each order that may already exist, placed by an old, forked or restored state.

    Unrecorded listed calls are remembered, so that none of them is later taken for a call of this run.

    Raises:
        LookupFailed: the service could not be queried; then nothing may be sent.
        Refused: another copy of this state is in use.
    """
    listings = [Listing(status=status) for status in evidence.PENDING]
    listings.append(Listing(since=now - evidence.LOOK_BACK))
    remote: dict[str, RemoteCall] = {}
    for listing in listings:
        remote |= {call.id: call for call in await directory.calls(listing)}
    claimed = _claimed(store, remote.values())
    recent = now - evidence.CLOCK_SKEW - evidence.LONGEST_ATTEMPT
    unclaimed = (item.id for item in remote.values() if item.id not in claimed and item.created_at > recent)
    store.note_seen(run_id, Seen(frozenset(unclaimed), directory.server_time), now)
    returned = tags_returned(store, run_id, directory.service, await _with_own(store, directory, remote), now)
    if copies := unknown_calls(store, remote.values(), claimed):
        keep_copies(store, run_id, copies, now)
        raise refusal(copies)
    cleared = store.cleared()
    alike = _Index(remote.values(), claimed, _lineage(store), tags_returned=returned)
    return [
        Conflict(
            order.address,
            tuple(item.id for item in found),
            order.required_call.target,
            _describe_calls(found),
            now,
            run_id,
        )
        for order in orders
        if order.address not in cleared and (found := alike.candidates(order))
    ]


async def _with_own(
    store: StateStore, directory: CallRegister, remote: Mapping[str, RemoteCall]
) -> Sequence[RemoteCall]:
    """The listed calls. If none of ours is among them, our latest call is queried by its id and added."""
    if store.facts(directory.service).get(TAGS) or any(
        is_own(store, entry) for entry in store.entries_of_calls(remote.keys()).values()
    ):
        return [*remote.values()]
    latest = store.latest_own_entry()
    call = await directory.call(latest.call_id) if latest is not None and latest.call_id else None
    return [*remote.values(), *([call] if call else [])]


async def look_after(
    store: StateStore, run_id: str, directory: CallDirectory, since: datetime, now: datetime
) -> list[Event]:
    """Calls that another copy of this state placed during this run. ``since`` is the start of the run.

    The state is read after the listing, so that calls of other runners of the same state are known.

    Raises:
        LookupFailed: the service could not be queried.
    """
    remote = await directory.calls(Listing(since=since - evidence.CLOCK_SKEW))
    tags_returned(store, run_id, directory.service, remote, now)
    kept = keep_copies(store, run_id, unknown_calls(store, remote, _claimed(store, remote)), now)
    return [Event(EventKind.CONFLICT, item.address, message=item.message) for item in kept]


class _Index:
    """Listed calls by their recognisable features, so that many orders are checked in one pass."""

    def __init__(
        self, remote: Iterable[RemoteCall], claimed: frozenset[str], lineage: Lineage, *, tags_returned: bool
    ) -> None:
        self._lineage = lineage
        self._claimed = claimed
        self._tags_returned = tags_returned
        self._by_name: dict[str, list[RemoteCall]] = {}
        for item in remote:
            for name in evidence.names(item, lineage):
                self._by_name.setdefault(name, []).append(item)

    def candidates(self, order: Change) -> list[RemoteCall]:
        names = (str(order.address), order.digest, person(order.required_call.target))
        near = {item.id: item for name in names for item in self._by_name.get(name, ())}
        return evidence.look_alikes(
            order, near.values(), self._claimed, self._lineage, tags_returned=self._tags_returned
        )


def _describe_calls(calls: Sequence[RemoteCall]) -> str:
    listed = ", ".join(f"{item.id[:_SHOWN]} ({item.status[:_SHOWN]})" for item in calls[:3])
    more = f" and {len(calls) - 3} more" if len(calls) > 3 else ""
    return f"the service has {listed}{more}, not recorded in this state"
