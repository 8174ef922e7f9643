"""When a call rings, as a person says it: how far ahead, and the time of day where it rings.

Names of days and months do not depend on the machine's language: the same plan reads the same everywhere.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from reconciler.domain.plan import Change, Moment
from reconciler.domain.times import tell_instant

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE, _HOUR = 60, 3600


def ahead(moment: datetime, now: datetime) -> str:
    """``in 25 min``, ``in 5 h``, ``in 3 days``, ``2 days ago``; ``moment`` is in the zone to count in.

    From two days on these are days of that zone's calendar: from Friday to Monday it is three.
    """
    seconds = (moment - now).total_seconds()
    told = _span(abs(seconds), abs((moment.date() - now.astimezone(moment.tzinfo).date()).days))
    if told is None:
        return "now"
    return f"in {told}" if seconds > 0 else f"{told} ago"


def _span(seconds: float, days: int) -> str | None:
    if seconds < _MINUTE:
        return None
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 48 * _HOUR:
        return f"{seconds / _HOUR:.0f} h"
    return f"{days} days" if days < 2 * 365 else f"{days / 365.25:.0f} years"


def day(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun``, with the year where it is not this one."""
    told = f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]}"
    return told if moment.year == now.astimezone(moment.tzinfo).year else f"{told} {moment.year}"


def month(moment: datetime) -> str:
    """``Jun 2026``."""
    return f"{_MONTHS[moment.month - 1]} {moment.year}"


def wall(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun 10:00``, with seconds where there are any."""
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    return f"{day(moment, now)} {clock}"


def place(timezone: str) -> str:
    """``in Mexico City`` for America/Mexico_City; a zone that is named for no place as it is."""
    area, _, name = timezone.rpartition("/")
    return timezone if area in {"", "Etc"} else f"in {name.replace('_', ' ')}"


def sentence(change: Change, now: datetime | None) -> str:
    """What a plan says of a change; to a person, who reads at ``now``, with instants as a person tells them."""
    if change.message_parts is None or now is None:
        return change.message or ""
    return "".join(part if isinstance(part, str) else told(part, now) for part in change.message_parts)


def told(moment: Moment, now: datetime | None) -> str:
    """``Mon 15 Jun 10:00 in Mexico City (in 3 days)`` for a person, the instant in UTC for a file."""
    if now is None:
        return tell_instant(moment.at)
    relative, clock = rings(moment.at, moment.timezone, now)
    return f"{clock} {place(moment.timezone)} ({relative})"


def rings(moment: datetime, timezone: str, now: datetime) -> tuple[str, str]:
    """How far ahead an instant is, and the time there: ``("in 3 days", "Mon 15 Jun 10:00")``."""
    local = moment.astimezone(ZoneInfo(timezone))
    return ahead(local, now), wall(local, now)
