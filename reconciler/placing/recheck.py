"""Check an approved plan against the current state, under the lock: what may still be sent, and what has
changed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.bulk.spool import MappedView, Subset, filtered
from reconciler.domain.entries import EntryIndex
from reconciler.domain.events import Event, EventKind
from reconciler.domain.merging import MergeCursor
from reconciler.domain.model import Entry, Location, Row
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.ports import Intent
from reconciler.domain.times import passed
from reconciler.placing.journal import to_intent
from reconciler.planning import reasons
from reconciler.planning.context import Context
from reconciler.planning.guarding import by_guard
from reconciler.planning.plan import make_plan


@dataclass(slots=True)
class RecheckResult:
    """What an apply has to do: ``orders`` to send, ``missed`` calls to record, ``events`` to report at once.

    ``changed_ahead`` counts edited rows whose new call will not be placed, ``too_late`` those of them whose old
    call cannot be stopped by hand any more. ``plans`` are the plans in the approved plan.
    """

    orders: Sequence[Change] = ()
    missed: list[Intent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    expired_before: int = 0
    changed_ahead: int = 0
    too_late: int = 0
    plans: set[str] = field(default_factory=set)


def recheck(approved: Plan, entries: Iterable[Entry], context: Context) -> RecheckResult:
    """Judge the approved rows again. Only a call that is identical in the approved plan becomes an order."""
    known = EntryIndex.from_entries(entries)
    wanted = filtered(approved.with_action(Action.CREATE, Action.EXPIRED), lambda change: change.call is not None)
    context = replace(
        context,
        siblings=frozenset(change.address for change in wanted if known.get(change.address) is not None),
        retried=frozenset(change.address for change in wanted if reasons.RETRIED in change.reasons),
        scope=frozenset(),
    )
    current = MergeCursor(make_plan(MappedView(wanted, _row), known, context).changes)
    ready, places = RecheckResult(), array("L")
    for place, change in enumerate(approved.changes):
        ready.plans.add(change.address.plan)
        if (now := current.at(change.address)) is not None:
            if _judge(change, now, context, ready):
                places.append(place)
        elif change.action is Action.UNCERTAIN:
            _judge_uncertain(change, known.get(change.address), ready)
        elif change.action is Action.CONFLICT:
            _judge_conflict(change, known.get(change.address), context, ready)
        elif change.action is Action.HELD and "rejected-twice" in change.reasons:
            ready.events.append(Event(EventKind.FAILED, change.address, message=change.message))
        elif change.action is Action.CHANGED:
            ahead = _wanted_ahead(change, known, context)
            ready.changed_ahead += ahead
            ready.too_late += ahead and "still-rings" not in change.reasons
    ready.orders = Subset(approved.changes, places)
    return ready


def _row(change: Change) -> Row:
    return Row(
        address=change.address,
        call=change.required_call,
        source=change.source or Location("plan"),
        rings_at=change.scheduled_at,
        place_by=change.place_by,
        distinct=change.distinct,
        called_timezone=change.called_timezone,
    )


def _judge(change: Change, current: Change, context: Context, ready: RecheckResult) -> bool:
    """Whether the call is sent as it was approved; everything else that must be done is added to ``ready``."""
    address, message = change.address, current.message
    if current.action is Action.EXPIRED:
        if "recorded" in current.reasons:
            ready.expired_before += 1
        else:
            since = passed(current.scheduled_at, current.place_by, context.now) or context.now
            ready.missed.append(to_intent(current, since))
            ready.events.append(Event(EventKind.EXPIRED, address, message=message))
    elif current.action is Action.UNCHANGED:
        ready.events.append(Event(EventKind.SKIPPED, address, message="already placed"))
    elif current.action is Action.UNCERTAIN:
        ready.events.append(Event(EventKind.UNCERTAIN, address, message=message))
    elif current.action is Action.CONFLICT:
        ready.events.append(Event(EventKind.CONFLICT, address, message=message))
    elif by_guard(current):
        ready.events.append(Event(EventKind.BLOCKED, address, message=message, reasons=current.reasons))
    elif current.action is Action.HELD:
        ready.events.append(Event(EventKind.FAILED, address, message=message))
    elif current.action is Action.CREATE and change.request is not None:
        if current.request == change.request and current.digest == change.digest:
            return True
        message = "the request differs from the approved one; plan again"
        ready.events.append(Event(EventKind.STALE, address, message=message))
    else:
        ready.events.append(
            Event(EventKind.STALE, address, message=message or "the state has changed; plan again")
        )
    return False


def _judge_uncertain(change: Change, entry: Entry | None, ready: RecheckResult) -> None:
    if entry is not None and entry.unknown:
        ready.events.append(Event(EventKind.UNCERTAIN, change.address, message=change.message))
    elif entry is not None and entry.placed:
        ready.events.append(
            Event(EventKind.SKIPPED, change.address, message="resolved as placed since the plan was made")
        )
    else:
        message = (
            "resolved as not placed since the plan was made, but the plan does not contain its call; plan again"
        )
        ready.events.append(Event(EventKind.STALE, change.address, message=message))


def _judge_conflict(change: Change, entry: Entry | None, context: Context, ready: RecheckResult) -> None:
    address, call = change.address, change.call
    if entry is not None and entry.placed:
        event = Event(EventKind.SKIPPED, address, message="resolved as placed since the plan was made")
    elif entry is not None and entry.unknown:
        event = Event(EventKind.UNCERTAIN, address, message=reasons.uncertain(entry).text)
    elif call is not None and (item := context.find_conflict(address, call)) is not None:
        event = Event(EventKind.CONFLICT, address, message=reasons.conflict(item).text)
    else:
        why = "its conflict was resolved since the plan was made, but the plan does not place it; plan again"
        event = Event(EventKind.STALE, address, message=why)
    ready.events.append(event)


def _wanted_ahead(change: Change, known: EntryIndex, context: Context) -> bool:
    """Whether this is an edited row whose new call will not be placed."""
    entry = known.get(change.address)
    if entry is None or not entry.placed or entry.digest == change.digest or "past" in change.reasons:
        return False
    return change.scheduled_at is None or change.scheduled_at > context.now
