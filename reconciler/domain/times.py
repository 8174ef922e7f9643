"""Parse and format instants, wall times and time zones. No other module does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo, reset_tzpath

from tzdata import IANA_VERSION

# Use the rules of the tzdata package only, not those of the machine or of PYTHONTZPATH, so that a plan has the
# same instants everywhere.
reset_tzpath(())
ZONE_RULES: str = IANA_VERSION
"""The release of the tz database in use, such as ``2026b``."""

NO_PLACES = frozenset({
    "CET", "CST6CDT", "EET", "EST", "EST5EDT", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich", "HST", "MET", "MST",
    "MST7MDT", "PST8PDT", "UCT", "UTC", "Universal", "WET", "Zulu",
})  # fmt: skip
"""The zones, besides ``Etc/...``, that are not places."""

YEARS = range(1970, 9001)  # the accepted years: adding the longest durations to them cannot overflow
RANGE = f"the years {YEARS[0]} to {YEARS[-1]}"
UNKNOWN_TIME = datetime(9000, 12, 31, tzinfo=UTC)  # stands for the unknown time of a future call
FARTHEST_EAST = timedelta(hours=14)  # the UTC offset where a day begins first

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})",
    re.ASCII,
)
_WALL = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?", re.ASCII)


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 time with its offset; the result is in UTC.

    Raises:
        ValueError: not RFC 3339, no offset, no such date, or out of range (``YEARS``).
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"not an RFC 3339 time with an offset: {text!r}")
    try:
        moment = datetime.fromisoformat(text.upper())
        return in_range(moment if moment.tzinfo is UTC else moment.astimezone(UTC))
    except OverflowError as error:
        raise ValueError(f"out of range: {text!r}") from error


def in_range(moment: datetime) -> datetime:
    """Return ``moment``. Raises ``ValueError`` outside of ``YEARS``."""
    if moment.year not in YEARS:
        raise ValueError(f"out of range ({RANGE}): {moment.isoformat()!r}")
    return moment


def utc(moment: datetime) -> datetime:
    """The same instant in UTC."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def format_instant(moment: datetime) -> str:
    """RFC 3339 in UTC with a ``Z``; microseconds only if they are not zero."""
    return f"{utc(moment).isoformat()[:-6]}Z"  # without its +00:00


def format_utc(moment: datetime) -> str:
    """The same for a person, in whole seconds."""
    return format_instant(moment.replace(microsecond=0))


def format_ring_time(moment: datetime) -> str:
    """When a call rings, for a person."""
    return "an unknown time" if moment == UNKNOWN_TIME else format_utc(moment)


