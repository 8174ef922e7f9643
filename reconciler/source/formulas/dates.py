"""Parse dates as people and spreadsheets write them, with every day that a text may mean.

The order of the parts is certain if the year comes first with four digits, or the month is a name. In
``05/06/2026`` the other cells of the column decide (see ``notations``). A year of two digits comes last, and means
2000 to 2099.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from reconciler.source.formulas.clocks import CLOCK, parse_clock

# Month names and abbreviations in English, Spanish and Portuguese, without accents. None has two meanings.
_MONTHS = (
    "january jan enero ene janeiro",
    "february feb febrero fevereiro fev",
    "march mar marzo marco",
    "april apr abril abr",
    "may mayo maio mai",
    "june jun junio junho",
    "july jul julio julho",
    "august aug agosto ago",
    "september sep sept septiembre setiembre setembro set",
    "october oct octubre outubro out",
    "november nov noviembre novembro",
    "december dec diciembre dic dezembro dez",
)
_WEEKDAYS = (
    "monday mon lunes lun segunda segunda-feira seg",
    "tuesday tue martes mar terca terca-feira ter",
    "wednesday wed miercoles mie quarta quarta-feira qua",
    "thursday thu jueves jue quinta quinta-feira qui",
    "friday fri viernes vie sexta sexta-feira sex",
    "saturday sat sabado sab",
    "sunday sun domingo dom",
)
MONTHS = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WEEKDAY = {name: number for number, names in enumerate(_WEEKDAYS, start=1) for name in names.split()}
_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_DAY = r"(?P<day>[0-9]{1,2})(?:(?:st|nd|rd|th|o)(?![a-z]))?"
_MONTH = r"(?P<month>[a-z]+)\.?"
_GAP = r"[\s./,-]+"
_OF = r"(?:de\s+|del\s+|of\s+)?"
_BY_NUMBER = re.compile(rf"(?P<first>[0-9]{{1,2}})(?P<mark>[/. -])(?P<second>[0-9]{{1,2}})(?P=mark){_YEAR}")
_CERTAIN = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<year>[0-9]{4})(?P<mark>[/.-])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})",
        rf"{_DAY}[\s./-]*{_OF}{_MONTH}(?:{_GAP})?{_OF}{_YEAR}",
        rf"{_MONTH}{_GAP}{_DAY}{_GAP}{_YEAR}",
        rf"(?P<year>[0-9]{{4}}){_GAP}{_MONTH}{_GAP}{_DAY}",
    )
)
_STORED = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WITH_WEEKDAY = re.compile(r"(?P<weekday>[a-z]+(?:-feira)?)\.?,?\s+(?P<rest>.+)")
_WITH_CLOCK = re.compile(rf"(?P<date>.+?)(?:[\s,]+|(?<=[0-9])t)(?P<clock>{CLOCK})")


@dataclass(frozen=True, slots=True)
class DateText:
    """The days that a text may mean, None where there is no such day. They are equal if the order is certain.

    ``by_number`` is set if the text has a numeric month next to the day, so that their order matters. ``stored``:
    the date is as spreadsheets store a real one: ``2026-06-05``. ``clock`` is the text of a time of day after the
    date, or empty.
    """

    day_first: date | None
    month_first: date | None
    by_number: bool = False
    clock: str = ""
    stored: bool = False


@lru_cache(maxsize=65536)
def parse_date(text: str) -> DateText | None:
    """The days that a text may mean; None if it is not a date."""
    plain = without_accents(text)
    found = _parse_day(plain)
    if found is not None:
        return found
    timed = _WITH_CLOCK.fullmatch(plain)
    found = _parse_day(timed["date"]) if timed is not None else None
    if timed is None or found is None or parse_clock(timed["clock"]) is None:
        return None
    return replace(found, clock=timed["clock"])


def without_accents(text: str) -> str:
    """The text in lower case, without accents and compatibility characters such as narrow spaces."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\u00b0", "o").strip().lower())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _parse_day(text: str) -> DateText | None:
    """Parse a date without a time of day; the text is in lower case and without accents."""
    named = _WITH_WEEKDAY.fullmatch(text)
    if named is not None and named["weekday"] in _WEEKDAY:
        found = _parse_day(named["rest"])  # "mar 24 2026" is the month, "mar 24 nov 2026" the weekday
        if found is not None:
            return _on_weekday(found, _WEEKDAY[named["weekday"]])
    match = _BY_NUMBER.fullmatch(text)
    if match is not None:
        first, second, year = int(match["first"]), int(match["second"]), _year(match["year"])
        return DateText(_date(year, second, first), _date(year, first, second), by_number=True)
    match = next(filter(None, (pattern.fullmatch(text) for pattern in _CERTAIN)), None)
    if match is None:
        return None
    month = int(match["month"]) if match["month"].isdigit() else MONTHS.get(match["month"])
    if month is None:
        return None
    day = _date(_year(match["year"]), month, int(match["day"]))
    return DateText(day, day, stored=_STORED.fullmatch(text) is not None)


def _on_weekday(found: DateText, weekday: int) -> DateText:
    """Only the days that fall on the weekday that the text names."""
    day, month = (
        day if day is not None and day.isoweekday() == weekday else None
        for day in (found.day_first, found.month_first)
    )
    return DateText(day, month, found.by_number)


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
