"""Recorded conflicts: which of them no longer apply, and which the service's tags resolve."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.facts import unresolved
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.plan import Change
from reconciler.domain.ports import Intent, Result, StateStore
from reconciler.domain.service import CallRegister
from reconciler.evidence import matching
from reconciler.evidence.matching import Match, UnknownAttempt
from reconciler.evidence.refresh import query_calls
from reconciler.evidence.tagging import current_lineage

# Reasons to end a conflict, besides a person's decision and an adopted call.
_CLAIMED = "its calls belong to other rows"
_GONE = "its row was removed"
_PERSON = "its row now calls another person"


@dataclass(frozen=True, slots=True)
class FileRows:
    """The plan of the files, sorted by address, before any filter.

    ``scope`` names the plans that were read (None: all).
    """

    changes: Sequence[Change]
    scope: frozenset[str] | None = None

    def at(self, address: Address) -> Change | None:
        """The change of a row; None if there is none."""
        place = bisect_left(self.changes, address, key=lambda change: change.address)
        change = self.changes[place] if place < len(self.changes) else None
        return change if change is not None and change.address == address and change.source is not None else None

    def gone(self, addresses: Iterable[Address]) -> set[Address]:
        """The addresses that have no row any more."""
        return {
            address
            for address in addresses
            if (self.scope is None or address.plan in self.scope) and self.at(address) is None
        }


def end_conflicts(
    store: StateStore, run_id: str, wanted: Iterable[Address], files: FileRows | None, now: datetime
) -> bool:
    """End the conflicts that no longer apply; returns whether there were any.

    A conflict ends if its calls belong to other rows, if its row was removed, or if its row was judged again and
    is still ``wanted``, because it now calls another person. ``files`` is None if the current rows are unknown.
    """
    recorded = store.conflicts()
    if not recorded:
        return False
    over = {
        _CLAIMED: recorded.keys() - unresolved(store).keys(),
        _GONE: set() if files is None else files.gone(recorded),
        _PERSON: recorded.keys() & set(wanted),
    }
    for why, addresses in over.items():
        if addresses:
            store.end_conflicts(run_id, addresses, why, now)
    return any(over.values())


async def settle_conflicts(
    store: StateStore,
    run_id: str,
    register: CallRegister,
    intent_of: Callable[[Address, datetime], Intent | None],
    now: datetime,
) -> list[Match]:
    """Look up the calls of all conflicts, and adopt those whose tags name the row and exactly its call.

    No call is adopted by likeness, because a similar call is the cause of the conflict. ``intent_of`` returns the
    attempt for a row at a moment, None if the row was removed.

    Raises:
        LookupFailed: the service could not be queried.
    """
    recorded = store.conflicts()
    pairs = [
        (item, intent) for item in recorded.values() if (intent := intent_of(item.address, item.at)) is not None
    ]
    if not pairs:
        return []
    listed = [_unknown_entry(intent, item.at, call_id) for item, intent in pairs for call_id in item.call_ids]
    answers = await query_calls(register, listed, now)
    unknowns = [UnknownAttempt(_unknown_entry(intent, now), tags_only=True) for _, intent in pairs]
    claimed = frozenset(store.entries_of_calls(answers.calls.keys()))
    matches = matching.match(unknowns, answers.calls.values(), claimed, current_lineage(store), now)
    for item in matches:
        call = answers.calls[item.call_id]
        if (intent := intent_of(item.address, call.created_at)) is not None:
            store.intend(run_id, [intent], now)
            store.adopt(run_id, [Result(item.address, Status.ADOPTED, now, item.call_id, None, item.evidence)])
    return matches


def _unknown_entry(intent: Intent, at: datetime, call_id: str | None = None) -> Entry:
    return Entry(
        address=intent.address,
        status=Status.UNCERTAIN,
        call=intent.call,
        digest=intent.digest,
        attempted_at=at,
        rings_at=intent.rings_at,
        call_id=call_id,
    )
