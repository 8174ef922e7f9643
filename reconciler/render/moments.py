"""When a call rings, for people: relative to now, and in local time.

Names of days and months do not depend on the machine's locale, so a plan reads the same everywhere.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.plan import Change, Moment
from reconciler.domain.times import format_utc

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE, _HOUR = 60, 3600


def ahead(moment: datetime, now: datetime) -> str:
    """``in 25 min``, ``in 5 h``, ``in 3 days``, ``2 days ago``; ``moment`` is in the zone to count in.

    From two days on it counts calendar days of that zone: from Friday to Monday is three.
    """
    seconds = (moment - now).total_seconds()
    span = _span(abs(seconds), abs((moment.date() - now.astimezone(moment.tzinfo).date()).days))
    if span is None:
        return "now"
    return f"in {span}" if seconds > 0 else f"{span} ago"


def _span(seconds: float, days: int) -> str | None:
    if seconds < _MINUTE:
        return None
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 48 * _HOUR:
        return f"{seconds / _HOUR:.0f} h"
    return f"{days} days" if days < 2 * 365 else f"{days / 365.25:.0f} years"


def day(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun``, with the year if it is not the current one."""
    text = f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]}"
    return text if moment.year == now.astimezone(moment.tzinfo).year else f"{text} {moment.year}"


def month(moment: datetime) -> str:
    """``Jun 2026``."""
    return f"{_MONTHS[moment.month - 1]} {moment.year}"


def wall(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun 10:00``, with seconds if there are any."""
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    return f"{day(moment, now)} {clock}"


def place(timezone: str) -> str:
    """``in Mexico City`` for America/Mexico_City; the unchanged name of a zone that is not a place."""
    area, _, name = timezone.rpartition("/")
    return timezone if area in {"", "Etc"} else f"in {name.replace('_', ' ')}"


def sentence(change: Change, now: datetime | None) -> str:
    """The message of a change, with instants in relative and local form if ``now`` is set."""
    if change.message_parts is None or now is None:
        return change.message or ""
    return "".join(part if isinstance(part, str) else format_moment(part, now) for part in change.message_parts)


def format_moment(moment: Moment, now: datetime | None) -> str:
    """``Mon 15 Jun 10:00 in Mexico City (in 3 days)`` if ``now`` is set, else the instant in UTC."""
    if now is None:
        return format_utc(moment.at)
    relative, clock = rings(moment.at, moment.timezone, now)
    return f"{clock} {place(moment.timezone)} ({relative})"


def rings(moment: datetime, timezone: str, now: datetime) -> tuple[str, str]:
    """The relative and the local form of an instant: ``("in 3 days", "Mon 15 Jun 10:00")``."""
    local = moment.astimezone(ZoneInfo(timezone))
    return ahead(local, now), wall(local, now)
