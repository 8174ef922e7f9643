"""The time zones in which the called person may be, from the row or from the number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from reconciler.domain.times import named_zones, number_zones, places
from reconciler.planning.guards.base import Candidate

# If a person's zone is unknown, every offset is possible. All offsets are a multiple of 15 minutes.
EVERYWHERE: tuple[tzinfo, ...] = tuple(timezone(timedelta(minutes=offset)) for offset in range(-720, 855, 15))


def called_zones(item: Candidate) -> tuple[ZoneInfo, ...]:
    """The called person's zone from the row, else the schedule's zone, else all zones of the number. Empty if
    unknown.
    """
    if item.called_timezone is not None:
        return named_zones(item.called_timezone)
    name = item.call.schedule.timezone if item.call.schedule is not None else "UTC"
    return (named_zones(name) if name in places() else ()) or number_zones(item.call.to_number)  # UTC is no place


def clocks(item: Candidate) -> tuple[tzinfo, ...]:
    """The time zones in which the called person may be; if they are unknown, every offset."""
    return called_zones(item) or EVERYWHERE


def local(moment: datetime, clock: tzinfo) -> datetime:
    """The moment in a time zone. It stays in UTC at the limits of the calendar, where time zones cannot be
    applied.
    """
    try:
        return moment.astimezone(clock)
    except OverflowError:
        return moment.astimezone(UTC)


def format_local(item: Candidate) -> str:
    """``2026-06-01 10:30 America/Mexico_City``: when a call rings in the person's time zone, else in UTC."""
    zones = called_zones(item)
    clock, name = (zones[0], zones[0].key) if zones else (UTC, "UTC")
    return f"{local(item.rings_at, clock):%Y-%m-%d %H:%M} {name}"
