"""Kept conflicts: which of them are over, and which the service's tags settle."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.facts import unresolved
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.plan import Change
from reconciler.domain.ports import CallRegister, Intent, Result, StateStore
from reconciler.evidence import matching as evidence
from reconciler.evidence.matching import Lineage, Match, Unknown
from reconciler.evidence.refresh import ask

# Why a conflict is over, besides a person's word and a call that was adopted.
_CLAIMED = "its calls are other rows'"
_GONE = "no row asks for it"
_PERSON = "its row calls another person"


@dataclass(frozen=True, slots=True)
class FileRows:
    """What a plan of the files says, sorted by address, before anything was left out of it.

    ``scope`` names the plans that were read (None: all).
    """

    changes: Sequence[Change]
    scope: frozenset[str] | None = None

    def at(self, address: Address) -> Change | None:
        """What is said of a row; None where there is none."""
        place = bisect_left(self.changes, address, key=lambda change: change.address)
        found = self.changes[place] if place < len(self.changes) else None
        return found if found is not None and found.address == address and found.source is not None else None

    def gone(self, addresses: Iterable[Address]) -> set[Address]:
        """Those that no row asks for any more."""
        return {
            address
            for address in addresses
            if (self.scope is None or address.plan in self.scope) and self.at(address) is None
        }


def end_conflicts(
    store: StateStore, run_id: str, wanted: Iterable[Address], files: FileRows | None, now: datetime
) -> bool:
    """Forget the conflicts that are over; whether there were any.

    Over are those about calls that belong to other rows, those of rows that are gone, and those of rows that were
    judged anew and are ``wanted`` all the same, since they call another person. ``files`` is None where nobody
    knows what the files ask for now.
    """
    kept = store.conflicts()
    if not kept:
        return False
    over = {
        _CLAIMED: kept.keys() - unresolved(store).keys(),
        _GONE: set() if files is None else files.gone(kept),
        _PERSON: kept.keys() & set(wanted),
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
    """Look the calls of all conflicts up, and adopt those whose tags name the row and its very call.

    Nothing is adopted by likeness: a look-alike is why there is a conflict. ``intent_of`` gives the attempt that a
    row would have been at a moment, None where no row asks for it.

    Raises:
        LookupFailed: the service could not be asked.
    """
    kept = store.conflicts()
    pairs = [(item, intent) for item in kept.values() if (intent := intent_of(item.address, item.at)) is not None]
    if not pairs:
        return []
    listed = [_unknown(intent, item.at, call_id) for item, intent in pairs for call_id in item.call_ids]
    answers = await ask(register, listed, now)
    unknowns = [Unknown(_unknown(intent, now), tags_only=True) for _, intent in pairs]
    claimed = frozenset(store.entries_of_calls(answers.calls.keys()))
    lineage = Lineage(store.lineage, store.renames())
    found = evidence.match(unknowns, answers.calls.values(), claimed, lineage, now)
    for item in found:
        call = answers.calls[item.call_id]
        if (intent := intent_of(item.address, call.created_at)) is not None:
            store.intend(run_id, [intent], now)
            store.adopt(run_id, [Result(item.address, Status.ADOPTED, now, item.call_id, None, item.evidence)])
    return found


def _unknown(intent: Intent, at: datetime, call_id: str | None = None) -> Entry:
    return Entry(
        address=intent.address,
        status=Status.UNCERTAIN,
        call=intent.call,
        digest=intent.digest,
        attempted_at=at,
        rings_at=intent.rings_at,
        call_id=call_id,
    )
