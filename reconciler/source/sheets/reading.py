"""The rows of one sheet. What can be known of a column is found out once, not for each cell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice

from reconciler import spool
from reconciler.model import Location, Row
from reconciler.source.cells import Cell, Layer, Source
from reconciler.source.fields import MAPS, SPOILED_NUMBER, Check, check_of, explain, schema_of
from reconciler.source.formulas.columns import Column, Columns, in_order
from reconciler.source.frame import NOTHING, Frame
from reconciler.source.gathering import Rows
from reconciler.source.ordinary import Kind
from reconciler.source.report import is_public
from reconciler.source.sheets.grid import Grid, Record, SheetProblem
from reconciler.source.sheets.header import Header, check_unread, read_header
from reconciler.source.sheets.sharing import Dates, shared
from reconciler.source.wording import quoted


@dataclass(frozen=True, slots=True)
class SheetPlace:
    """A record of a sheet. ``columns`` are the indexes of its fields."""

    grid: Grid
    record: Record
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


class SheetReader:
    """Reads the rows of ``grid``."""

    def __init__(self, grid: Grid, name: str, frame: Frame, source: Source) -> None:
        self._grid = grid
        self._name = name
        self._frame = frame
        self._source = source
        self.dates = Dates()

    def rows(self, columns: Columns) -> Iterator[Row | Rows]:
        """Every row that is right; everything wrong is reported. Raises ``SheetProblem`` where reading ends.

        The rows of long sheets are made by several processes, many at a time.
        """
        records = self._grid.records()
        first = next((record for record in records if not record.blank), None)
        if first is None:
            raise SheetProblem("E605", "there is nothing in it", "the first row names the columns")
        report = self._frame.report
        header = read_header(self._grid, first, report)
        if header is None:
            return
        read = {name for column in columns.values() for name in column.reads}
        check_unread(self._grid, first, header, {*read, *columns}, report)
        ordered = in_order(columns, report)
        if (columns and not ordered) or not self._knows(columns, header):
            return
        lines = _Lines(self._grid, header, ordered, self._frame, self._source)
        rest = self._limited(records)
        for record in rest if self._frame.watch is not None else islice(rest, spool.MOST_HELD):
            row = lines.row(record)
            if row is not None:
                self.dates.add(row)
                yield row
        more = next(rest, None)
        if more is not None:
            yield from shared(chain([more], rest), lines.row, self._frame.report, self.dates)

    def _limited(self, records: Iterator[Record]) -> Iterator[Record]:
        """Those that are not blank, as many as are read."""
        most, count = self._frame.project.limits.sheet_rows, 0
        for record in records:
            if record.blank:
                continue
            count += 1
            if count > most:
                hint = "an operator may raise limits.sheet_rows in reconciler.yaml"
                raise SheetProblem("E603", f"more than {most} rows", hint, self._grid.locate(record, None))
            yield record

    def _knows(self, columns: Columns, header: Header) -> bool:
        """Whether every name that a formula reads is one: of a header, a column, a default or a field."""
        known = {*header.names, *columns, *self._frame.defaults.cells} - {""}
        report, good = self._frame.report, True
        for column in columns.values():
            for name in dict.fromkeys(column.reads):
                field = schema_of(name) is not None and not name.startswith(MAPS)
                if name in known or field:
                    continue
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(known))[:200]}"
                message = f"{column.name}: {self._name} has no column {quoted(name)}"
                report.say("E703", message, column.scalar.line, column.scalar.column, hint)
                good = False
        return good


class _Lines:
    """Records of one sheet to rows."""

    def __init__(
        self, grid: Grid, header: Header, columns: Sequence[Column], frame: Frame, source: Source
    ) -> None:
        self._grid = grid
        self._header = header
        self._columns = columns
        self._frame = frame
        self._source = source
        computed = {column.name for column in columns}
        reads = {name for column in columns for name in column.reads}
        self._fields: list[tuple[int, str, Check]] = [
            (index, path, check_of(path)) for index, path in header.fields
        ]
        self._shadowing = [(index, name) for index, name in header.inputs if name in computed]
        self._read = [(index, name) for index, name in enumerate(header.names) if name in reads]
        self._index = {name: index for index, name in enumerate(header.names) if name}
        self._nameless = [index for index, name in enumerate(header.names) if not name]
        self._used: Collection[int] = {*(index for index, _ in (*header.fields, *self._read))}
        self._defaults = {name: cell.text for name, cell in frame.defaults.cells.items() if name in reads}
        self._explained = bool(columns or self._nameless or frame.watch)
        self._kinds: dict[tuple[int, ...], Kind | None] = {}

    def row(self, record: Record) -> Row | None:
        ordinary = None if self._explained else self._ordinary(record)
        if ordinary is not None:
            return ordinary
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

    def _ordinary(self, record: Record) -> Row | None:
        """The row of a record of which there is nothing to say, found by a look at its texts."""
        texts = record.texts
        if record.flaws or len(texts) != len(self._header.names):
            return None
        own: list[str] = []
        mark: list[int] = []
        for index, _, check in self._fields:
            text = texts[index]
            if text and not text.isspace():
                if not check(text) or "E+" in text:
                    return None
                own.append(text)
                mark.append(index)
        ordinary, found = self._frame.ordinary, tuple(mark)
        if found not in self._kinds:
            self._kinds[found] = ordinary.kind(self._cells(record), NOTHING)
        kind = self._kinds[found]
        return None if kind is None else ordinary.row_of(kind, own, self._grid.locate(record, None))

    def _fits(self, record: Record) -> bool:
        """As many cells as the header, and none without a name."""
        texts, width = record.texts, len(self._header.names)
        report = self._frame.report
        if len(texts) != width:
            extra = next((index for index in range(width, len(texts)) if texts[index].strip()), None)
            if extra is not None or len(texts) < width:
                message = f"the row has {len(texts)} cells, and the header {width}"
                hint = "is a cell missing, or one with the delimiter in it not quoted?"
                report.tell("E607", message, self._grid.locate(record, extra), hint)
                return False
        for index in self._nameless:
            if texts[index].strip():
                hint = "name the column in the header, or clear its cells"
                report.tell("E606", "a value in a column without a header", self._grid.locate(record, index), hint)
                return False
        return True

    def _cells(self, record: Record) -> Layer:
        """The fields that the record sets; an empty cell is an absent field."""
        layer, texts, source = Layer(), record.texts, self._source
        cells = layer.cells
        for index, path, check in self._fields:
            text = texts[index]
            if not text or text.isspace():
                continue
            if not check(text):
                self._refuse(record, index, path, text)
                layer.bad.add(path.partition(".")[0])
                continue
            if "E+" in text and SPOILED_NUMBER.fullmatch(text):
                hint = "format the column as text in the spreadsheet, and export it again"
                where = self._grid.locate(record, index)
                message = f"{path}: {text} looks like a number that a spreadsheet rounded"
                private = () if is_public(path.split(".")) else (text,)
                self._frame.report.tell("W206", message, where, hint, private=private)
            cells[path] = Cell(text, source, index)
            layer.schedule |= path == "schedule.at"
        for index, name in self._shadowing:
            if texts[index].strip():
                cells[name] = Cell(texts[index], source, index)
        for index, flaw in record.flaws.items():
            if index in self._used:
                name = self._header.names[index]
                hint = "mend it in the spreadsheet, and save it there"
                where = self._grid.locate(record, index)
                self._frame.report.tell("E608", f"{name}: {flaw}", where, hint)
                layer.bad.add(name.partition(".")[0])
        return layer

    def _refuse(self, record: Record, index: int, path: str, text: str) -> None:
        code, message, hint = explain(path, text)
        private = () if is_public(path.split(".")) else (quoted(text), text)
        self._frame.report.tell(code, message, self._grid.locate(record, index), hint, private=private)
