"""How many calls ring when: what the chart shows, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model import Action, Change
from reconciler.times import tell_instant

SERIES = ("", "to place", "waiting", "placed before")
_PLACED = frozenset({Action.UNCHANGED, Action.REMOVED})
_UNITS = (("minute", 60), ("hour", 3_600), ("day", 86_400))


@dataclass(frozen=True, slots=True)
class Peak:
    """The ``unit`` of time in which most calls ring, and how many."""

    unit: str
    calls: int
    start: str


@dataclass(frozen=True, slots=True)
class Load:
    """``calls`` ring at a known time; ``floating`` are placed with it depending on the apply. Days are in UTC."""

    calls: int
    floating: int
    peaks: tuple[Peak, ...]
    days: tuple[tuple[str, int], ...]


def series(change: Change, now: datetime) -> int:
    """Which of ``SERIES`` counts the change; 0 for none. An edited call is in none: its time is the old one's."""
    if change.scheduled_at is None:
        return 0
    if change.action in {Action.CREATE, Action.WAITING}:
        return 1 if change.action is Action.CREATE else 2
    ahead = change.scheduled_at > now and "stopped" not in change.reasons
    return 3 if change.action in _PLACED and ahead else 0


def measure(changes: Iterable[Change], now: datetime) -> Load:
    """The load of a plan, with its peaks."""
    seconds: list[int] = []
    floating = 0
    for change in changes:
        if change.scheduled_at is not None and series(change, now):
            seconds.append(int(change.scheduled_at.timestamp()))
        floating += change.action is Action.CREATE and change.scheduled_at is None
    counts = [(unit, size, Counter(second // size for second in seconds)) for unit, size in _UNITS]
    days = sorted(counts[-1][2].items())
    return Load(
        len(seconds),
        floating,
        tuple(_peak(unit, size, found) for unit, size, found in counts if found),
        tuple((_told(day * 86_400)[:10], calls) for day, calls in days),
    )


def _peak(unit: str, size: int, found: Counter[int]) -> Peak:
    """The first of the fullest."""
    slot, calls = min(found.items(), key=lambda item: (-item[1], item[0]))
    return Peak(unit, calls, _told(slot * size))


def _told(second: int) -> str:
    return tell_instant(datetime.fromtimestamp(second, UTC))
