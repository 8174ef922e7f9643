"""Read the rows of one sheet."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from reconciler.bulk import spool
from reconciler.domain.model import Row
from reconciler.source.formulas.columns import Columns, in_order, sources_of
from reconciler.source.formulas.inputs import TableExamples, no_tables
from reconciler.source.rows.cells import Source
from reconciler.source.rows.collector import PackedRows
from reconciler.source.rows.fields import MAPS, schema_of
from reconciler.source.rows.row import Frame
from reconciler.source.schema.wording import listed, quoted, revealing_names
from reconciler.source.sheets.converting import RecordConverter
from reconciler.source.sheets.examples import SheetExamples
from reconciler.source.sheets.filtering import RowFilter
from reconciler.source.sheets.grid import Grid
from reconciler.source.sheets.header import Header, check_unread, find_header, read_header
from reconciler.source.sheets.parallel_rows import Dates, NonBlankRows, rows_in_parallel
from reconciler.source.yaml.nodes import Scalar


class SheetReader:
    """Reads the rows of ``grid``."""

    def __init__(
        self,
        grid: Grid,
        name: str,
        frame: Frame,
        source: Source,
        header: int | None = None,
        row_filter: RowFilter | None = None,
        tables: TableExamples = no_tables,
    ) -> None:
        self._grid = grid
        self._tables = tables
        self._name = name
        self._frame = frame
        self._source = source
        self._header_row = header
        self._filter = row_filter
        self.dates = Dates()

    def rows(self, columns: Columns) -> Iterator[Row | PackedRows]:
        """Every valid row. Errors are reported. Raises ``SheetProblem`` if the sheet cannot be read any further.

        The rows of long sheets are made by several processes, in batches.
        """
        records = self._grid.records()
        report = self._frame.report
        read = {name for name, _, _ in self._reads(columns)}
        needed = {name for name in read if not self._is_provided(name, columns)}
        first = find_header(self._grid, records, self._header_row, needed)
        header = read_header(self._grid, first, report)
        if header is None:
            return
        check_unread(self._grid, first, header, {*read, *columns}, report)
        examples = SheetExamples(self._grid, first, header.names, read, self._filter)
        sources = sources_of(columns, examples, self._tables)
        ordered = tuple(column.in_sheet(sources) for column in in_order(columns, report))
        if (columns and not ordered) or not self._knows(columns, header):
            return
        row_filter = self._filter and self._filter.in_sheet(sources)
        lines = RecordConverter(self._grid, header, ordered, self._frame, self._source, row_filter)
        filled, count = NonBlankRows(self._grid, records, self._frame.project.limits.sheet_rows), 0
        while count <= spool.PARALLEL_ABOVE or self._frame.watch is not None:
            group = filled.group(spool.PART)
            for row in lines.rows(group.records):
                self.dates.add(row)
                yield row
            if group.problem is not None:
                raise group.problem
            count += len(group.records)
            if group.last:
                if not count and not any(path[:1] == ("table",) for path in report.bad):
                    hint = "add a row for each call; with hidden: skip, hidden rows are not read"
                    report.add_problem_at(
                        "W208", "the sheet has no rows below its header", self._grid.locate(first, None), hint
                    )
                return
        yield from rows_in_parallel(filled, lines.rows, report, self.dates)

    def _reads(self, columns: Columns) -> Iterator[tuple[str, str, Scalar]]:
        """Each name that a formula reads, with the name and the text of the formula."""
        for column in columns.values():
            for name in dict.fromkeys(column.reads):
                yield name, column.name, column.scalar
        if self._filter is not None:
            for name in dict.fromkeys(self._filter.reads):
                yield name, "where", self._filter.scalar

    def _is_provided(self, name: str, columns: Columns) -> bool:
        """Whether a name can be read although the sheet has no such column: a column, a default or a field."""
        is_field = schema_of(name) is not None and not name.startswith(MAPS)
        return is_field or name in columns or name in self._frame.defaults.cells

    def _knows(self, columns: Columns, header: Header) -> bool:
        """Report unknown names in formulas: each must be a header, a column, a default or a field."""
        known = {*header.names, *columns, *self._frame.defaults.cells} - {""}
        good = True
        for name, formula, scalar in self._reads(columns):
            if name in header.names or (formula != "where" and self._is_provided(name, columns)):
                continue
            names = known if formula != "where" else {*header.names} - {""}
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of: {listed(sorted(names))}"
            message = f"{formula}: {self._name} has no column {quoted(name)}"
            private = revealing_names([formula])
            self._frame.report.add_problem("E703", message, scalar.line, scalar.column, hint, private=private)
            good = False
        return good
