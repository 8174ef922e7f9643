"""When a call rings, where its row is and whom it calls, for people.

Names of days and months do not depend on the machine's locale, so a plan reads the same everywhere.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from reconciler.domain.model import Call, Location
from reconciler.domain.plan import Change, MessageParts, Moment
from reconciler.domain.times import local_time, parse_instant, parse_wall, rounded_span

_INSTANT = re.compile(r"(?<![\w-])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?!\w)")
_WALL = re.compile(
    r"(?<![\w-])(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) (UTC|[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_+-]+)+)(?!\w)"
)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def relative(moment: datetime, now: datetime) -> str:
    """``in 25 min``, ``in 5 h``, ``in 3 days``, ``2 days ago``; ``moment`` is in the zone to count in.

    From two days on it counts calendar days of that zone: from Friday to Monday is three.
    """
    distance = abs(moment - now)
    if distance < timedelta(minutes=1):
        return "now"
    if distance < timedelta(days=2):
        span = rounded_span(distance)
    else:
        days = abs((moment.date() - now.astimezone(moment.tzinfo).date()).days)
        span = f"{days} days" if days < 2 * 365 else f"{days / 365.25:.0f} years"
    return f"in {span}" if moment > now else f"{span} ago"


def day(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun``, with the year if it is not the current one."""
    text = f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]}"
    return text if moment.year == _year(now, moment.tzinfo) else f"{text} {moment.year}"


@lru_cache(maxsize=64)
def _year(now: datetime, timezone: tzinfo | None) -> int:
    return now.year if timezone is None else now.astimezone(timezone).year


def month(moment: datetime) -> str:
    """``Jun 2026``."""
    return f"{_MONTHS[moment.month - 1]} {moment.year}"


def wall(moment: datetime, now: datetime) -> str:
    """``Mon 15 Jun 10:00``, with seconds if there are any."""
    seconds = f":{moment.second:02}" if moment.second else ""
    return f"{day(moment, now)} {moment.hour:02}:{moment.minute:02}{seconds}"


def zone_place(timezone: str) -> str:
    """``in Mexico City`` for America/Mexico_City; the unchanged name of a zone that is not a place."""
    name = zone_name(timezone)
    return name if name == timezone else f"in {name}"


def zone_name(timezone: str) -> str:
    """``Mexico City`` for America/Mexico_City; the unchanged name of a zone that is not a place."""
    area, _, name = timezone.rpartition("/")
    return timezone if area in {"", "Etc"} else name.replace("_", " ")


def sentence(change: Change, now: datetime) -> str:
    """The whole message of a change, with its instants in local time."""
    return detail(change, now) + change.advice


def detail(change: Change, now: datetime) -> str:
    """The message of a change without its advice. Years are left out in the year of ``now``."""
    if change.message_parts is None:
        return in_words(change.message.removesuffix(change.advice), now) if change.message else ""
    return parts_text(change.message_parts, now)


def parts_text(parts: MessageParts, now: datetime) -> str:
    """The parts of a message, with their instants in local time."""
    return "".join(part if isinstance(part, str) else format_moment(part, now) for part in parts)


def format_moment(moment: Moment, now: datetime) -> str:
    """``Mon 15 Jun 10:00 in Mexico City``."""
    return f"{wall(local_time(moment.at, moment.timezone), now)} {zone_place(moment.timezone)}"


def with_distance(moment: Moment, now: datetime) -> str:
    """``Mon 15 Jun 10:00 in Mexico City (in 3 days)``."""
    return f"{format_moment(moment, now)} ({relative(local_time(moment.at, moment.timezone), now)})"


def in_words(text: str, now: datetime) -> str:
    """The text with its times in words: RFC 3339 in UTC as ``Mon 15 Jun 16:00 UTC``, and a wall time with its zone
    as ``Mon 15 Jun 10:00 in Mexico City``.
    """
    text = _INSTANT.sub(lambda found: format_moment(Moment(parse_instant(found[0])), now), text)
    return _WALL.sub(lambda found: f"{wall(parse_wall(found[1]), now)} {zone_place(found[2])}", text)


def written_time(call: Call) -> str:
    """When a call rings, as written in the row."""
    if call.schedule is not None:
        return f"{call.schedule.at} {call.schedule.timezone}"
    if call.delay_minutes is not None:
        return f"after {call.delay_minutes:g} min"
    return "at once"


def format_place(where: Location) -> str:
    """``calls/june.yaml:14:5``, and ``calls/june.csv!F12`` for a sheet's cell."""
    return str(where) if where.cell is None else f"{where.file}!{where.cell}"


def shorten(target: str) -> str:
    """An id, shortened to the part that distinguishes ids."""
    return target if len(target) <= 16 else f"{target[:8]}\N{HORIZONTAL ELLIPSIS}{target[-4:]}"
