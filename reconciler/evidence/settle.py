"""Query the service for the outcomes of unknown attempts, and for calls that may already exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.domain.clocks import Clock
from reconciler.domain.events import Event, EventKind
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.people import person
from reconciler.domain.plan import Change
from reconciler.domain.ports import DUPLICATE_CALL_ID, Result, Seen, StateStore
from reconciler.domain.service import CallDirectory, CallRegister, Listing, RemoteCall
from reconciler.evidence import matching
from reconciler.evidence.matching import Lineage, Match, UnknownAttempt
from reconciler.evidence.refresh import PENDING_CALLS, list_calls
from reconciler.evidence.tagging import (
    TAGS,
    current_lineage,
    is_own,
    keep_copies,
    refusal,
    shows_tags,
    tags_returned,
    unknown_calls,
)


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
    in_conflict = frozenset(call_id for item in store.conflicts().values() for call_id in item.call_ids)
    unknowns = [_unknown_attempt(store, entry, in_conflict) for entry in store.unknown_entries()]
    if not unknowns:
        return []
    remote: list[RemoteCall] = []
    for agent in sorted({unknown.entry.call.agent for unknown in unknowns}):
        times = [unknown.span for unknown in unknowns if unknown.entry.call.agent == agent]
        since, until = min(start for start, _ in times), max(end for _, end in times)
        remote += await directory.calls(Listing(since, until, agent))
    now = clock.now()
    returned = tags_returned(store, run_id, directory.service, remote, now)
    claimed = _claimed(store, remote)
    if TAGS not in store.facts(directory.service):
        returned = shows_tags(store, remote, claimed)
    matches = matching.match(unknowns, remote, claimed, current_lineage(store), now, tags_returned=returned)
    matches = [item for item in matches if only is None or item.address in only]
    if matches:
        store.adopt(
            run_id,
            [Result(item.address, Status.ADOPTED, now, item.call_id, None, item.evidence) for item in matches],
        )
    return matches


def _claimed(store: StateStore, remote: Iterable[RemoteCall]) -> frozenset[str]:
    """The listed calls that are recorded in the state. It is read after the listing, so that a call recorded
    meanwhile is not taken for an unrecorded one.
    """
    return frozenset(store.entries_of_calls([call.id for call in remote]))


def _unknown_attempt(store: StateStore, entry: Entry, in_conflict: frozenset[str]) -> UnknownAttempt:
    """The attempt with the calls that were listed before it was sent.

    The calls that rows in conflict may have (``in_conflict``) are not its own either, if only likeness matches.
    """
    attempts = store.attempts(entry.address)
    if not attempts:
        return UnknownAttempt(entry, Seen(in_conflict))
    latest = attempts[-1]
    seen = store.seen(latest.run_id)
    seen = replace(seen, call_ids=seen.call_ids | in_conflict)
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
    remote = await list_calls(directory, *PENDING_CALLS, Listing(since=now - matching.LOOK_BACK))
    claimed = _claimed(store, remote.values())
    recent = now - matching.CLOCK_SKEW - matching.LONGEST_ATTEMPT
    unclaimed = (item.id for item in remote.values() if item.id not in claimed and item.created_at > recent)
    store.note_seen(run_id, Seen(frozenset(unclaimed), directory.server_time), now)
    returned = tags_returned(store, run_id, directory.service, await _with_own(store, directory, remote), now)
    if copies := unknown_calls(store, remote.values(), claimed):
        keep_copies(store, run_id, copies, now)
        raise refusal(copies)
    cleared = store.cleared()
    alike = _Index(remote.values(), claimed, current_lineage(store), tags_returned=returned)
    return [
        Conflict(
            order.address,
            tuple(item.id for item in matches),
            order.required_call.target,
            _describe(matches),
            now,
            run_id,
        )
        for order in orders
        if order.address not in cleared and (matches := alike.candidates(order))
    ]


async def _with_own(
    store: StateStore, directory: CallRegister, remote: Mapping[str, RemoteCall]
) -> Sequence[RemoteCall]:
    """The listed calls. If none of ours is among them, our latest call is queried by its id and added."""
    by_hand = store.calls_recorded_by_hand()
    if store.facts(directory.service).get(TAGS) or any(
        is_own(entry, by_hand) for entry in store.entries_of_calls(remote.keys()).values()
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
    remote = await directory.calls(Listing(since=since - matching.CLOCK_SKEW))
    tags_returned(store, run_id, directory.service, remote, now)
    conflicts = keep_copies(store, run_id, unknown_calls(store, remote, _claimed(store, remote)), now)
    return [Event(EventKind.CONFLICT, item.address, message=item.message) for item in conflicts]


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
            for name in matching.names(item, lineage):
                self._by_name.setdefault(name, []).append(item)

    def candidates(self, order: Change) -> list[RemoteCall]:
        names = (str(order.address), order.digest, person(order.required_call.target))
        near = {item.id: item for name in names for item in self._by_name.get(name, ())}
        return matching.look_alikes(
            order, near.values(), self._claimed, self._lineage, tags_returned=self._tags_returned
        )


def _describe(calls: Sequence[RemoteCall]) -> str:
    return f"the service has {matching.describe_calls(calls)}, not recorded in this state"
