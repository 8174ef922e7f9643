"""An approved plan against the state as it is under the lock: what was approved is sent, as it was approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.domain import wire
from reconciler.domain.events import EventKind
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Entry, Row, Status
from reconciler.domain.plan import Plan
from reconciler.placing.recheck import RecheckResult, recheck
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan
from tests.planning.test_plan_engine import HOUR, NOW, entry, row

CONTEXT = Context(NOW, "test", "lineage", 1)


def approved(*rows: Row, entries: tuple[Entry, ...] = ()) -> Plan:
    return make_plan(rows, entries, CONTEXT)


def kinds(ready: RecheckResult) -> dict[str, EventKind]:
    return {str(event.address): event.kind for event in ready.events}


def test_what_was_approved_is_sent_as_it_was_approved() -> None:
    asked = row(place_by=NOW + HOUR)
    [order] = recheck(approved(asked), (), CONTEXT).orders
    assert (order.address, order.call, order.scheduled_at, order.place_by) == (
        asked.address,
        asked.call,
        asked.rings_at,
        asked.place_by,
    )


@pytest.mark.parametrize(
    "context",
    [
        replace(CONTEXT, lineage="another"),
        replace(CONTEXT, fields=wire.ScheduleFields("start", "zone")),
    ],
    ids=["lineage", "fields"],
)
def test_another_request_than_the_approved_one_is_not_sent(context: Context) -> None:
    ready = recheck(approved(row()), (), context)
    assert (ready.orders, kinds(ready)) == ([], {"p/k": EventKind.STALE})
    assert "plan again" in str(ready.events[0].message)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.PLACED, EventKind.SKIPPED),
        (Status.ADOPTED, EventKind.SKIPPED),
        (Status.INTENDED, EventKind.UNCERTAIN),
        (Status.UNCERTAIN, EventKind.UNCERTAIN),
        (Status.FAILED, None),
        (Status.RULED_OUT, None),
    ],
)
def test_what_happened_since(status: Status, kind: EventKind | None) -> None:
    ready = recheck(approved(row()), [entry(row(), status)], CONTEXT)
    assert kinds(ready) == ({} if kind is None else {"p/k": kind})
    assert len(ready.orders) == (kind is None)


@pytest.mark.parametrize("status", [Status.PLACED, Status.INTENDED, Status.UNCERTAIN])
def test_a_row_that_is_not_sent_says_why(status: Status) -> None:
    [event] = recheck(approved(row()), [entry(row(), status)], CONTEXT).events
    assert event.message


def test_a_call_that_was_rejected_twice_failed_before_or_since_the_plan_was_made() -> None:
    twice = entry(row(), Status.FAILED, rejections=2, error="HTTP 400")
    for plan in (approved(row()), approved(row(), entries=(twice,))):
        ready = recheck(plan, [twice], CONTEXT)
        assert (ready.orders, kinds(ready)) == ([], {"p/k": EventKind.FAILED})
        assert "HTTP 400" in str(ready.events[0].message)


def test_another_call_at_the_address_is_stale() -> None:
    ready = recheck(approved(row()), [entry(row(sender="another"), Status.PLACED)], CONTEXT)
    assert (ready.orders, kinds(ready)) == ([], {"p/k": EventKind.STALE})


def test_the_same_call_under_another_name_is_stale_unless_it_was_approved_beside_it() -> None:
    plan = approved(row("a"), row("b"))
    assert len(recheck(plan, [entry(row("a"))], CONTEXT).orders) == 1
    ready = recheck(approved(row("b")), [entry(row("a"))], CONTEXT)
    assert (ready.orders, kinds(ready)) == ([], {"p/b": EventKind.STALE})


def test_what_comes_too_late_is_missed_once() -> None:
    late = replace(CONTEXT, now=NOW + HOUR)
    ready = recheck(approved(row()), (), late)
    assert ([item.address.key for item in ready.missed], kinds(ready)) == (["k"], {"p/k": EventKind.EXPIRED})
    again = recheck(approved(row()), [entry(row(), Status.MISSED)], late)
    assert (again.missed, again.events, again.expired_before) == ([], [], 1)


def test_place_by_is_the_last_moment() -> None:
    plan = approved(row(at=None, place_by=NOW + HOUR))
    assert recheck(plan, (), replace(CONTEXT, now=NOW + HOUR)).orders
    assert not recheck(plan, (), replace(CONTEXT, now=NOW + HOUR + timedelta(microseconds=1))).orders


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, EventKind.CONFLICT),
        (Status.FAILED, EventKind.CONFLICT),
        (Status.PLACED, EventKind.SKIPPED),
        (Status.UNCERTAIN, EventKind.UNCERTAIN),
    ],
)
def test_a_row_that_was_in_conflict_when_it_was_planned(status: Status | None, kind: EventKind) -> None:
    item = Conflict(row().address, ("r1",), row().call.target, "the service has r1", NOW, "run")
    context = replace(CONTEXT, conflicts={item.address: item})
    plan = make_plan([row()], (), context)
    ready = recheck(plan, [] if status is None else [entry(row(), status)], context)
    assert (list(ready.orders), kinds(ready)) == ([], {"p/k": kind})
    assert kinds(recheck(plan, (), CONTEXT)) == {"p/k": EventKind.STALE}, "resolved, but not approved"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.UNCERTAIN, EventKind.UNCERTAIN),
        (Status.PLACED, EventKind.SKIPPED),
        (Status.RULED_OUT, EventKind.STALE),
        (None, EventKind.STALE),
    ],
)
def test_a_row_that_was_uncertain_when_it_was_planned(status: Status | None, kind: EventKind) -> None:
    plan = approved(row(), entries=(entry(row(), Status.UNCERTAIN),))
    ready = recheck(plan, [] if status is None else [entry(row(), status)], CONTEXT)
    assert (list(ready.orders), kinds(ready)) == ([], {"p/k": kind})
    assert ready.events[0].message
