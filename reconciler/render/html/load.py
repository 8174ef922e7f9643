"""How many calls ring when: the figures of the chart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.render import formats
from reconciler.render.html.call_table import CallBook

_UNITS = (("minute", 60), ("hour", 3_600), ("day", 86_400))


@dataclass(frozen=True, slots=True)
class Peak:
    """The ``unit`` of time with the most calls, and their number; ``limit`` is the limit, set by ``rule``."""

    unit: str
    calls: int
    start: str
    limit: int | None = None
    rule: str = ""

    @property
    def over(self) -> int:
        return 0 if self.limit is None else max(0, self.calls - self.limit)


@dataclass(frozen=True, slots=True)
class Load:
    """``calls`` ring at a known time, ``floating`` ones at a time that depends on the apply. Days are in UTC.

    ``fullest`` is for the calls from one number, if there is a limit for them.
    """

    calls: int
    floating: int
    peaks: tuple[Peak, ...]
    days: tuple[tuple[str, int], ...]
    fullest: Peak | None = None


def measure(book: CallBook) -> Load:
    """The load and its peaks."""
    seconds = Counter(int(line.rings.timestamp()) for line in book.lines if line.rings is not None and line.load)
    for item in book.unlisted:
        seconds[item.second] += item.calls
    counts = [(unit, size, _slots(seconds, size)) for unit, size in _UNITS]
    days = sorted(counts[-1][2].items())
    peaks = [_peak(unit, size, slots, book.now) for unit, size, slots in counts if slots]
    if peaks:
        peaks[0] = replace(peaks[0], limit=book.limit, rule="policy.peak.per_minute")
    return Load(
        calls=seconds.total(),
        floating=sum(line.floating for line in book.lines),
        peaks=tuple(peaks),
        days=tuple((formats.day(_moment(day * 86_400), book.now), calls) for day, calls in days),
        fullest=None if book.fullest is None else _fullest(*book.fullest, book.now),
    )


def _fullest(calls: int, second: int, limit: int, now: datetime) -> Peak:
    return Peak("minute from one number", calls, _minute_text(second, now), limit, "policy.peak.per_number")


def _slots(seconds: Counter[int], size: int) -> Counter[int]:
    slots: Counter[int] = Counter()
    for second, calls in seconds.items():
        slots[second // size] += calls
    return slots


def _peak(unit: str, size: int, slots: Counter[int], now: datetime) -> Peak:
    """The first slot with the highest number of calls."""
    slot, calls = min(slots.items(), key=lambda item: (-item[1], item[0]))
    return Peak(unit, calls, _minute_text(slot * size, now))


def _minute_text(second: int, now: datetime) -> str:
    return f"{formats.wall(_moment(second), now)} UTC"


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
