"""How the columns of a sheet write dates, times and amounts: a clear cell decides for those that are not.

``28/11/2026`` shows that its column writes the day first, so that ``05/06/2026`` in it is the fifth of June. A
column decides nothing if no cell is clear, or if clear cells contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.clocks import parse_clock
from reconciler.source.formulas.dates import parse_date

# What a text in ASCII has if it shows a notation; others are always parsed.
_LIKE_DATE = re.compile(r"[0-9][/. -][0-9]{1,2}[/. -][0-9]")
_LIKE_CLOCK = re.compile(r"[0-9]:[0-9]|[0-9]\s*(?:[ap]\.?\s?m|h)|^\s*0?[.,][0-9]+\s*$", re.IGNORECASE)
_LIKE_AMOUNT = re.compile("[0-9][.,][0-9]")
_MONTHS = 12
_NOON = 12


class Notation(StrEnum):
    """What a cell shows. The value describes the cell in messages."""

    DAY_FIRST = "has the day first"
    MONTH_FIRST = "has the month first"
    EITHER_ORDER = "may have the day or the month first"
    DAY_TO_12 = "is a date with a day up to 12"
    DAY_PAST_12 = "is a date with a day after 12"
    TWELVE_HOURS = "says a.m. or p.m."
    NIGHT = "is before 7:00"
    AFTERNOON = "is after 12:59"
    POINT = "has a decimal point"
    COMMA = "has a decimal comma"


ORDERS = frozenset({Notation.DAY_FIRST, Notation.MONTH_FIRST})
MARKS = frozenset({Notation.POINT, Notation.COMMA})
# The first cell, such as June!B7, that shows each notation.
Examples: TypeAlias = Mapping[Notation, str]
# Other cells than those of a program that swapped day and month: it would have swapped these, too.
NOT_SWAPPED = frozenset({Notation.DAY_PAST_12, Notation.EITHER_ORDER})


def notations_of(text: str) -> Iterator[Notation]:
    """The notations that a cell shows."""
    unusual = not text.isascii()
    like_date = unusual or _LIKE_DATE.search(text) is not None
    found = _of_date(text) if like_date else None
    if found is not None:
        yield found
    found = _of_clock(text) if unusual or _LIKE_CLOCK.search(text) is not None else None
    if found is not None:
        yield found
    found = _of_amount(text) if unusual or _LIKE_AMOUNT.search(text) is not None else None
    if found is not None:
        yield found


def _of_date(text: str) -> Notation | None:
    found = parse_date(text)
    if found is None:
        return None
    day, other = found.day_first, found.month_first
    if found.stored and day is not None and day.day != day.month:
        return Notation.DAY_TO_12 if day.day <= _MONTHS else Notation.DAY_PAST_12
    if not found.by_number or (day is None and other is None):
        return None
    if day is not None and other is not None:
        return Notation.EITHER_ORDER
    return Notation.MONTH_FIRST if day is None else Notation.DAY_FIRST


def _of_clock(text: str) -> Notation | None:
    found = parse_clock(text)
    if found is None and (dated := parse_date(text)) is not None and dated.clock:
        found = parse_clock(dated.clock)
    if found is None:
        return None
    if found.says_half:
        return Notation.TWELVE_HOURS
    if found.is_night:
        return Notation.NIGHT
    return Notation.AFTERNOON if found.time.hour > _NOON else None


def _of_amount(text: str) -> Notation | None:
    point, comma = readings(text, "."), readings(text, ",")
    if bool(point) is bool(comma):
        return None
    return Notation.POINT if point else Notation.COMMA


def order_before_swapping(column: Examples) -> Notation | None:
    """The order of the texts of a column if its real dates look as if their day and month were swapped; else None.

    A spreadsheet program with the settings of another country makes ``05/03/2026`` a real date on 3 May, and
    leaves ``16/03/2026`` as a text, because there is no month 16. So no real date is after the 12th, and no text
    before.
    """
    orders = [order for order in ORDERS if order in column]
    if Notation.DAY_TO_12 not in column or len(orders) != 1 or not NOT_SWAPPED.isdisjoint(column):
        return None
    return orders[0]
