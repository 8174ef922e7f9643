"""How the columns of a sheet write dates, times and amounts: a clear cell decides for those that are not.

``28/11/2026`` shows that its column writes the day first, so that ``05/06/2026`` in it is the fifth of June. A
column decides nothing if no cell is clear, or if clear cells contradict each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.clocks import parse_clock
from reconciler.source.formulas.dates import parse_date


class Notation(StrEnum):
    """What a clear cell shows. The value describes the cell in messages."""

    DAY_FIRST = "has the day first"
    MONTH_FIRST = "has the month first"
    TWELVE_HOURS = "says a.m. or p.m."
    FULL_DAY = "counts 24 hours"
    POINT = "has a decimal point"
    COMMA = "has a decimal comma"


class Kind(StrEnum):
    """What a function reads a cell as."""

    DATE = "date"
    CLOCK = "clock"
    AMOUNT = "amount"


# The first cell, such as June!B7, that shows each notation.
Examples: TypeAlias = Mapping[Notation, str]
# The examples in a column of the sheet, by its name.
ColumnExamples: TypeAlias = Callable[[str, Kind], Examples]


def notation_of(text: str, kind: Kind) -> Notation | None:
    """The notation that a cell shows; None if it fits more than one, or is of another kind."""
    return _SHOWN[kind](text)


def _of_date(text: str) -> Notation | None:
    found = parse_date(text)
    if found is None or not found.by_number or (found.day_first is None) is (found.month_first is None):
        return None
    return Notation.MONTH_FIRST if found.day_first is None else Notation.DAY_FIRST


def _of_clock(text: str) -> Notation | None:
    found = parse_clock(text)
    if found is None and (dated := parse_date(text)) is not None and dated.clock:
        found = parse_clock(dated.clock)
    if found is None:
        return None
    return Notation.TWELVE_HOURS if found.says_half else Notation.FULL_DAY if found.is_24_hours else None


def _of_amount(text: str) -> Notation | None:
    point, comma = readings(text, "."), readings(text, ",")
    if bool(point) is bool(comma):
        return None
    return Notation.POINT if point else Notation.COMMA


_SHOWN = {Kind.DATE: _of_date, Kind.CLOCK: _of_clock, Kind.AMOUNT: _of_amount}


def _no_examples(_column: str, _kind: Kind) -> Examples:
    return {}


@dataclass(frozen=True, slots=True)
class Inputs:
    """The texts that a running formula reads, by name, and the notations of their columns."""

    texts: Mapping[str, str] = field(default_factory=dict)
    columns: ColumnExamples = _no_examples

    def examples(self, text: str, kind: Kind) -> Examples:
        """The notations in the columns of the cells that hold ``text``; none if it is not the text of a cell."""
        found: dict[Notation, str] = {}
        for name, cell in self.texts.items():
            if cell.strip() == text.strip():
                found = {**self.columns(name, kind), **found}
        return found

    def cell_of(self, text: str) -> str:
        """The cell with ``text`` as a formula names it; ``row.x`` if there is none."""
        name = next((name for name, cell in self.texts.items() if cell == text), "x")
        return f"row.{name}" if name.isascii() and name.isidentifier() else f'row["{name}"]'


NO_INPUTS = Inputs()
