"""What an apply says before it asks or sends: where, how many calls, how long, how much, and when they ring."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.cli.output import say
from reconciler.contactship.sandbox_check import is_sandbox
from reconciler.domain.model import Call
from reconciler.domain.plan import Moment
from reconciler.domain.times import rounded_span
from reconciler.render.formats import format_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.target import Target
    from reconciler.domain.plan import Change, Plan
    from reconciler.domain.policy import Caps


def announce(calls: int, span: tuple[Change, Change] | None, plan: Plan, target: Target, caps: Caps) -> None:
    """Print it, to the error stream. ``span`` are the first and the last scheduled call."""
    say(f"Service: {_service(target)}", *_lines(calls, span, plan, target, caps), err=True)


def _service(target: Target) -> str:
    if is_sandbox(target.origin):
        return f"SANDBOX at {target.origin.base}, which phones nobody"
    if target.origin.loopback:
        return f"{target.origin.base} on this machine. It is not the sandbox, so it may phone people"
    return f"{target.origin.base}, which phones people"


def _lines(
    calls: int, span: tuple[Change, Change] | None, plan: Plan, target: Target, caps: Caps
) -> Iterator[str]:
    yield f"Calls:   {calls:,}, {_duration(calls, target)}"
    if caps.cost_per_call is not None:
        yield f"Cost:    {calls * caps.cost_per_call:,} ({caps.cost_per_call} for each call)"
    if span is None:
        yield "Rings:   at once, or after the delay of each call"
        return
    first, last = (_ring_time(change, plan) for change in span)
    if first == last:
        yield f"Rings:   {first}"
    else:
        yield f"First:   {first}"
        yield f"Last:    {last}"


def _duration(calls: int, target: Target) -> str:
    if target.rate is None:
        return "as fast as the service takes them"
    span = timedelta(seconds=calls / target.rate)
    about = "less than 1 s" if span < timedelta(seconds=1) else f"about {rounded_span(span)}"
    rate = f"{target.rate:g}/s" if target.rate >= 1 else f"{60 * target.rate:g}/min"
    return f"{about} at {rate}{' for each runner' if target.join else ''}"


def _ring_time(change: Change, plan: Plan) -> str:
    if change.scheduled_at is None:
        raise ValueError(f"{change.address} has no schedule")
    return format_moment(Moment(change.scheduled_at, _zone(change.call)), plan.created_at)


def _zone(call: Call | None) -> str:
    return "UTC" if call is None or call.schedule is None else call.schedule.timezone
