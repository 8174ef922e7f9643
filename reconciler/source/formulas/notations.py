"""How the columns of a sheet write dates, times and amounts: a clear cell decides for those that are not.

``28/11/2026`` shows that its column writes the day first, so that ``05/06/2026`` in it is the fifth of June. A
column decides nothing if no cell is clear, or if clear cells contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.clocks import parse_clock
from reconciler.source.formulas.dates import parse_date

# What a text in ASCII has if it shows a notation; others are always parsed.
_LIKE_DATE = re.compile(r"[0-9][/. -][0-9]{1,2}[/. -][0-9]")
_LIKE_CLOCK = re.compile(r"[0-9]:[0-9]|[0-9]\s*[ap]\.?\s?m", re.IGNORECASE)
_LIKE_AMOUNT = re.compile("[0-9][.,][0-9]")


class Notation(StrEnum):
    """What a clear cell shows. The value describes the cell in messages."""

    DAY_FIRST = "has the day first"
    MONTH_FIRST = "has the month first"
    TWELVE_HOURS = "says a.m. or p.m."
    POINT = "has a decimal point"
    COMMA = "has a decimal comma"


# The fields that set the region of a phone number.
REGION_FIELDS = ("country", "schedule.timezone")
ORDERS = frozenset({Notation.DAY_FIRST, Notation.MONTH_FIRST})
MARKS = frozenset({Notation.POINT, Notation.COMMA})
# The first cell, such as June!B7, that shows each notation.
Examples: TypeAlias = Mapping[Notation, str]
# The examples in a column of the sheet, by its name.
ColumnExamples: TypeAlias = Callable[[str], Examples]


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
    if found is None or not found.by_number or (found.day_first is None) is (found.month_first is None):
        return None
    return Notation.MONTH_FIRST if found.day_first is None else Notation.DAY_FIRST


def _of_clock(text: str) -> Notation | None:
    found = parse_clock(text)
    if found is None and (dated := parse_date(text)) is not None and dated.clock:
        found = parse_clock(dated.clock)
    return Notation.TWELVE_HOURS if found is not None and found.says_half else None


def _of_amount(text: str) -> Notation | None:
    point, comma = readings(text, "."), readings(text, ",")
    if bool(point) is bool(comma):
        return None
    return Notation.POINT if point else Notation.COMMA


def no_examples(_column: str) -> Examples:
    """The notations of columns that are not those of a sheet."""
    return {}


class Inputs:
    """The texts that a running formula reads, with their names, and the notations of their columns."""

    __slots__ = ("_columns", "_names", "_texts")

    def __init__(
        self, names: Sequence[str] = (), texts: Sequence[str] = (), columns: ColumnExamples = no_examples
    ) -> None:
        self._names = names
        self._texts = texts
        self._columns = columns

    def text(self, name: str) -> str:
        """The text with a name; empty if the formula does not read it."""
        return self._texts[self._names.index(name)] if name in self._names else ""

    def examples(self, text: str) -> Examples:
        """The notations in the columns of the cells that hold ``text``.

        If several columns hold it, an order or a mark counts only if each of them shows one. A text that a formula
        made may be of any cell that it reads: only what casts doubt on it counts.
        """
        cells = zip(self._names, self._texts, strict=True)
        columns = [self._columns(name) for name, cell in cells if cell.strip() == text.strip()]
        if not columns:
            read = {note: cell for name in self._names for note, cell in self._columns(name).items()}
            return {note: cell for note, cell in read.items() if note is Notation.TWELVE_HOURS}
        merged = {note: cell for column in reversed(columns) for note, cell in column.items()}
        decided = [kind for kind in (ORDERS, MARKS) if all(kind & set(column) for column in columns)]
        usable = {Notation.TWELVE_HOURS}.union(*decided)
        return {note: cell for note, cell in merged.items() if note in usable}

    def cell_of(self, text: str) -> str:
        """The cell with ``text`` as a formula names it; ``row.x`` if there is none, or more than one."""
        cells = zip(self._names, self._texts, strict=True)
        names = {name for name, cell in cells if cell == text and name not in REGION_FIELDS}
        name = names.pop() if len(names) == 1 else "x"
        return f"row.{name}" if name.isascii() and name.isidentifier() else f'row["{name}"]'


NO_INPUTS = Inputs()
