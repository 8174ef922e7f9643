"""The operator's policy (``policy`` in ``reconciler.yaml``): what must not ring, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from types import MappingProxyType

# The catalogue of guards. A code never changes its meaning.
# G001-G005 and G020-G029 are about time, G006-G009 about counts and cost, G010-G019 about people and consent.
GUARD_CODES = {
    "G001": "a call outside the calling hours",
    "G002": "a call to a person whose time zone is not known",
    "G003": "a jurisdiction whose rules were not checked for a year",
    "G004": "a call that would ring too soon",
    "G005": "a call that would ring too far ahead",
    "G020": "a call whose time passed before it was placed",
    "G021": "more calls in one minute than allowed",
    "G022": "more calls from one number in one minute than allowed",
}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


class Strictness(StrEnum):
    """What follows where a guard objects: the row is blocked, a warning, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of a day in which calls may ring: from ``start``, and before ``end`` (1440: until midnight)."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``09:00-20:00``; ``24:00`` is the day's end.

        Raises:
            ValueError: another form, or an end that is not after the start.
        """
        start, end = map(_minutes, text.split("-"))
        if not start < end <= MINUTES_A_DAY:
            raise ValueError(f"the window {text} ends before it starts")
        return cls(start, end)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def days_of(name: str) -> tuple[int, ...]:
    """``mon-fri`` as 0 to 4, ``sat-mon`` as 5, 6, 0.

    Raises:
        ValueError: a day that is none.
    """
    first, _, last = name.partition("-")
    start, end = WEEK.index(first), WEEK.index(last or first)
    return tuple(day % 7 for day in range(start, end + 1 if end >= start else end + 8))


@dataclass(frozen=True, slots=True)
class Days:
    """From a day to another, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """When people may be called, in their own wall time.

    ``week`` holds each day's windows, Monday first. ``holidays`` names countries (``CO``) and parts of them
    (``ES-MD``) on whose public holidays nobody is called; nobody is called on ``blackout`` days either.
    """

    week: tuple[tuple[Window, ...], ...]
    holidays: tuple[str, ...] = ()
    blackout: tuple[Days, ...] = ()


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """The hours of a law, for calls into ``country``: somebody's reading of it, not legal advice.

    ``checked`` is the day on which somebody last compared it with its ``citation``.
    """

    code: str
    country: str
    hours: Hours
    citation: str
    checked: date


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules. ``strictness`` is set by guard code; a guard that is not in it has its own default.

    ``days_off`` count as holidays of every rule that knows holidays. Scheduled calls are placed no sooner than
    ``place_within`` before they ring. ``peak`` is of calls a minute, ``number_peak`` of those from one number.
    """

    strictness: Mapping[str, Strictness] = field(default_factory=lambda: MappingProxyType({}))
    hours: Hours | None = None
    jurisdictions: tuple[Jurisdiction, ...] = ()
    days_off: frozenset[date] = frozenset()
    place_within: timedelta | None = None
    min_lead: timedelta | None = None
    horizon: timedelta | None = None
    peak: int | None = None
    number_peak: int | None = None
