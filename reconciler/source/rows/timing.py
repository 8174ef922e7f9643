"""The time of a call: a schedule, a delay, or immediately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from reconciler.domain import times
from reconciler.domain.model import Schedule
from reconciler.source.rows.cells import TIMING, Reading
from reconciler.source.rows.zones import is_place, zone_problem
from reconciler.source.schema.wording import quoted

_REST_OF_HOUR = timedelta(minutes=59, seconds=59)
_MIDNIGHT = "2000-01-01 00"  # the first hour of any day
_FIRST = datetime.fromisoformat(_MIDNIGHT)
_HOUR = len(_MIDNIGHT)
_WRITTEN_OUT = len("2000-01-01 00:00:00")


@dataclass(frozen=True, slots=True)
class Timing:
    """``rings_at`` is the scheduled instant in UTC. No schedule and no delay means immediately (``delay_minutes:
    0``).

    ``called`` is the time zone of the called person.
    """

    schedule: Schedule | None = None
    rings_at: datetime | None = None
    delay_minutes: float | None = None
    place_by: datetime | None = None
    called: str | None = None


def read_timing(reading: Reading) -> Timing:
    """The row's timing. Errors are reported, and fail the row."""
    place_by, called = _place_by(reading), _called(reading)
    at, delay = reading.cell("schedule.at"), reading.cell("delay_minutes")
    if at is not None and delay is not None:
        message = "a row must have one timing, but this one has both schedule.at and delay_minutes"
        reading.wrong("E306", "delay_minutes", message, "remove one of them")
        return Timing()
    if at is not None:
        schedule, rings_at = _schedule(reading, at.text)
        return Timing(schedule, rings_at, None, place_by, called)
    if reading.writes_schedule:
        hint = "add at: 2026-06-15 14:30:00"
        reading.wrong("E307", "schedule", "the row's schedule has no 'at'", hint)
    elif delay is None:
        _missing(reading)
    elif place_by is None and not any(map(reading.blocked, ("place_by", "schedule", "delay_minutes"))):
        message = "missing field 'place_by': if the plan is applied late, this call rings late, even at night"
        reading.warn("W201", "row", message, "add place_by: 2026-06-15T18:00:00Z")
    return Timing(None, None, minutes(delay.text) if delay is not None else None, place_by, called)


def _missing(reading: Reading) -> None:
    """Report a missing time. It never means "immediately"."""
    if any(map(reading.blocked, ("schedule", "delay_minutes"))):
        reading.failed = True
        return
    blank = sorted(reading.merged.blank, key=TIMING.index)
    hint = "write schedule: {at: 2026-06-15 14:30:00}, or delay_minutes: 0 to call immediately"
    if blank:
        named, verb = " and ".join(blank), "is" if len(blank) == 1 else "are"
        hint = "fill it in" if blank == ["schedule.at"] else "fill it in; 0 means immediately"
        reading.wrong("E320", blank[0], f"{named} {verb} empty, so the call has no time", hint)
    else:
        reading.wrong("E320", "row", "the row has no time for the call", hint)


def minutes(text: str) -> float | None:
    """The delay in minutes: None for 0 (immediately), an integer for whole minutes."""
    value = float(text)
    whole = int(value)
    return (whole if value == whole else value) or None


def _place_by(reading: Reading) -> datetime | None:
    text = reading.text("place_by")
    if text is None or reading.blocked("place_by"):
        return None
    moment = instant(text)
    if moment is None:
        hint = f"write a time such as 2026-06-15T18:00:00Z, in {times.RANGE}"
        reading.wrong("E308", "place_by", f"place_by {quoted(text)} is not a valid time", hint)
    return moment


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime | None:
    """An RFC 3339 time in UTC, or None if it is invalid."""
    try:
        return times.parse_instant(text)
    except ValueError:
        return None


def _called(reading: Reading) -> str | None:
    name = reading.text("called_timezone")
    if name is not None and not is_place(name):
        _no_place(reading, "called_timezone", name, None)
    return name


