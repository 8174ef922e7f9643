"""What every format of workbook says of its sheets, before their cells are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.source.sheets.grid import Record, SheetProblem, letters

_MAX_GAP = 100_000  # rows; nobody leaves so many empty on purpose


@dataclass(frozen=True, slots=True)
class Sheet:
    """``part`` is where the format keeps it."""

    name: str
    part: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class Area:
    """Rows count from 1, columns from 0; both ends belong to it."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"


@dataclass(slots=True)
class Survey:
    """How far the cells reach that hold anything, and which of them are hidden or merged."""

    width: int = 0
    last_row: int = 0
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    merged: list[Area] = field(default_factory=list)

    def add(self, row: int, column: int, *, row_hidden: bool, column_hidden: bool) -> None:
        """A cell that holds something. Raises ``SheetProblem`` where it is far below all others."""
        if row > self.last_row + _MAX_GAP:
            message = f"the cell {letters(column)}{row} stands {row - self.last_row:,} rows below the others"
            raise SheetProblem("E603", message, "clear it: delete the rows, not only their contents")
        self.last_row = max(row, self.last_row)
        self.width = max(column + 1, self.width)
        if row_hidden and self.hidden_rows[-1:] != [row]:
            self.hidden_rows.append(row)
        if column_hidden:
            self.hidden_columns.add(column)


class Book(Protocol):
    """A workbook in one of the formats."""

    sheets: list[Sheet]

    def survey(self, sheet: Sheet) -> Survey:
        """Read a sheet once without holding a cell of it."""
        ...

    def records(self, sheet: Sheet, width: int) -> Iterator[Record]:
        """The rows that hold anything, each ``width`` cells wide."""
        ...


def is_true(text: str | None) -> bool:
    """A boolean of XML Schema; absent is false."""
    return text is not None and text.strip().lower() not in {"0", "false", "off"}
