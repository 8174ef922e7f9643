"""The operator's policy (``policy`` in ``reconciler.yaml``): which calls must not ring, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from reconciler.domain.people import ListFile, SuppressionFile

# The catalogue of guards. The meaning of a code never changes. The schema and the guide begin with these texts.
# G001-G005 and G020-G029 are about time, G006-G009 about counts and cost, G010-G019 about people and consent.
GUARD_CODES = {
    "G001": "a call outside the calling hours",
    "G002": "a call to a person whose time zone is unknown",
    "G003": "a jurisdiction whose rules were not checked within the last year",
    "G004": "a call that would ring too soon",
    "G005": "a call that would ring too far ahead",
    "G006": "more new calls than one run or one plan may place",
    "G007": "many new calls compared with those placed before",
    "G008": "calls that cost more than one run may spend",
    "G010": "a call to somebody on a suppression list",
    "G011": "a suppression list that is too old",
    "G012": "more calls to a person than a day or a week allows",
    "G013": "two calls to a person too close together",
    "G014": "two calls to a person that may overlap",
    "G015": "a call without valid evidence of consent",
    "G016": "a call to a number that may be one on a suppression list",
    "G020": "a call whose time passed before it was placed",
    "G021": "more calls in one minute than allowed",
    "G022": "more calls from one number in one minute than allowed",
    "G023": "a call whose number is in another time zone than its schedule",
    "G024": "an immediate or delayed call without place_by",
}
# The guards that a person may lift for one plan, with a reason, unless the policy says otherwise.
# Calling hours, suppression lists and consent protect the called person, so they cannot be lifted.
OVERRIDABLE = frozenset({"G004", "G005", "G006", "G007", "G008", "G012", "G013", "G014", "G020", "G021", "G022"})
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


class Strictness(StrEnum):
    """The effect of a guard that objects to a row: it blocks the row, warns, or does nothing."""

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
        """Read ``09:00-20:00``; ``24:00`` is the end of the day.

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
        ValueError: not a day.
    """
    first, _, last = name.partition("-")
    start, end = WEEK.index(first), WEEK.index(last or first)
    return tuple(day % 7 for day in range(start, end + 1 if end >= start else end + 8))


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days, both ends included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """When people may be called, in their own local time.

    ``week`` holds each day's windows, Monday first. ``holidays`` are countries (``CO``) and subdivisions
    (``ES-MD``). Nobody is called on their public holidays, nor on ``blackout`` days.
    """

    week: tuple[tuple[Window, ...], ...]
    holidays: tuple[str, ...] = ()
    blackout: tuple[Days, ...] = ()


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """The calling hours of a law, for calls into ``country``: an interpretation, not legal advice.

    ``checked`` is the day on which it was last compared with its ``citation``.
    """

    code: str
    country: str
    hours: Hours
    citation: str
    checked: date


@dataclass(frozen=True, slots=True)
class Caps:
    """How much may be placed; None means no limit. ``per_run`` and ``per_plan`` count calls, ``max_share`` is a
    fraction of the calls that the state has placed, ``max_cost`` is in the currency of ``cost_per_call``."""

    per_run: int | None = None
    per_plan: int | None = None
    max_share: Decimal | None = None
    cost_per_call: Decimal | None = None
    max_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PersonLimits:
    """How often one person may be called; None means no limit. Days and ISO weeks are in the person's time zone.

    Two calls that ring less than ``call_length`` apart overlap.
    """

    per_day: int | None = None
    per_week: int | None = None
    min_gap: timedelta | None = None
    call_length: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Consent:
    """The field of a row (``metadata.consent_at``) with the time of consent, and how long the consent is valid."""

    field: str
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules. ``strictness`` is by guard code; a guard that is not in it uses its default.

    ``days_off`` count as holidays for every rule with holidays. Scheduled calls are placed no sooner than
    ``place_within`` before they ring. ``peak`` is in calls a minute, ``number_peak`` the same per sender number.
    ``signed_plans``: a saved plan must have a valid signature to be applied.
    ``public_metadata`` are names of metadata whose values masked output shows. ``show`` is the field of a row
    (``additional_data.amount``) that plans and lists of calls show beside the person and the time.
    """

    strictness: Mapping[str, Strictness] = field(default_factory=lambda: MappingProxyType({}))
    hours: Hours | None = None
    caps: Caps = field(default_factory=Caps)
    per_person: PersonLimits | None = None
    consent: Consent | None = None
    suppression: tuple[SuppressionFile, ...] = ()
    contacts: ListFile | None = None
    overridable: frozenset[str] = OVERRIDABLE
    jurisdictions: tuple[Jurisdiction, ...] = ()
    days_off: frozenset[date] = frozenset()
    place_within: timedelta | None = None
    min_lead: timedelta | None = None
    horizon: timedelta | None = None
    peak: int | None = None
    number_peak: int | None = None
    signed_plans: bool = False
    public_metadata: frozenset[str] = frozenset()
    show: str | None = None

    @property
    def has_hours(self) -> bool:
        """Whether any rule limits the hours of calls."""
        return self.hours is not None or bool(self.jurisdictions)
