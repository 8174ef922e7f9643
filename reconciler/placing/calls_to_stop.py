"""The calls to stop by hand at the end of a run: which are listed now, and which of them are new."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.domain.model import Address, Entry
from reconciler.domain.plan import CallToStop
from reconciler.domain.ports import StateStore
from reconciler.planning.context import Context
from reconciler.planning.forbidden import PlacedCalls


def note_to_stop(
    store: StateStore,
    run_id: str,
    listed: Iterable[CallToStop],
    plans: Collection[str] | None,
    context: Context,
    at: datetime,
) -> tuple[int, int]:
    """Record that the calls to stop were shown; returns how many there are, and how many are new.

    ``listed`` are those of the run's plan. ``plans`` are the plans that it covers; None if it was made now from
    the whole project. Then all other calls are removed from the record, else only those that are over.
    """
    known, named = store.to_stop_known(), {call.address for call in listed}
    entries = store.entries_at(known | named)
    ahead = {address for address, entry in entries.items() if _is_open(entry, context.now)}
    found = frozenset(named & ahead) | _forbidden(store, plans, context)
    kept = frozenset() if plans is None else known & ahead
    store.note_to_stop(run_id, found | kept, at)
    return len(found), len(found - known)


def _is_open(entry: Entry, now: datetime) -> bool:
    """Whether a call will ring and was not allowed to with ``--let-ring``."""
    return entry.let_ring_at is None and entry.will_ring(now)


def _forbidden(store: StateStore, plans: Collection[str] | None, context: Context) -> frozenset[Address]:
    """The pending calls of these plans (None: all) that the current rules and lists forbid. A saved plan may be
    older than the rules, and other runs may have placed calls since its data was read.
    """
    placed = PlacedCalls(replace(context, complete=False))
    if not placed.codes:
        return frozenset()
    pending = (
        entry
        for entry in store.entries_ahead(context.now)
        if _is_open(entry, context.now) and (plans is None or entry.address.plan in plans)
    )
    return frozenset(placed.forbidden(pending))
