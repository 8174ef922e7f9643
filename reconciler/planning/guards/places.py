"""Where the called person is: the row says it, or the number does."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from reconciler.domain.model import Call
from reconciler.domain.times import places, zone
from reconciler.planning.guards.words import Candidate


def zones_of(item: Candidate) -> tuple[ZoneInfo, ...]:
    """The zone that the row says the called person is in, else the schedule's, else all zones of the number; empty
    where none is known."""
    if item.called_timezone is not None:
        return _named(item.called_timezone)
    return zone_of_schedule(item.call) or zones_of_number(item.call)


def zone_of_schedule(call: Call) -> tuple[ZoneInfo, ...]:
    """The schedule's zone; empty where there is none, or one that is no place: nobody lives in UTC."""
    name = call.schedule.timezone if call.schedule is not None else "UTC"
    return _named(name) if name in places() else ()


def zones_of_number(call: Call) -> tuple[ZoneInfo, ...]:
    """Every zone in which a number of this range may be; none where the range tells nothing."""
    import phonenumbers.timezone  # noqa: PLC0415 - loaded where a number must tell its zone

    if call.to_number is None:
        return ()
    try:
        names = phonenumbers.timezone.time_zones_for_number(phonenumbers.parse(call.to_number))
    except phonenumbers.NumberParseException:
        return ()
    found = [item for name in names for item in _named(name)]
    return tuple(found) if len(found) == len(names) else ()  # Etc/Unknown is a name, and no zone


@cache
def _named(name: str) -> tuple[ZoneInfo, ...]:
    found = zone(name)
    return () if found is None else (found,)
