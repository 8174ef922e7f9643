"""The operator's policy (``policy`` in ``reconciler.yaml``): what must not ring, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

# The catalogue of guards. A code never changes its meaning.
# G001-G005 and G020-G029 are about time, G006-G009 about counts and cost, G010-G019 about people and consent.
GUARD_CODES = {
    "G001": "a call outside the calling hours",
}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@dataclass(frozen=True, slots=True)
class Hours:
    """When people may be called, in their own wall time. ``week`` holds each day's windows, Monday first."""

    week: tuple[tuple[Window, ...], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules. ``strictness`` is set by guard code; a guard that is not in it has its own default."""

    strictness: Mapping[str, Strictness] = field(default_factory=lambda: MappingProxyType({}))
    hours: Hours | None = None
