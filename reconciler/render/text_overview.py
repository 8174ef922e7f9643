"""The first lines of a plan: the number of calls of each kind, when they ring, and the load."""

from __future__ import annotations

from datetime import datetime

from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.times import format_utc
from reconciler.render.console import Console, print_indented
from reconciler.render.escape import for_terminal
from reconciler.render.formats import rings, zone_place
from reconciler.render.labels import count_line, skipped_line, verdict_line
from reconciler.render.load_chart import load_chart


def print_overview(console: Console, plan: Plan, now: datetime | None) -> None:
    """``now`` is None if the text must depend only on the plan."""
    console.print(f"Plan: {count_line(plan)}.{_outlook(plan, now)}")
    if plan.next_apply_by is not None:
        console.print(
            f"Apply again before {format_utc(plan.next_apply_by)}, or the first waiting call will be missed."
        )
    for skipped in plan.skipped:
        print_indented(console, skipped_line(skipped, for_terminal), 0)
    chart = [] if now is None else load_chart(plan, now, console.width)
    if chart:
        console.print()
    for line in chart:
        console.print(line)
    if plan.moves or plan.skipped or len(plan.changes) > plan.count(Action.UNCHANGED):
        console.print()


def _outlook(plan: Plan, now: datetime | None) -> str:
    if plan.errors or plan.count(Action.BLOCKED):
        return (" " if now is None else "\n") + verdict_line(plan)
    if not plan.count(Action.CREATE):
        return " Nothing to place."
    span = plan.span(Action.CREATE)
    if span is None:
        return ""
    first, last = span
    if now is None:
        begin, end = format_utc(_moment(first)), format_utc(_moment(last))
        return f" Scheduled at {begin}." if begin == end else f" Scheduled from {begin} to {end}."
    begin, end = _rings(first, now), _rings(last, now)
    return f"\nRings {begin}." if _moment(first) == _moment(last) else f"\nFirst {begin}.\nLast {end}."


def _moment(change: Change) -> datetime:
    if change.scheduled_at is None:
        raise ValueError(f"{change.address} has no schedule")
    return change.scheduled_at


def _rings(change: Change, now: datetime) -> str:
    """``in 3 days, Mon 15 Jun 10:00 in Mexico City``."""
    schedule = change.call.schedule if change.call is not None else None
    timezone = "UTC" if schedule is None else schedule.timezone
    return f"{', '.join(rings(_moment(change), timezone, now))} {zone_place(timezone)}"