def exact_span(span: timedelta) -> str:
    """``31 d``, ``2 h 59 min``: units that are zero are left out."""
    minutes, seconds = divmod(span.total_seconds(), 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    parts = {"d": days, "h": hours, "min": minutes, "s": seconds}
    return " ".join(f"{count:g} {unit}" for unit, count in parts.items() if count) or "0 s"


def parse_wall(text: str) -> datetime:
    """Read ``YYYY-MM-DD HH:MM[:SS]`` (with a ``T`` or a space) as a naive wall time.

    Raises:
        ValueError: another form, no such date or time, or out of range (``YEARS``).
    """
    match = _WALL.fullmatch(text)
    if not match:
        raise ValueError(f"not a wall time: {text!r}")
    return in_range(datetime.fromisoformat(text if match[1] else f"{text}:00"))


def local_time(moment: datetime, name: str) -> datetime:
    """An instant in a zone; in UTC if there is no such zone, or the result is out of range."""
    zone_info = zone(name)
    try:
        return moment.astimezone(UTC if zone_info is None else zone_info)
    except OverflowError:
        return moment.astimezone(UTC)


def format_wall(moment: datetime) -> str:
    """``YYYY-MM-DD HH:MM:SS``, the form the API documents."""
    return moment.isoformat(" ", "seconds")


@cache
def zone_names() -> frozenset[str]:
    """All IANA zone names, as the tzdata package lists them: the same on every machine."""
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {"Factory"}


@cache
def places() -> frozenset[str]:
    """The zones that follow a place's clocks in every season: no offsets, abbreviations or UTC."""
    return frozenset(name for name in zone_names() if name not in NO_PLACES and not name.startswith("Etc/"))


@cache
def zone(name: str) -> ZoneInfo | None:
    """The zone of that exact name, or None where there is none."""
    return ZoneInfo(name) if name in zone_names() else None


@cache
def _links() -> dict[str, str]:
    listed = resources.files("tzdata").joinpath("zoneinfo", "tzdata.zi").read_text(encoding="utf-8").splitlines()
    return {link: target for kind, target, link in (line.split() for line in listed if line.startswith("L "))}


def canonical_zone(name: str) -> str:
    """The zone that a link name stands for, such as ``Europe/Kyiv`` for ``Europe/Kiev``; else the name itself."""
    return _links().get(name, name)


def rounded_span(span: timedelta) -> str:
    """``90 s``, ``45 min``, ``36 h`` or ``12 days``, rounded down to the whole unit."""
    seconds = int(span.total_seconds())
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * size:
            return f"{int(seconds / size):,} {unit}"
    return f"{seconds} s"


@dataclass(frozen=True, slots=True)
class Gap:
    """A wall time that the clocks skip. ``before`` and ``after`` are its two interpretations, as instants."""

    before: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class Fold:
    """A wall time that the clocks show twice; both instants, in UTC."""

    first: datetime
    second: datetime


def locate(wall: datetime, timezone: ZoneInfo) -> datetime | Gap | Fold:
    """The instant (UTC) of a wall time; a ``Gap`` or ``Fold`` if there is not exactly one.

    In a gap the two interpretations use the offset before and after the change, which is how PEP 495 defines
    ``fold`` there.

    Raises:
        OverflowError: the instant is outside the years 1 to 9999.
    """
    first = wall.replace(tzinfo=timezone, fold=0)
    second = first.replace(fold=1)
    early = first.astimezone(UTC)
    if first.utcoffset() == second.utcoffset():
        return early
    late = second.astimezone(UTC)
    if early < late:
        return Fold(early, late)
    return Gap(late, early)


def scheduled_instant(at: str, timezone: str) -> datetime:
    """The instant of a schedule that has already been validated.

    Raises:
        ValueError: no such zone or time, or not exactly one instant.
    """
    zone_info = zone(timezone)
    moment = locate(parse_wall(at), zone_info) if zone_info is not None else None
    if not isinstance(moment, datetime):
        raise ValueError(f"not one instant: {at} {timezone}")
    return moment


def ring_time(scheduled: datetime | None, delay_minutes: float | None, attempted_at: datetime) -> datetime:
    """When a call rings: its scheduled instant, or the attempt plus its delay."""
    return scheduled or attempted_at + timedelta(minutes=delay_minutes or 0)


def passed(scheduled: datetime | None, place_by: datetime | None, now: datetime) -> datetime | None:
    """The deadline for placing a call, if it has passed; None if the call may still be placed."""
    if scheduled is not None and scheduled <= now:
        return scheduled
    return place_by if place_by is not None and place_by < now else None


@cache
def _zone_countries() -> dict[str, str]:
    listed = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in listed if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def zone_country(name: str) -> str | None:
    """The country (ISO 3166-1) of a zone; None for old names such as ``US/Eastern``, and for ``UTC``."""
    return _zone_countries().get(name)


def number_zones(number: str | None) -> tuple[ZoneInfo, ...]:
    """Every zone in which a number of this range may be; empty if the range has no zone, or there is no number."""
    import phonenumbers.timezone  # noqa: PLC0415 - loaded where a number must tell its zone

    if number is None:
        return ()
    try:
        names = phonenumbers.timezone.time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    zones = [item for name in names for item in named_zones(name)]
    return tuple(zones) if len(zones) == len(names) else ()  # Etc/Unknown is not a zone


@cache
def named_zones(name: str) -> tuple[ZoneInfo, ...]:
    """The zone of that name; empty if there is none."""
    clock = zone(name)
    return () if clock is None else (clock,)
