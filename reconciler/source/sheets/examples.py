"""Find the cells of a sheet that show how its columns write dates, times and amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from reconciler.source.formulas.notations import Examples, Notation, notations_of
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import Grid, SheetProblem, SheetRow

_SHOWN_WITH_HALF = "AM/PM"  # in the number format of a real time
_CLOCKS = frozenset({Notation.NIGHT, Notation.AFTERNOON})
_ALL: frozenset[Notation] = frozenset()


class SheetExamples:
    """The notations in the columns that formulas read. The sheet is read as far as a cell needs them.

    Each process of a long sheet reads it for itself, with the same result.
    """

    def __init__(
        self,
        grid: Grid,
        header: SheetRow,
        names: Iterable[str],
        reads: Set[str],
        row_filter: RowFilter | None = None,
    ) -> None:
        """``row_filter``: rows that it leaves out show nothing."""
        self._grid = grid
        self._filter = row_filter
        self._names = tuple(names)
        self._header = header
        self._columns = [(index, name) for index, name in enumerate(self._names) if name in reads]
        self._found: dict[str, dict[Notation, str]] = {name: {} for _, name in self._columns}
        self._steps: Iterator[None] | None = None

    def __call__(self, column: str, until: Set[Notation] = _ALL, /) -> Examples:
        """The examples in a column. Reads on only to a cell that shows one of ``until``."""
        found = self._found.get(column)
        if found is None:
            return {}
        if self._steps is None:
            self._steps = self._read()
        while until.isdisjoint(found) and next(self._steps, self) is None:
            pass
        return found

    def _read(self) -> Iterator[None]:
        """Read the sheet row by row."""
        grid = self._grid.reopened()
        try:
            for record in grid.records():
                if record.number > self._header.number and self._is_call(record):
                    self._add(grid, record)
                    yield None
        except SheetProblem:
            return  # the reading of the rows reports it, so that none of them is used

    def _is_call(self, record: SheetRow) -> bool:
        """Whether ``where`` may keep the row. If that depends on what this scan finds, the row counts."""
        if self._filter is None:
            return True
        try:
            return self._filter.matches(dict(zip(self._names, record.texts, strict=False)))
        except FormulaProblem:
            return True

    def _add(self, grid: Grid, record: SheetRow) -> None:
        for index, name in self._columns:
            for notation in _notations(record, index) if index < len(record.texts) else ():
                if notation not in self._found[name]:
                    place = grid.locate(record, index)
                    self._found[name][notation] = place.cell or f"line {place.line}"


def _notations(record: SheetRow, index: int) -> Iterator[Notation]:
    """The notations that a cell shows. A real time that the workbook shows with a.m. or p.m. says it, too."""
    for notation in notations_of(record.texts[index]):
        yield Notation.TWELVE_HOURS if notation in _CLOCKS and _shows_half(record, index) else notation


def _shows_half(record: SheetRow, index: int) -> bool:
    if (code := record.undisplayed.get(index)) is not None:
        return _SHOWN_WITH_HALF in code.upper()
    shown = record.displayed.get(index)
    return shown is not None and Notation.TWELVE_HOURS in notations_of(shown)