def _no_place(reading: Reading, field: str, name: str, wall: datetime | None) -> None:
    """Report an invalid zone. Its hint is slow to compute, so it is only computed if it is shown."""
    reading.wrong("E312", field, zone_problem(name, wall)[0], lambda: zone_problem(name, wall)[1])


def _schedule(reading: Reading, at: str) -> tuple[Schedule | None, datetime | None]:
    name = reading.text("schedule.timezone")
    if name is None:
        hint = "add timezone: (such as America/Mexico_City) to the row's schedule, or to defaults"
        reading.wrong("E309", "schedule.at", "missing field 'timezone' in schedule", hint)
        return None, None
    timing = set_time(at, name)
    if timing is not None:
        return timing
    zone = times.zone(name) if is_place(name) else None
    try:
        wall = times.parse_wall(at)
    except ValueError:
        wall = None
    if zone is None:
        _no_place(reading, "schedule.timezone", name, wall)
    if wall is None:
        message = f"schedule.at {quoted(at)} is not a valid date and time"
        hint = f"write a time such as 2026-06-15 14:30:00, in {times.RANGE}"
        reading.wrong("E313", "schedule.at", message, hint)
        return None, None
    if zone is None:
        return None, None
    return Schedule(times.format_wall(wall), name), _instant(reading, wall, zone)


def set_time(at: str, timezone: str) -> tuple[Schedule, datetime] | None:
    """A schedule and its instant in UTC; None if there is not exactly one."""
    start, within = _start(at[:_HOUR], timezone), _within(at[_HOUR:])
    if start is not None and within is not None and len(at) == _WRITTEN_OUT and at[10] == " ":
        return Schedule(at, timezone), start + within  # the usual case
    try:
        wall = times.parse_wall(at)
        zone = times.zone(timezone) if is_place(timezone) else None
        moment = None if zone is None else times.locate(wall, zone)
    except ValueError:
        return None
    return (Schedule(times.format_wall(wall), timezone), moment) if isinstance(moment, datetime) else None


@lru_cache(maxsize=4096)
def _start(hour: str, timezone: str) -> datetime | None:
    """The start in UTC of an hour of wall time, such as ``2026-06-15 14``; None if the clocks change in it."""
    zone = times.zone(timezone) if is_place(timezone) else None
    try:
        wall = times.parse_wall(f"{hour}:00")
        ends = None if zone is None else (times.locate(wall, zone), times.locate(wall + _REST_OF_HOUR, zone))
    except ValueError:
        return None
    match ends:
        case datetime() as start, datetime() as end if end - start == _REST_OF_HOUR:
            return start
        case _:
            return None


@lru_cache(maxsize=4096)
def _within(rest: str) -> timedelta | None:
    """The time since the full hour of a wall time that ends with ``rest``, such as ``:30:00``."""
    try:
        return times.parse_wall(f"{_MIDNIGHT}{rest}") - _FIRST
    except ValueError:
        return None


def _instant(reading: Reading, wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant in UTC; None if there is not exactly one, which is reported."""
    located = times.locate(wall, zone)
    if isinstance(located, times.Gap):
        before, after = (_reading_of(moment, zone) for moment in (located.before, located.after))
        message = (
            f"{wall} does not exist in {zone.key}, because the clocks skip it: it could mean {before} or {after}"
        )
        reading.wrong("E314", "schedule.at", message, _other_time(reading, "before or after the change"))
        return None
    if isinstance(located, times.Fold):
        first, second = (_reading_of(moment, zone) for moment in (located.first, located.second))
        message = f"{wall} is ambiguous in {zone.key}: it could mean {first} or {second}"
        reading.wrong("E315", "schedule.at", message, _other_time(reading, "that the clocks show once"))
        return None
    return located


def _other_time(reading: Reading, which: str) -> str:
    move = " for this date, in repeat.move" if reading.occurrence is not None else ""
    return f"choose a time {which}{move}"


def _reading_of(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(" ")
