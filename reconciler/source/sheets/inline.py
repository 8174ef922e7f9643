"""A table in the plan file itself."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.domain.model import Location
from reconciler.source.report import FileReport
from reconciler.source.sheets.grid import Grid, SheetRow
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar


class Inline(Grid):
    """``{columns: [...], rows: [[...], ...]}``. Rows that do not fit the schema are left out."""

    def __init__(self, node: MapNode, report: FileReport) -> None:
        self._node = node
        self._report = report

    def records(self) -> Iterator[SheetRow]:
        """The column names, then each row. Null is an empty cell."""
        columns, rows = self._node.get("columns"), self._node.get("rows")
        bad, skipped = self._report.bad_in(("table", "rows")), self._report.skipped
        if isinstance(columns, ListNode) and "columns" not in self._report.bad_in(("table",)):
            yield _record(0, columns)
            for index, row in enumerate(rows.items if isinstance(rows, ListNode) else ()):
                if isinstance(row, ListNode) and str(index) not in bad and ("table", "rows", index) not in skipped:
                    yield _record(index + 1, row)

    def locate(self, record: SheetRow, column: int | None) -> Location:
        nodes: list[Node] = record.raw.items if isinstance(record.raw, ListNode) else []
        node = nodes[column] if column is not None and column < len(nodes) else record.raw
        here = node if isinstance(node, Scalar | ListNode) else self._node
        return Location(self._report.file, here.line, here.column)


def _record(number: int, row: ListNode) -> SheetRow:
    return SheetRow(number, row.line, [_text(item) for item in row.items], row)


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) and not node.is_null else ""
