"""How many calls ring when: what the chart shows, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.render.html.lines import Line
from reconciler.times import tell_instant

_UNITS = (("minute", 60), ("hour", 3_600), ("day", 86_400))


@dataclass(frozen=True, slots=True)
class Peak:
    """The ``unit`` of time in which most calls ring, and how many."""

    unit: str
    calls: int
    start: str


@dataclass(frozen=True, slots=True)
class Load:
    """``calls`` ring at a known time, ``floating`` ones at a time that depends on the apply. Days are in UTC."""

    calls: int
    floating: int
    peaks: tuple[Peak, ...]
    days: tuple[tuple[str, int], ...]


def measure(lines: Sequence[Line]) -> Load:
    """The load, with its peaks."""
    seconds = [int(line.rings.timestamp()) for line in lines if line.rings is not None and line.load]
    counts = [(unit, size, Counter(second // size for second in seconds)) for unit, size in _UNITS]
    days = sorted(counts[-1][2].items())
    return Load(
        calls=len(seconds),
        floating=sum(line.floating for line in lines),
        peaks=tuple(_peak(unit, size, found) for unit, size, found in counts if found),
        days=tuple((_told(day * 86_400)[:10], calls) for day, calls in days),
    )


def _peak(unit: str, size: int, found: Counter[int]) -> Peak:
    """The first of the fullest."""
    slot, calls = min(found.items(), key=lambda item: (-item[1], item[0]))
    return Peak(unit, calls, _told(slot * size))


def _told(second: int) -> str:
    return tell_instant(datetime.fromtimestamp(second, UTC))
