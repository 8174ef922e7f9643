"""The first lines of a plan: the number of calls of each kind, when they ring, and the load."""

from __future__ import annotations

from datetime import datetime

from reconciler.domain.plan import Action, Change, Moment, Plan
from reconciler.render.console import Console
from reconciler.render.escape import for_terminal
from reconciler.render.formats import format_moment, with_distance
from reconciler.render.labels import count_line, verdict_line
from reconciler.render.load_chart import load_chart


def print_overview(console: Console, plan: Plan, now: datetime | None) -> None:
    """``now`` is None if the text must depend only on the plan."""
    console.print(f"Plan: {count_line(plan)}.{_outlook(plan, now)}")
    if plan.next_apply_by is not None:
        console.print(f"Apply again before {_next_apply_by(plan, now)}, or the first waiting call will be missed.")
    chart = [] if now is None else load_chart(plan, now, console.width)
    if chart:
        console.print()
    for line in chart:
        console.print(line)
    if plan.moves or len(plan.changes) > plan.count(Action.UNCHANGED):
        console.print()


def ring_lines(plan: Plan, now: datetime | None) -> list[str]:
    """``First Mon 15 Jun 10:00 in Mexico City (in 3 days)`` and ``Last …`` of the scheduled calls to place."""
    span = plan.span(Action.CREATE)
    if span is None:
        return []
    first, last = (_time(change, plan, now) for change in span)
    if span[0].scheduled_at == span[1].scheduled_at:
        return [f"Rings {first}."]
    return [f"First {first}.", f"Last  {last}."]


def _outlook(plan: Plan, now: datetime | None) -> str:
    if plan.errors or plan.count(Action.BLOCKED):
        return f"\n{verdict_line(plan)}"
    if not plan.count(Action.CREATE):
        return " Nothing to place."
    return "".join(f"\n{for_terminal(line)}" for line in ring_lines(plan, now))


def _time(change: Change, plan: Plan, now: datetime | None) -> str:
    if change.scheduled_at is None:
        raise ValueError(f"{change.address} has no schedule")
    schedule = change.call.schedule if change.call is not None else None
    return _moment(Moment(change.scheduled_at, "UTC" if schedule is None else schedule.timezone), plan, now)


def _next_apply_by(plan: Plan, now: datetime | None) -> str:
    first = next(iter(plan.by_time(Action.WAITING)), None)
    schedule = first.call.schedule if first is not None and first.call is not None else None
    moment = Moment(plan.next_apply_by or plan.created_at, "UTC" if schedule is None else schedule.timezone)
    return for_terminal(_moment(moment, plan, now))


def _moment(moment: Moment, plan: Plan, now: datetime | None) -> str:
    return format_moment(moment, plan.created_at) if now is None else with_distance(moment, now)
