"""Where the called person is: the row says it, or the number does."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from reconciler.engine.guard.words import Candidate
from reconciler.times import zone


def zones_of(item: Candidate) -> tuple[ZoneInfo, ...]:
    """The called person's zone; all zones of the number where the row names none; empty where neither is known."""
    call = item.call
    name = item.called_timezone or (call.schedule.timezone if call.schedule is not None else None)
    if name is not None:
        return _named(name)
    return _of_number(call.to_number) if call.to_number is not None else ()


@cache
def _named(name: str) -> tuple[ZoneInfo, ...]:
    found = zone(name)
    return () if found is None else (found,)


def _of_number(number: str) -> tuple[ZoneInfo, ...]:
    """Every zone in which a number of this range may be; none where the range tells nothing."""
    from phonenumbers import NumberParseException, parse  # noqa: PLC0415 - loaded where a number must tell its zone
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415

    try:
        names = time_zones_for_number(parse(number))
    except NumberParseException:
        return ()
    found = [item for name in names for item in _named(name)]
    return tuple(found) if len(found) == len(names) else ()  # Etc/Unknown is a name, and no zone
