"""What the load of a plan is judged by: it stands in no plan, and is at hand where one is made from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.model import Call, Entry
from reconciler.domain.plan import Plan

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Around:
    """``placed`` are the calls of the state that will ring. ``per_minute`` and ``per_number`` are the policy's
    limits of calls in one minute, and of those from one number; None where there is none, or nobody knows."""

    placed: Sequence[Entry] = ()
    per_minute: int | None = None
    per_number: int | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """``calls`` that ring in the minute from ``second`` (since 1970) on, asked for in ``zone``."""

    second: int
    zone: str
    calls: int


NOTHING = Around()


def minute(moment: datetime) -> int:
    """The start of its minute, in seconds since 1970."""
    return int(moment.timestamp()) // MINUTE * MINUTE


def zone(call: Call | None) -> str:
    return call.schedule.timezone if call is not None and call.schedule is not None else ""


def fullest_of_a_number(plan: Plan, around: Around) -> tuple[int, int, int] | None:
    """How many calls ring from one number in one minute at most, in which, and how many may; None without a limit.

    Counted are the calls to place, those that wait or are blocked, and those placed before. ``plan`` is not
    masked: masked numbers look alike.
    """
    found = Counter(_numbers(plan, around))
    if not found or around.per_number is None:
        return None
    (second, _), calls = min(found.items(), key=lambda item: (-item[1], item[0]))
    return calls, second, around.per_number


def _numbers(plan: Plan, around: Around) -> Iterator[tuple[int, str]]:
    for change in plan.changes:
        if change.call is not None and change.scheduled_at is not None and change.scheduled_at > plan.created_at:
            yield minute(change.scheduled_at), change.call.sender
    for entry in around.placed:
        yield minute(entry.rings_at), entry.call.sender
