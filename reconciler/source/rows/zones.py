"""The zones that a plan may use: places, because they follow the called person's clock. Others get a hint.

An offset or an abbreviation may be correct for half of the year only, and its sign is ambiguous: for most people
``GMT-6`` is six hours behind UTC, but ``Etc/GMT-6`` is six hours ahead of it (tz database, file ``etcetera``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache

from reconciler.domain import times
from reconciler.domain.sensitive import without_accents
from reconciler.source.schema.wording import quoted

_OFFSET = re.compile(
    r"(?P<posix>etc/)?(?:utc?|gmt)?\s*(?P<sign>[+\-\u2212])\s*(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?",
    re.IGNORECASE | re.ASCII,
)
_UTC = frozenset({"utc", "uct", "z", "zulu", "universal"})
_ZERO = frozenset({"gmt", "gmt0", "greenwich"})
# The places to suggest first if many share an offset: the largest of each.
_FIRST = (
    "America/Mexico_City", "America/Bogota", "America/Lima", "America/Sao_Paulo", "America/Argentina/Buenos_Aires",
    "America/Santiago", "America/Caracas", "America/New_York", "America/Chicago", "America/Denver",
    "America/Phoenix", "America/Los_Angeles", "Europe/London", "Europe/Madrid", "Europe/Athens", "Europe/Istanbul",
    "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Dhaka", "Asia/Jakarta", "Asia/Shanghai", "Asia/Tokyo",
    "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
_MOST_NAMED = 4
_SHORTEST = 3  # a longer text is searched for in the names of cities


def is_place(name: str) -> bool:
    """Whether a plan may use this zone: a place of the tz database, or ``UTC``."""
    return name in times.places() or name == "UTC"


def zone_problem(name: str, at: datetime | None = None) -> tuple[str, str]:
    """The message and the hint for a name that is not a place. ``at`` is the scheduled wall time."""
    folded = without_accents(name.strip().lower().replace(" ", "_"))
    bare = folded.removeprefix("etc/")
    if bare in _UTC:
        return (
            f"timezone {quoted(name)} is not a place",
            "write UTC, or a place such as Europe/London",
        )
    offset = timedelta() if bare in _ZERO else _offset(name.strip())
    if offset is not None:
        what = f"timezone {quoted(name)} is an offset from UTC, not a place"
        if folded != bare and offset:
            what = f"timezone {quoted(name)} means {_utc(offset)}, which is not a place"
        return what, _at_offset(offset, at)
    places = _like(name, at) if name in times.NO_PLACES else _with_abbreviation(name.strip().upper(), at)
    if places or name in times.NO_PLACES:
        return (
            f"timezone {quoted(name)} is an abbreviation, not a place",
            f"write a place, such as {_listed(places)}",
        )
    return f"unknown timezone {quoted(name)}", _nearest(folded)


def _offset(text: str) -> timedelta | None:
    """An offset as most people understand it; None if the text is not an offset."""
    match = _OFFSET.fullmatch(text)
    if match is None or (match["posix"] is None and text[:1].isdigit()):
        return None
    span = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    behind = (match["sign"] != "+") is (match["posix"] is None)
    return -span if behind else span


def _utc(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _at_offset(offset: timedelta, at: datetime | None) -> str:
    """A hint with places whose offset from UTC is ``offset``, both now and at the wall time."""
    matches = _listed(name for name in _ordered() if all(other == offset for other in _offsets(name, at)))
    if not matches:
        return f"write a place; none has {_utc(offset)} both now and then"
    also = "; or write UTC" if not offset else ""
    return f"write a place with {_utc(offset)}, such as {matches}{also}"


def _like(name: str, at: datetime | None) -> list[str]:
    """The places with the same offsets as an old zone name, both now and at the wall time."""
    shown = list(_offsets(name, at))
    return [place for place in _ordered() if list(_offsets(place, at)) == shown]


def _with_abbreviation(text: str, at: datetime | None) -> list[str]:
    """The places that use an abbreviation, in summer or in winter."""
    season = re.sub(r"(?<=[A-Z])\d+.*", "", text)  # EST5EDT
    if not re.fullmatch(r"[A-Z]{3,5}", season) or season in {"UTC", "GMT"}:
        return []
    year = (at or datetime.now(UTC)).year
    days = [datetime(year, month, 15, 12) for month in (1, 7)]  # noqa: DTZ001 - the wall time of each zone
    return [name for name in _ordered() if any(_clock(name, day).tzname() == season for day in days)]


def _offsets(name: str, at: datetime | None) -> Iterator[timedelta | None]:
    now = datetime.now(UTC).replace(tzinfo=None)
    return (_clock(name, moment).utcoffset() for moment in ((now,) if at is None else (now, at)))


def _clock(name: str, wall: datetime) -> datetime:
    return wall.replace(tzinfo=times.zone(name))


@cache
def _ordered() -> tuple[str, ...]:
    """The places that have a country, the largest first."""
    return tuple(dict.fromkeys((*_FIRST, *sorted(name for name in times.places() if times.zone_country(name)))))


def _listed(names: Iterable[str]) -> str:
    """A few of the names, from different countries."""
    by_country: dict[str | None, str] = {}
    for name in names:
        by_country.setdefault(times.zone_country(name), name)
    return ", ".join(list(by_country.values())[:_MOST_NAMED])


def _nearest(folded: str) -> str:
    names = {name.lower(): name for name in times.places()}
    cities = (name for name in _ordered() if len(folded) > _SHORTEST and folded in name.rpartition("/")[2].lower())
    exact = names.get(folded) or next(cities, None)
    near = [exact] if exact else [names[item] for item in get_close_matches(folded, names, n=1, cutoff=0.7)]
    return f"did you mean {near[0]}?" if near else "write a place, such as America/Mexico_City"
