"""Find the cells of a sheet that show how its columns write dates, times and amounts."""

from __future__ import annotations

from collections.abc import Iterable, Set

from reconciler.source.formulas.notations import Examples, Notation, notations_of
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import Grid, SheetProblem, SheetRow


class SheetExamples:
    """The notations in the columns that formulas read. The whole sheet is read when a cell first needs them.

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
        self._found: dict[str, dict[Notation, str]] | None = None

    def __call__(self, column: str) -> Examples:
        if self._found is None:
            self._found = self._read()
        return self._found.get(column, {})

    def _read(self) -> dict[str, dict[Notation, str]]:
        found: dict[str, dict[Notation, str]] = {name: {} for _, name in self._columns}
        grid = self._grid.reopened()
        try:
            for record in grid.records():
                if record.number > self._header.number and self._is_call(record):
                    self._add(grid, record, found)
        except SheetProblem:
            pass  # the reading of the rows reports it, so that none of them is used
        return found

    def _is_call(self, record: SheetRow) -> bool:
        """Whether ``where`` may keep the row. If that depends on what this scan finds, the row counts."""
        if self._filter is None:
            return True
        try:
            return self._filter.matches(dict(zip(self._names, record.texts, strict=False)))
        except FormulaProblem:
            return True

    def _add(self, grid: Grid, record: SheetRow, found: dict[str, dict[Notation, str]]) -> None:
        for index, name in self._columns:
            for notation in notations_of(record.texts[index]) if index < len(record.texts) else ():
                if notation not in found[name]:
                    place = grid.locate(record, index)
                    found[name][notation] = place.cell or f"line {place.line}"
