"""The calls to stop by hand at the end of a run: what is on the list by now, and what no run has shown before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.domain.model import Address, Entry
from reconciler.domain.plan import Action, CallToStop, Change
from reconciler.domain.ports import StateStore
from reconciler.planning.context import Context
from reconciler.planning.forbidden import Judged, PlacedCalls


def note_to_stop(
    store: StateStore,
    run_id: str,
    listed: Iterable[CallToStop],
    plans: Collection[str] | None,
    context: Context,
    at: datetime,
) -> tuple[int, int]:
    """Record that the calls to stop were shown; how many there are, and how many are new.

    ``listed`` are those of the run's plan. ``plans`` are those that it speaks of, None where it was made now of
    the whole project: then all others are taken off the record, else only those that are over.
    """
    known, named = store.to_stop_known(), {call.address for call in listed}
    entries = store.entries_at(known | named)
    ahead = {address for address, entry in entries.items() if _is_open(entry, context.now)}
    found = frozenset(named & ahead) | _forbidden(store, plans, context)
    kept = frozenset() if plans is None else known & ahead
    store.note_to_stop(run_id, found | kept, at)
    return len(found), len(found - known)


def _is_open(entry: Entry, now: datetime) -> bool:
    """Whether a call will ring, and nobody has decided that it is to."""
    return entry.let_ring_at is None and entry.will_ring(now)


def _forbidden(store: StateStore, plans: Collection[str] | None, context: Context) -> frozenset[Address]:
    """The calls ahead that the rules and lists of this moment forbid, of these plans (None: of all). A plan that
    was saved may be older than they are, and so may what was read to judge it: this run and others have placed
    calls since.
    """
    placed = PlacedCalls(replace(context, complete=False))
    if not placed.codes:
        return frozenset()
    judged = placed.judged(
        Judged(Change(entry.address, Action.UNCHANGED, entry.digest), entry)
        for entry in store.entries_ahead(context.now)
        if _is_open(entry, context.now) and (plans is None or entry.address.plan in plans)
    )
    return frozenset(item.change.address for item in judged if item.change.action is Action.FORBIDDEN)
