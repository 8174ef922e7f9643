"""Convert the records of a sheet to rows. Properties of columns are computed once, not for each cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import itemgetter
from typing import TypeAlias

from reconciler.domain.masking import is_private
from reconciler.domain.model import Location, Row
from reconciler.source.formulas.columns import Column
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.report import ProblemKind
from reconciler.source.rows.cells import TIMING, Cell, Layer, Source
from reconciler.source.rows.fields import ROUNDED_NUMBER, Check, check_of, explain
from reconciler.source.rows.ordinary import NOTHING, RowShape
from reconciler.source.rows.row import Frame
from reconciler.source.schema.wording import quoted, revealing_names
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import MEND, Grid, SheetRow
from reconciler.source.sheets.header import Header


@dataclass(frozen=True, slots=True)
class SheetPlace:
    """The locations of a record in a sheet. ``columns`` are the indexes of its fields."""

    grid: Grid
    record: SheetRow
    columns: dict[str, int]

    def row(self) -> Location:
        return self.grid.locate(self.record, None)

    def last_line(self) -> int:
        lines = self.record.raw
        return self.record.line + (len(lines) - 1 if isinstance(lines, list) else 0)

    def field(self, field: str) -> Location:
        index = self.columns.get(field)
        return self.row() if index is None else self.grid.locate(self.record, index)

    def cell(self, cell: Cell) -> Location:
        return self.grid.locate(self.record, cell.origin) if isinstance(cell.origin, int) else self.row()


_ROUNDED_WITHIN = re.compile(rf"^\s*{ROUNDED_NUMBER.pattern}\s*$", re.ASCII | re.MULTILINE)
# A row shape, and the function that selects its texts.
_Taken: TypeAlias = "tuple[RowShape, Callable[[Sequence[str]], Sequence[str]]]"


class RecordConverter:
    """Converts the records of one sheet to rows."""

    def __init__(
        self,
        grid: Grid,
        header: Header,
        columns: Sequence[Column],
        frame: Frame,
        source: Source,
        row_filter: RowFilter | None,
    ) -> None:
        self._grid = grid
        self._header = header
        self._columns = columns
        self._frame = frame
        self._source = source
        self._filter = row_filter
        computed = {column.name for column in columns}
        reads = {name for column in columns for name in column.reads}
        self._fields: list[tuple[int, str, Check]] = [
            (index, path, check_of(path)) for index, path in header.fields
        ]
        self._shadowing = [(index, name) for index, name in header.inputs if name in computed]
        self._read = [(index, name) for index, name in enumerate(header.names) if name in reads]
        self._index = {name: index for index, name in enumerate(header.names) if name}
        self._nameless = [index for index, name in enumerate(header.names) if not name]
        filtering = () if row_filter is None else set(row_filter.reads)
        self._filtering = [(index, name) for index, name in enumerate(header.names) if name in filtering]
        self._used: Collection[int] = {
            *(index for index, _ in (*header.fields, *self._read, *self._filtering)),
        }
        self._direct = {index for index, path in header.fields if path.startswith("additional_data.")}
        self._defaults = {name: cell.text for name, cell in frame.defaults.cells.items() if name in reads}
        self._timing = frozenset(path for _, path in header.fields if path in TIMING)
        self._explained = bool(columns or self._nameless or frame.watch)
        self._kinds: dict[tuple[bool | None, ...], _Taken | None] = {}
        self._refused: dict[str, str] = {}  # the code of the last problem in each column

    def rows(self, records: Sequence[SheetRow]) -> list[Row]:
        """The rows of the valid records. Errors in the others are reported."""
        if self._filter is not None:
            records = [record for record in records if self._matches(record, self._filter)]
        made: Iterable[Row | None] = () if self._explained else self._ordinary(records)
        rows = (row or self._row(record) for record, row in zip_longest(records, made))
        return [row for row in rows if row is not None]

    def _matches(self, record: SheetRow, row_filter: RowFilter) -> bool:
        """Whether ``where`` keeps a record; if not, it is counted. One that cannot be judged is an error, or is
        kept so that its error is reported."""
        texts = record.texts
        if len(texts) < len(self._header.names) or any(index in record.flaws for index, _ in self._filtering):
            return True
        values = {name: texts[index] if texts[index].strip() else "" for index, name in self._filtering}
        try:
            matches = row_filter.matches(values)
        except FormulaProblem as problem:
            row_filter.report(problem, values, self._grid.locate(record, None), self._frame.report)
            return False
        if not matches:
            self._frame.report.add_filtered(self._grid.locate(record, None).file, record.number)
        return matches

    def _row(self, record: SheetRow) -> Row | None:
        """The slow path: the row of a record that may have problems."""
        if not self._fits(record):
            return None
        own = self._cells(record)
        values: dict[str, str] = {}
        if self._columns:
            values = self._defaults.copy()
            texts = record.texts
            for index, name in self._read:
                if texts[index].strip():
                    values[name] = texts[index]
        place = SheetPlace(self._grid, record, self._index)

        def locate(name: str) -> Location | None:
            index = self._index.get(name)
            return None if index is None else self._grid.locate(record, index)

        return self._frame.row(place, own, self._columns, values, locate)

    def _ordinary(self, records: Sequence[SheetRow]) -> Iterable[Row | None]:
        """The fast path: check the texts column by column. None for a record that needs the slow path, () if all
        records need it."""
        width = len(self._header.names)
        if any(record.flaws or record.undisplayed or len(record.texts) != width for record in records):
            return ()
        columns = list(zip(*(record.sent(self._direct) for record in records), strict=True))
        there = [_filled(columns[index], check) for index, _, check in self._fields] if columns else []
        return (
            self._made(record, filled) for record, filled in zip(records, zip(*there, strict=True), strict=False)
        )

    def _made(self, record: SheetRow, filled: tuple[bool | None, ...]) -> Row | None:
        """The row that sets the ``filled`` fields; None if a field is invalid."""
        if filled not in self._kinds:
            self._kinds[filled] = self._kind(record, filled)
        taken = self._kinds[filled]
        if taken is None:
            return None
        kind, own = taken
        return self._frame.ordinary.row(kind, own(record.sent(self._direct)), self._grid.locate(record, None))

    def _kind(self, record: SheetRow, filled: tuple[bool | None, ...]) -> _Taken | None:
        kind = None if None in filled else self._frame.ordinary.shape(self._cells(record), NOTHING)
        indexes = [index for (index, _, _), there in zip(self._fields, filled, strict=True) if there]
        return None if kind is None else (kind, _picking(indexes))

    def _fits(self, record: SheetRow) -> bool:
        """Whether the record has as many cells as the header, and no value in a column without a name."""
        texts, width = record.texts, len(self._header.names)
        report = self._frame.report
        if len(texts) != width:
            extra = next((index for index in range(width, len(texts)) if texts[index].strip()), None)
            if extra is not None or len(texts) < width:
                message = f"the row has {len(texts)} cells, but the header has {width}"
                hint = "check for a missing cell, or a cell that contains the delimiter and is not quoted"
                report.add_problem_at("E607", message, self._grid.locate(record, extra), hint)
                return False
        for index in self._nameless:
            if texts[index].strip():
                hint = "name the column in the header, or clear its cells"
                report.add_problem_at(
                    "E606", "this value is in a column without a header", self._grid.locate(record, index), hint
                )
                return False
        return True

    def _cells(self, record: SheetRow) -> Layer:
        """The fields that the record sets. An empty cell is an absent field."""
        layer, texts, source = Layer(), record.sent(self._direct), self._source
        cells = layer.cells
        for index, path, check in self._fields:
            text = texts[index]
            if not text or text.isspace():
                continue
            if not check(text):
                self._refuse(record, index, path, text)
                layer.bad.add(path.partition(".")[0])
                continue
            if ROUNDED_NUMBER.fullmatch(text.strip()):
                hint = "format the column as text in the spreadsheet, and export it again"
                where = self._grid.locate(record, index)
                message = f"{path}: {quoted(text)} looks like a number that a spreadsheet program rounded"
                private = revealing_names(path.split("."))
                self._frame.report.add_problem_at("W206", message, where, hint, private=private, cause=path)
            cells[path] = Cell(text, source, index)
            layer.schedule |= path == "schedule.at"
        layer.blank = self._timing if cells.keys().isdisjoint(self._timing) else frozenset()
        for index, name in self._shadowing:
            if texts[index].strip():
                cells[name] = Cell(texts[index], source, index)
        for index, flaw in record.flaws.items():
            if index in self._used:
                name = self._header.names[index]
                where = self._grid.locate(record, index)
                private = revealing_names([name])
                self._frame.report.add_problem_at(
                    "E608", f"{name}: {flaw}", where, MEND, private=private, cause=name
                )
                layer.bad.add(name.partition(".")[0])
        self._warn_of_formats(record)
        return layer

    def _warn_of_formats(self, record: SheetRow) -> None:
        for index in sorted(self._direct & record.undisplayed.keys()):
            name, where = self._header.names[index], self._grid.locate(record, index)
            sent = quoted(record.texts[index])
            message = f"{name}: the number format {record.undisplayed[index]!r} is not supported; {sent} is sent"
            private = (sent, *revealing_names([name]))
            hint = "format the column as text or as a plain number, or write a formula for the field"
            self._frame.report.add_problem_at("W207", message, where, hint, private=private, cause=name)

    def _refuse(self, record: SheetRow, index: int, path: str, text: str) -> None:
        """Report an invalid cell. If the report already has many such problems of its column, only count it."""
        report, known = self._frame.report, self._refused.get(path)
        where = self._grid.locate(record, index)
        if known is not None and report.is_full(ProblemKind(where.file, known, path)):
            report.omit(ProblemKind(where.file, known, path))
            return
        code, message, hint = explain(path, text)
        self._refused[path] = code
        values = (quoted(text), text) if is_private(path) else ()
        report.add_problem_at(
            code, message, where, hint, private=(*values, *revealing_names(path.split("."))), cause=path
        )


def _filled(texts: Sequence[str], check: Check) -> Sequence[bool | None]:
    """For each text of a column, whether it is not empty; None if it may be invalid."""
    if all(texts) and check.all(texts) and not any(map(str.isspace, texts)) and not _has_rounded(texts):
        return [True] * len(texts)
    return [_is_filled(text, check) for text in texts]


def _is_filled(text: str, check: Check) -> bool | None:
    if not text or text.isspace():
        return False
    return True if check(text) and not ROUNDED_NUMBER.fullmatch(text.strip()) else None


def _has_rounded(texts: Sequence[str]) -> bool:
    """Whether one of the texts may be a rounded number."""
    return _ROUNDED_WITHIN.search("\n".join(texts)) is not None


def _picking(indexes: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    """A function that selects the texts at these indexes."""
    if len(indexes) < 2:
        return lambda texts: [texts[index] for index in indexes]
    return itemgetter(*indexes)
