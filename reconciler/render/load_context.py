"""The context for the load of a plan. It is not part of a plan, and is known when a plan is made from files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.model import Address, Call, Entry
from reconciler.domain.plan import Plan

MINUTE = 60


@dataclass(frozen=True, slots=True)
class LoadContext:
    """``placed`` are the pending calls of the state, ``unchanged`` the calls of unchanged rows. ``per_minute`` and
    ``per_number`` are the policy's limits of calls in one minute, and of those from one number; None if there is
    no limit or it is unknown.
    """

    placed: Sequence[Entry] = ()
    unchanged: Mapping[Address, Call] = field(default_factory=dict)
    per_minute: int | None = None
    per_number: int | None = None


@dataclass(frozen=True, slots=True)
class MinuteLoad:
    """The number of ``calls`` that ring in the minute that starts at ``second`` (since 1970), scheduled in
    ``zone``.
    """

    second: int
    zone: str
    calls: int


NOTHING = LoadContext()


def minute(moment: datetime) -> int:
    """The start of the moment's minute, in seconds since 1970."""
    return int(moment.timestamp()) // MINUTE * MINUTE


def zone(call: Call | None) -> str:
    return call.schedule.timezone if call is not None and call.schedule is not None else ""


def fullest_number_minute(plan: Plan, load: LoadContext) -> tuple[int, int, int] | None:
    """The highest number of calls from one number in one minute, that minute, and the limit; None without a limit.

    Counts the calls to place, waiting and blocked ones, and those placed before. ``plan`` must not be masked,
    because masked numbers look alike.
    """
    found = Counter(_numbers(plan, load))
    if not found or load.per_number is None:
        return None
    (second, _), calls = min(found.items(), key=lambda item: (-item[1], item[0]))
    return calls, second, load.per_number


def _numbers(plan: Plan, load: LoadContext) -> Iterator[tuple[int, str]]:
    for change in plan.changes:
        if change.call is not None and change.scheduled_at is not None and change.scheduled_at > plan.created_at:
            yield minute(change.scheduled_at), change.call.sender
    for entry in load.placed:
        yield minute(entry.rings_at), entry.call.sender
