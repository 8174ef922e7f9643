"""The operator's policy (``policy`` in ``reconciler.yaml``): what must not ring, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from reconciler.people import ListFile, SuppressionFile

# The catalogue of guards. A code never changes its meaning.
# G001-G005 and G020-G029 are about time, G006-G009 about counts and cost, G010-G019 about people and consent.
GUARD_CODES = {
    "G001": "a call outside the calling hours",
    "G006": "more new calls than one run or one plan may place",
    "G007": "many new calls beside what was placed before",
    "G008": "calls that cost more than a run may",
    "G010": "a call to somebody on a suppression list",
    "G011": "a suppression list that is too old",
    "G012": "more calls to a person than a day or a week allows",
    "G013": "two calls to a person too close together",
    "G014": "two calls to a person at one time",
    "G015": "a call without valid evidence of consent",
}
# What a person may lift for one plan, with a reason, unless the policy says otherwise: how many and how often.
# What protects the called person by law is not among them.
OVERRIDABLE = frozenset({"G006", "G007", "G008", "G012", "G013", "G014"})
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
class Caps:
    """How much may be placed, None: as much as there is. ``per_run`` and ``per_plan`` are calls, ``max_share`` is
    a part of what the state has placed, ``max_cost`` is in the currency of ``cost_per_call``."""

    per_run: int | None = None
    per_plan: int | None = None
    max_share: Decimal | None = None
    cost_per_call: Decimal | None = None
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PersonLimits:
    """How often one person may be called, None: as often as rows ask. Days and ISO weeks are the called person's.

    Two calls that ring less than ``call_length`` apart are on the line together.
    """

    per_day: int | None = None
    per_week: int | None = None
    min_gap: timedelta | None = None
    call_length: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Consent:
    """The cell of a row (``metadata.consent_at``) that says when the person agreed, and how long that holds."""

    field: str
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules. ``strictness`` is set by guard code; a guard that is not in it has its own default."""

    strictness: Mapping[str, Strictness] = field(default_factory=lambda: MappingProxyType({}))
    hours: Hours | None = None
    caps: Caps = field(default_factory=Caps)
    per_person: PersonLimits | None = None
    consent: Consent | None = None
    suppression: tuple[SuppressionFile, ...] = ()
    contacts: ListFile | None = None
    overridable: frozenset[str] = OVERRIDABLE
