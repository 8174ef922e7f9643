"""The calls to stop by hand at the end of a run: what is on the list by now, and what no run has shown before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.engine.context import Context
from reconciler.engine.forbidden import Judged, PlacedCalls
from reconciler.model import Address, Entry
from reconciler.plan import Action, CallToStop, Change
from reconciler.ports import StateStore


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
    ahead = {item.address: item for item in store.entries() if _is_open(item, context.now)}
    found = _still_to_stop(listed, ahead, plans, context)
    known = store.to_stop_known()
    kept = frozenset() if plans is None else known & ahead.keys()
    store.note_to_stop(run_id, found | kept, at)
    return len(found), len(found - known)


def _is_open(entry: Entry, now: datetime) -> bool:
    """Whether a call will ring, and nobody has decided that it is to."""
    return entry.let_ring_at is None and entry.will_ring(now)


def _still_to_stop(
    listed: Iterable[CallToStop], ahead: Mapping[Address, Entry], plans: Collection[str] | None, context: Context
) -> frozenset[Address]:
    """The calls to stop by hand among those that are ``ahead``: the ``listed`` ones, and what the rules and lists
    of this moment forbid, of these plans (None: of all). A plan that was saved may be older than they are.
    """
    judged = PlacedCalls(replace(context, complete=False)).judged(
        Judged(Change(entry.address, Action.UNCHANGED, entry.digest), entry)
        for entry in ahead.values()
        if plans is None or entry.address.plan in plans
    )
    forbidden = {item.change.address for item in judged if item.change.action is Action.FORBIDDEN}
    return frozenset(forbidden | {call.address for call in listed if call.address in ahead})
