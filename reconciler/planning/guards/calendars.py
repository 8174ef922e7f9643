"""Public holidays, from the ``holidays`` library."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache


def holiday(place: str, day: date) -> str | None:
    """The name of the holiday in a country (``CO``) or a part of one (``ES-MD``) on a day, in English if the
    library has it. None on any other day.
    """
    return _holidays(place, day.year).get(day)


@cache
def _holidays(place: str, year: int) -> Mapping[date, str]:
    import holidays  # noqa: PLC0415 - loaded where a policy names holidays

    country, _, part = place.partition("-")
    return dict(holidays.country_holidays(country, subdiv=part or None, years=year, language="en_US"))
