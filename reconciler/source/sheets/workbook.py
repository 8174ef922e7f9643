"""Read one sheet of an ``.xlsx`` or ``.ods`` workbook, with the last calculated values of formulas.

Our own parsers, based on expat, stream a sheet in two passes: the first finds its extent and what is hidden or
merged, the second makes the rows. ``python-calamine`` builds the whole grid before anything can be checked, and
does not support hidden rows and formats; ``openpyxl`` supports both only if it loads the whole workbook.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from reconciler.domain.model import Location
from reconciler.source.schema.wording import listed
from reconciler.source.sheets.grid import MAX_CELL, MAX_COLUMNS, Grid, SheetProblem, SheetRow, letters
from reconciler.source.sheets.ods import MIMETYPE, OdsBook
from reconciler.source.sheets.package import Package
from reconciler.source.sheets.parts import Area, Book, Sheet
from reconciler.source.sheets.xlsx import XlsxBook

_HINT = "set hidden: skip to ignore them, or hidden: include to read them, or unhide them in the spreadsheet"


class SeveralSheets(SheetProblem):
    """The sheet to read was not named. ``names`` are those to choose from; none if all are hidden."""

    def __init__(self, code: str, message: str, hint: str, *, names: list[str]) -> None:
        super().__init__(code, message, hint)
        self.names = names


class Workbook(Grid):
    """One sheet of a workbook. ``sheet`` may be None if only one sheet is visible.

    ``hidden`` is the setting for hidden rows, columns and sheets: ``include``, ``skip``, or None if it is not set.
    """

    def __init__(
        self, raw: io.BufferedReader, name: str, sheet: str | None, hidden: str | None, limit: int
    ) -> None:
        self._name = name
        self._book = _open(Package(raw, limit), name)
        self._sheet = _choose(self._book.sheets, sheet, hidden)
        survey = self._survey = self._book.survey(self._sheet)
        if survey.width > MAX_COLUMNS:
            hint = "delete the columns on the right that are not needed"
            raise SheetProblem("E603", f"{survey.width:,} columns; at most {MAX_COLUMNS:,} are allowed", hint)
        self._skipped_rows: frozenset[int] = frozenset()
        self._skipped_columns: frozenset[int] = frozenset()
        if hidden == "skip":
            self._skipped_rows = frozenset(survey.hidden_rows)
            self._skipped_columns = frozenset(survey.hidden_columns)
        elif hidden is None:
            self._refuse_hidden()

    def _refuse_hidden(self) -> None:
        rows, columns = self._survey.hidden_rows, sorted(self._survey.hidden_columns)
        if rows:
            many = "1 row is hidden" if len(rows) == 1 else f"{len(rows):,} rows are hidden"
            where = self.locate(SheetRow(rows[0], rows[0], []), None)
            raise SheetProblem("E609", f"{many}, by a filter or manually", _HINT, where)
        if columns:
            many = "column {} is hidden" if len(columns) == 1 else "columns {} are hidden"
            where = self.locate(SheetRow(1, 1, []), columns[0])
            raise SheetProblem("E609", many.format(listed([letters(column) for column in columns])), _HINT, where)

    def records(self) -> Iterator[SheetRow]:
        """Every row with content."""
        merged = _Merged(self._survey.merged)
        read = 0
        for record in self._book.records(self._sheet, self._survey.width):
            if record.number in self._skipped_rows:
                continue
            read += 1
            self._check(record)
            for column in self._skipped_columns:
                _clear(record, column)
            if self._survey.merged:
                record.flaws = {**record.flaws, **merged.flaws(record.number, self._survey.width)}
            yield record
        if read < 2 and self._skipped_rows:
            hint = "set hidden: include to read them, or unhide the rows that you need"
            raise SheetProblem("E605", "all rows below the header are hidden", hint)

    def _check(self, record: SheetRow) -> None:
        for column, text in enumerate(record.texts):
            if len(text) > MAX_CELL:
                message = f"a cell of {len(text):,} characters; at most {MAX_CELL:,} are allowed"
                raise SheetProblem("E603", message, None, self.locate(record, column))
            if "\0" in text:
                raise SheetProblem("E102", "NUL character", "remove it", self.locate(record, column))

    def locate(self, record: SheetRow, column: int | None) -> Location:
        """A location such as ``June!B7``; line and column are those of the cell."""
        cell = f"{self._sheet.name}!{letters(column or 0)}{record.number}"
        return Location(self._name, record.number, (column or 0) + 1, cell)


class _Merged:
    """Areas of merged cells, for rows in ascending order."""

    def __init__(self, areas: list[Area]) -> None:
        self._waiting = sorted(areas, key=lambda area: area.top, reverse=True)
        self._open: list[Area] = []

    def flaws(self, number: int, width: int) -> Mapping[int, str]:
        while self._waiting and self._waiting[-1].top <= number:
            self._open.append(self._waiting.pop())
        if not self._open:
            return {}
        self._open = [area for area in self._open if area.bottom >= number]
        return {
            column: f"the cells {area} are merged, so only the first one has a value"
            for area in self._open
            for column in range(area.left, min(area.right + 1, width))
        }


def _clear(record: SheetRow, column: int) -> None:
    record.texts[column] = ""
    for items in (record.flaws, record.displayed, record.undisplayed):
        if isinstance(items, dict):
            items.pop(column, None)


def _open(package: Package, name: str) -> Book:
    """Open the workbook. Its format must match its name."""
    is_ods = b"".join(package.pieces("mimetype")).strip().startswith(MIMETYPE)
    named_ods = name.lower().endswith(".ods")
    if is_ods != named_ods:
        what, right = (
            ("an OpenDocument spreadsheet", ".ods") if is_ods else ("not an OpenDocument spreadsheet", ".xlsx")
        )
        raise SheetProblem("E602", f"this is {what}", f"save it as {right}, or rename it to {right}")
    return OdsBook(package) if is_ods else XlsxBook(package)


def _choose(sheets: list[Sheet], wanted: str | None, hidden: str | None) -> Sheet:
    names = [sheet.name for sheet in sheets]
    if wanted is not None:
        if names.count(wanted) != 1:
            raise SheetProblem("E602", f"no sheet {wanted!r} in the workbook", f"use one of: {listed(names)}")
        chosen = sheets[names.index(wanted)]
        if chosen.hidden and hidden != "include":
            hint = "set hidden: include to read it, or unhide it in the spreadsheet"
            raise SheetProblem("E609", f"the sheet {wanted!r} is hidden", hint)
        return chosen
    seen = [sheet for sheet in sheets if hidden == "include" or not sheet.hidden]
    if len(seen) != 1:
        shown = ", ".join(sheet.name for sheet in seen or sheets)[:200]
        message, hint = f"the workbook has {len(seen)} sheets", f"set sheet: to one of {shown}"
        raise SeveralSheets("E602", message, hint, names=[sheet.name for sheet in seen])
    return seen[0]
