"""Plans that people approved, as an allow-list over rows planned again from the merged files.

An approved plan is never the source of a request: what is sent comes from the files, so that forging a plan cannot
add a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.engine.events import Event, Kind
from reconciler.errors import Refused
from reconciler.model import Address
from reconciler.plan import Action, Change, Plan

_GONE = frozenset({Action.HELD, Action.REMOVED, Action.WAITING})


def allow(plan: Plan, approved: Sequence[Plan], scope: frozenset[str] | None) -> tuple[Plan, list[Event]]:
    """What of ``plan`` was approved, and a ``stale`` event for each row where the two differ.

    Every plan of ``approved`` counts. ``scope`` names the plans whose approved rows are missed where the files no
    longer ask for them (None: all).

    Raises:
        Refused: the files move addresses that no approved plan moves.
    """
    _check_moves(plan, approved)
    wanted: dict[Address, list[Change]] = {}
    for change in (change for one in approved for change in one.of(Action.CREATE)):
        wanted.setdefault(change.address, []).append(change)
    kept: list[Change] = []
    stale: list[Event] = []
    for change in plan.changes:
        if change.action is Action.CREATE and (why := _objection(change, wanted.get(change.address, []))):
            stale.append(Event(Kind.STALE, change.address, message=why))
        else:
            kept.append(change)
    stale += _dropped(plan, wanted, scope)
    return replace(plan, changes=tuple(kept)), stale


def _check_moves(plan: Plan, approved: Sequence[Plan]) -> None:
    known = {pair for one in approved for pair in one.moves}
    for old, new in plan.moves:
        if (old, new) not in known:
            raise Refused(f"the files move {old} to {new}, which no approved plan does: nothing was placed")


def _objection(change: Change, candidates: Sequence[Change]) -> str | None:
    """Why a call may not be placed; None where one of the approved ones is the same."""
    if any(_same(change, candidate) for candidate in candidates):
        return None
    if not candidates:
        return "not in the approved plan: not placed. Plan it in a pull request of its own"
    return "it differs from what was approved: not placed. Plan again and have that approved"


def _same(change: Change, approved: Change) -> bool:
    """The same request for the same time, under the same conditions."""

    def told(item: Change) -> tuple[object, ...]:
        times = (item.scheduled_at, item.place_by, item.called_timezone)
        return (item.digest, item.request, times, item.distinct)

    return told(change) == told(approved)


def _dropped(plan: Plan, wanted: Iterable[Address], scope: frozenset[str] | None) -> Iterable[Event]:
    """Approved calls that the files no longer ask for: what was approved is not what will happen."""
    current = {change.address: change.action for change in plan.changes}
    for address in sorted(wanted):
        in_scope = scope is None or address.plan in scope
        if in_scope and (address not in current or current[address] in _GONE):
            yield Event(Kind.STALE, address, message="it was approved, and the files no longer ask for it")
