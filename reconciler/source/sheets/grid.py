"""What every kind of sheet is to its readers: records of texts, the header first, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Protocol

from reconciler.domain.model import Location

MAX_COLUMNS = 1000
MAX_CELL = 10_000
MEND = "correct it in the spreadsheet, and save it there"
NO_FLAWS: Mapping[int, str] = MappingProxyType({})


class SheetProblem(Exception):  # noqa: N818 - a problem of the user's, told as a diagnostic
    """A sheet cannot be read, or not further. ``location`` is None where the ``file:`` value is to blame."""

    def __init__(self, code: str, message: str, hint: str | None = None, location: Location | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.location = location

    def __reduce__(self) -> tuple[type[SheetProblem], tuple[str, str, str | None, Location | None]]:
        """It may be met in another process than the one that tells it."""
        return SheetProblem, (self.code, self.message, self.hint, self.location)


@dataclass(slots=True)
class Record:
    """One row of a sheet. ``number`` counts as the spreadsheet does, ``line`` is where it starts in the file.

    ``flaws`` says of cells why the spreadsheet itself has no value for them; ``raw`` is the reader's own.
    ``displayed`` is how a workbook shows cells, where that is not their text; ``undisplayed`` names the formats of
    cells of which that cannot be told.
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

    def sent(self, direct: Set[int]) -> list[str]:
        """The texts, those of the columns ``direct`` as the workbook shows them."""
        if not self.displayed:
            return self.texts
        return [self.displayed.get(i, text) if i in direct else text for i, text in enumerate(self.texts)]


class Grid(Protocol):
    """A sheet that is open for reading. Copies of this process may go on reading it, each for itself."""

    def records(self) -> Iterator[Record]:
        """All records, once. Raises ``SheetProblem`` where reading ends too early."""
        ...

    def locate(self, record: Record, column: int | None) -> Location:
        """The place of a cell (its column counts from 0), or of the whole record."""
        ...

    def take(self, records: Iterator[Record], count: int) -> Iterator[Record]:
        """The next ``count`` of ``records``, which this grid gave. Raises ``SheetProblem`` as they do."""
        return islice(records, count)

    def pass_over(self, records: Iterator[Record], count: int) -> tuple[int, int]:
        """Do without the next ``count`` of ``records``: how many there were, and how many hold anything."""
        blank = [record.blank for record in islice(records, count)]
        return len(blank), blank.count(False)


def refuse_flaws(grid: Grid, record: Record, columns: Iterable[int]) -> None:
    """Raise ``SheetProblem`` where one of these cells has no value of its own."""
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
