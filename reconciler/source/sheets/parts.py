"""The common interface of workbook formats: sheets, their extent, and hidden or merged cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.source.sheets.grid import SheetProblem, SheetRow, letters

MAX_ROWS = 1 << 20  # of a sheet in Excel, Google Sheets and LibreOffice
_MAX_GAP = 100_000  # empty rows; a larger gap is certainly a mistake


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet. ``part`` is its location in the workbook."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Area:
    """A range of cells. Rows count from 1, columns from 0; both ends are included."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"


@dataclass(slots=True)
class Survey:
    """The extent of the cells with content, and which of them are hidden or merged."""

    width: int = 0
    last_row: int = 0
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[Area] = field(default_factory=list)

    def add(self, row: int, column: int, *, row_hidden: bool, column_hidden: bool, rows: int = 1) -> None:
        """Add a cell with content, which is the same in several ``rows``.

        Raises:
            SheetProblem: it is far below all others, or below the last row of the programs.
        """
        last = row + rows - 1
        if last > MAX_ROWS:
            message = f"the cell {letters(column)}{last} is below row {MAX_ROWS:,}"
            raise SheetProblem("E603", message, "delete the rows that are not needed")
        if row > self.last_row + _MAX_GAP:
            message = f"the cell {letters(column)}{row} is {row - self.last_row:,} rows below the others"
            raise SheetProblem("E603", message, "delete the rows, not only their contents")
        self.last_row = max(last, self.last_row)
        self.width = max(column + 1, self.width)
        if row_hidden and self.hidden_rows[-1:] != [last]:
            self.hidden_rows.extend(range(row, last + 1))
        if column_hidden:
            self.hidden_columns.add(column)


class Book(Protocol):
    """A workbook in one of the formats."""

    sheets: list[Sheet]

    def survey(self, sheet: Sheet) -> Survey:
        """Read a sheet once without storing cells."""
        ...

    def records(self, sheet: Sheet, width: int) -> Iterator[SheetRow]:
        """The rows with content, each ``width`` cells wide."""
        ...


def is_true(text: str | None) -> bool:
    """Parse a boolean of XML Schema; absent means false."""
    return text is not None and text.strip().lower() not in {"0", "false", "off"}
