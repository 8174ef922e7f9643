"""An approved plan against the state as it is now, under the lock: what may still be sent, and what moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from reconciler.engine.events import Event, Kind
from reconciler.engine.explain import RETRIED
from reconciler.engine.guarding import by_guard
from reconciler.engine.orders import Order
from reconciler.engine.plan import Context, make_plan
from reconciler.model import Action, Address, Change, Entry, Location, Plan, Row
from reconciler.ports import Intent
from reconciler.wire import endpoint


@dataclass(slots=True)
class Ready:
    """What an apply has to do: ``orders`` to send, ``missed`` to record, ``events`` to tell at once."""

    orders: list[Order] = field(default_factory=list)
    missed: list[Intent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    expired_before: int = 0
    changed_ahead: int = 0


def recheck(approved: Plan, entries: Iterable[Entry], context: Context) -> Ready:
    """Judge the approved rows again. Nothing becomes an order that the approved plan does not hold as it is."""
    known = {entry.address: entry for entry in entries}
    wanted = [change for change in approved.changes if change.action in {Action.CREATE, Action.EXPIRED}]
    rows = [_row(change) for change in wanted if change.call is not None]
    siblings = frozenset(change.address for change in wanted)
    retried = frozenset(change.address for change in wanted if RETRIED in change.reasons)
    context = replace(context, siblings=siblings, retried=retried, scope=frozenset())
    now = make_plan(rows, known.values(), context)
    current = {change.address: change for change in now.changes}
    ready = Ready()
    for change in approved.changes:
        if change.address in current:
            _judge(change, current[change.address], context, ready)
        elif change.action is Action.UNCERTAIN:
            _judge_uncertain(change, known.get(change.address), ready)
        elif change.action is Action.HELD and "rejected-twice" in change.reasons:
            ready.events.append(Event(Kind.FAILED, change.address, message=change.message))
        elif change.action is Action.CHANGED:
            ready.changed_ahead += _wanted_ahead(change, known, context)
    return ready


def _row(change: Change) -> Row:
    if change.call is None:
        raise ValueError(f"{change.address} carries no call")
    return Row(
        address=change.address,
        call=change.call,
        source=change.source or Location("plan"),
        rings_at=change.scheduled_at,
        place_by=change.place_by,
        distinct=change.distinct,
        called_timezone=change.called_timezone,
    )


def _judge(change: Change, current: Change, context: Context, ready: Ready) -> None:
    address, message = change.address, current.message
    if current.action is Action.EXPIRED:
        if "recorded" in current.reasons:
            ready.expired_before += 1
        else:
            ready.missed.append(_missed(current, context))
            ready.events.append(Event(Kind.EXPIRED, address, message=message))
    elif current.action is Action.UNCHANGED:
        ready.events.append(Event(Kind.SKIPPED, address, message="already placed"))
    elif current.action is Action.UNCERTAIN:
        ready.events.append(Event(Kind.UNCERTAIN, address, message=message))
    elif by_guard(current):
        ready.events.append(Event(Kind.BLOCKED, address, message=message, reasons=current.reasons))
    elif current.action is Action.HELD:
        ready.events.append(Event(Kind.FAILED, address, message=message))
    elif current.action is Action.CREATE and change.request is not None and current.call is not None:
        if current.request == change.request and current.digest == change.digest:
            times = (change.scheduled_at, change.place_by, change.called_timezone)
            ready.orders.append(Order(address, current.call, current.digest, change.request, *times))
        else:
            message = "the request it would send now is not the approved one; plan again"
            ready.events.append(Event(Kind.CONFLICT, address, message=message))
    else:
        ready.events.append(Event(Kind.CONFLICT, address, message=message or "the state moved; plan again"))


def _missed(change: Change, context: Context) -> Intent:
    if change.call is None:
        raise ValueError(f"{change.address} carries no call")
    since = change.scheduled_at or change.place_by or context.now
    return Intent(change.address, change.call, change.digest, endpoint(change.call), since)


def _judge_uncertain(change: Change, entry: Entry | None, ready: Ready) -> None:
    if entry is not None and entry.unknown:
        ready.events.append(Event(Kind.UNCERTAIN, change.address, message=change.message))
    elif entry is not None and entry.placed:
        ready.events.append(Event(Kind.SKIPPED, change.address, message="settled since: placed"))
    else:
        message = "settled since as not placed, and this plan does not hold its call; plan again"
        ready.events.append(Event(Kind.CONFLICT, change.address, message=message))


def _wanted_ahead(change: Change, known: dict[Address, Entry], context: Context) -> bool:
    """An edited row whose wanted call will not happen."""
    entry = known.get(change.address)
    if entry is None or not entry.placed or entry.digest == change.digest or "past" in change.reasons:
        return False
    return change.scheduled_at is None or change.scheduled_at > context.now
