"""The interface of all sheets: records of texts with their locations, the header first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Protocol

from reconciler.domain.model import Location

MAX_COLUMNS = 1000
MAX_CELL = 10_000
MEND = "correct it in the spreadsheet program, and save the file"
NO_FLAWS: Mapping[int, str] = MappingProxyType({})


class SheetProblem(Exception):  # noqa: N818 - a user's mistake, reported as a diagnostic
    """A sheet cannot be read, or not any further. ``location`` is None if the problem concerns ``file:``."""

    def __init__(self, code: str, message: str, hint: str | None = None, location: Location | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.location = location

    def __reduce__(self) -> tuple[type[SheetProblem], tuple[str, str, str | None, Location | None]]:
        """Support pickling: a worker process sends it to the main process."""
        return SheetProblem, (self.code, self.message, self.hint, self.location)


@dataclass(slots=True)
class SheetRow:
    """One row of a sheet. ``number`` is its row number in the spreadsheet, ``line`` its first line in the file.

    ``flaws`` are the reasons why cells have no value; ``raw`` is private data of the reader. ``displayed`` are the
    texts that a workbook shows for cells, if they differ from the stored text; ``undisplayed`` are the unsupported
    formats of cells.
    """

    number: int
    line: int
    texts: list[str]
    raw: object = None
    flaws: Mapping[int, str] = field(default_factory=lambda: NO_FLAWS)
    displayed: Mapping[int, str] = field(default_factory=lambda: NO_FLAWS)
    undisplayed: Mapping[int, str] = field(default_factory=lambda: NO_FLAWS)

    @property
    def blank(self) -> bool:
        return not self.flaws and not any(map(str.strip, self.texts))

    @property
    def filled(self) -> int:
        """How many cells are not empty."""
        return sum(bool(text.strip()) for text in self.texts)

    def sent(self, direct: Set[int]) -> list[str]:
        """The texts. For the columns ``direct`` these are the texts that the workbook shows."""
        if not self.displayed:
            return self.texts
        return [self.displayed.get(i, text) if i in direct else text for i, text in enumerate(self.texts)]


class Grid(Protocol):
    """A sheet that is open for reading. Forked processes can continue reading it independently."""

    def records(self) -> Iterator[SheetRow]:
        """All records, once. Raises ``SheetProblem`` if the sheet cannot be read to its end."""
        ...

    def reopened(self) -> Grid:
        """The same sheet, to be read from its start while this one is being read."""
        return self

    def locate(self, record: SheetRow, column: int | None) -> Location:
        """The location of a cell (columns count from 0), or of the whole record."""
        ...

    def take(self, records: Iterator[SheetRow], count: int) -> Iterator[SheetRow]:
        """The next ``count`` of ``records``, which come from this grid. Raises ``SheetProblem`` as ``records``
        does."""
        return islice(records, count)

    def pass_over(self, records: Iterator[SheetRow], count: int) -> tuple[int, int]:
        """Skip the next ``count`` of ``records``. Returns the number of skipped records, and of non-blank ones."""
        blank = [record.blank for record in islice(records, count)]
        return len(blank), blank.count(False)


def limited(grid: Grid, records: Iterable[SheetRow], most: int) -> Iterator[SheetRow]:
    """The records of a grid. Raises ``SheetProblem`` at the first one above the limit."""
    for count, record in enumerate(records, start=1):
        if count > most:
            raise too_many_rows(grid, record, most)
        yield record


def too_many_rows(grid: Grid, record: SheetRow, most: int) -> SheetProblem:
    """The problem of a record above the limit."""
    hint = "raise limits.sheet_rows in reconciler.yaml, or split the file"
    return SheetProblem("E603", f"more than {most:,} rows", hint, grid.locate(record, None))


def refuse_flaws(grid: Grid, record: SheetRow, columns: Iterable[int]) -> None:
    """Raise ``SheetProblem`` if one of these cells has no value."""
    for column in columns:
        if (flaw := record.flaws.get(column)) is not None:
            raise SheetProblem("E608", flaw, MEND, grid.locate(record, column))


def letters(column: int) -> str:
    """A column's name in a spreadsheet, from 0: ``A``, ``Z``, ``AA``."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
