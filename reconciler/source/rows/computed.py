"""The computed columns of one plan file: those of the whole file, which those of a sheet can replace."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.domain.settings import Project
from reconciler.source.formulas.columns import Column, Columns, in_order, read_columns, sources_of
from reconciler.source.formulas.inputs import no_examples
from reconciler.source.formulas.program import Engine
from reconciler.source.report import FileReport
from reconciler.source.rows.fields import is_repeat, schema_of
from reconciler.source.schema.shape import NO_REPEAT
from reconciler.source.schema.wording import revealing_names
from reconciler.source.sheets.filtering import RowFilter, read_filter
from reconciler.source.sheets.header import near_field
from reconciler.source.sheets.lookup import Lookups
from reconciler.source.sheets.options import read_options
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar


class Computed:
    """``columns`` are those of the whole file; ``broken`` are the names of invalid ones, which are reported."""

    def __init__(self, root: MapNode, plan: str | None, project: Project, report: FileReport) -> None:
        self._report = report
        self._names = {"name": plan or ""}
        self._lookups = _lookups(root, project, report)
        self.table_examples = self._lookups.examples
        self._holidays = project.holidays
        self._engine: Engine | None = None
        self.columns = self._read(root, ("columns",))
        node = root.get("columns")
        self.broken = frozenset(node.items) - self.columns.keys() if isinstance(node, MapNode) else frozenset()
        sheets = root.get("sheets")
        items = sheets.items if isinstance(sheets, ListNode) else []
        self._sheets = [
            self._read(item, ("sheets", index, "columns")) if isinstance(item, MapNode) else {}
            for index, item in enumerate(items)
        ]
        self._filters = [self._filter(item, index) for index, item in enumerate(items)]
        self._check_helpers()

    def _read(self, parent: MapNode, path: tuple[str | int, ...]) -> Columns:
        node = parent.get("columns")
        if not isinstance(node, MapNode) or not node.items:
            return {}
        return read_columns(node, path, self._shared_engine(), self._names, self._report)

    def _shared_engine(self) -> Engine:
        from reconciler.source.formulas.functions import library  # noqa: PLC0415 - only where there are formulas

        if self._engine is None:
            self._engine = Engine(library(self._holidays, self._lookups.find), self._lookups.prepare)
        return self._engine

    def _filter(self, item: Node, index: int) -> RowFilter | None:
        """The filter of one sheet. An invalid one is reported, and the sheet is not read."""
        node, path = item.get("where") if isinstance(item, MapNode) else None, ("sheets", index, "where")
        if not isinstance(node, Scalar) or path in self._report.bad:
            return None
        made = read_filter(node, self._shared_engine, self._names, self._report)
        if made is None:
            self._report.bad.add(path)
        return made

    def filter_of_sheet(self, index: int) -> RowFilter | None:
        """The ``where`` of one sheet, or None if it has none."""
        return self._filters[index]

    def for_sheet(self, item: MapNode, index: int) -> Columns | None:
        """The columns of one sheet, which take precedence over the file's; None if any of them is invalid."""
        own, node = self._sheets[index], item.get("columns")
        whole = not isinstance(node, MapNode) or len(own) == len(node.items)
        return {**self.columns, **own} if whole and not self.broken else None

    def for_calls(self, *, alone: bool) -> Sequence[Column]:
        """The columns that only read fields, in order. Others are for sheets, if there are any."""
        fit = dict(self.columns)
        while unfit := [
            column for column in fit.values() if not all(_is_available(read, fit) for read in column.reads)
        ]:
            for column in unfit:
                del fit[column.name]
                if alone:
                    missing = next(read for read in column.reads if not _is_available(read, fit))
                    message = f"{column.name}: the rows of calls have no column {missing!r}"
                    hint = "use a field, such as row.metadata.invoice"
                    private = revealing_names([column.name])
                    self._report.add_problem(
                        "E703", message, column.scalar.line, column.scalar.column, hint, private=private
                    )
        sources = sources_of(fit, no_examples, self.table_examples)
        return [column.in_sheet(sources) for column in in_order(fit, self._report)]

    def _check_helpers(self) -> None:
        """Report columns that are neither a field nor used by a formula."""
        every = [*self.columns.values(), *(column for columns in self._sheets for column in columns.values())]
        read = {name for column in every for name in column.reads}
        for column in every:
            if schema_of(column.name) is not None or column.name in read:
                continue
            line, place = column.scalar.line, column.scalar.column
            if is_repeat(column.name):
                self._report.add_problem(
                    "E806", f"column {column.name!r}: {NO_REPEAT[0]}", line, place, NO_REPEAT[1]
                )
            else:
                near = near_field(column.name)
                hint = f"did you mean {near[0]}?" if near is not None else "remove it, or use it in another column"
                message = f"column {column.name!r} is not a field, and no formula uses it"
                code = "E606" if near is not None and near[1] else "W204"
                self._report.add_problem(code, message, line, place, hint)


def _is_available(name: str, columns: Columns) -> bool:
    return name in columns or schema_of(name) is not None


def _lookups(root: MapNode, project: Project, report: FileReport) -> Lookups:
    node = root.get("tables")
    items = node.items.items() if isinstance(node, MapNode) else ()
    tables = {name: options for name, (_, value) in items if (options := read_options(value)) is not None}
    return Lookups(tables, project, report)
