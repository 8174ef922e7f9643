"""One row while it is read: its cells, its location, and whether it has errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from reconciler.domain.masking import is_private
from reconciler.domain.model import Address, Location
from reconciler.domain.sensitive import is_harmless
from reconciler.source.report import FileReport, Hint
from reconciler.source.rows.cells import Cell, Layer, Source
from reconciler.source.rows.repeat import Occurrence
from reconciler.source.schema.wording import revealing_names
from reconciler.source.yaml.nodes import MapNode, Node, Scalar


class Place(Protocol):
    """The locations of a row."""

    def row(self) -> Location:
        """The start of the row."""

    def last_line(self) -> int:
        """The last line of the row."""

    def field(self, field: str) -> Location:
        """The name of a field without a valid value; the row if it does not name the field."""

    def cell(self, cell: Cell) -> Location:
        """A value in the row itself."""


@dataclass(frozen=True, slots=True)
class PlanPlace:
    """A row of ``calls``."""

    file: str
    node: MapNode

    def row(self) -> Location:
        return Location(self.file, self.node.line, self.node.column)

    def last_line(self) -> int:
        return _last_line(self.node)

    def field(self, field: str) -> Location:
        own = self.node.items.get(field)
        return self.row() if own is None else Location(self.file, own[0].line, own[0].column)

    def cell(self, cell: Cell) -> Location:
        return _in_plan(self.file, cell) or self.row()


@dataclass(slots=True)
class Reading:
    """The row at ``place``. ``failed`` is set by any error: then there is no row."""

    place: Place
    merged: Layer
    report: FileReport
    writes_schedule: bool = False
    occurrence: Occurrence | None = None
    address: Address | None = None
    failed: bool = False

    def cell(self, field: str) -> Cell | None:
        return self.merged.cells.get(field)

    def text(self, field: str) -> str | None:
        cell = self.merged.cells.get(field)
        return None if cell is None else cell.text

    def texts(self, field: str) -> dict[str, str]:
        """The entries of a free map, in the order of the file: those of the defaults first."""
        prefix = f"{field}."
        cells = self.merged.cells
        return {name.removeprefix(prefix): cell.text for name, cell in cells.items() if name.startswith(prefix)}

    def blocked(self, field: str) -> bool:
        return bool(self.merged.bad) and field.partition(".")[0] in self.merged.bad

    def wrong(self, code: str, field: str, message: str, hint: Hint = None, *, names: Iterable[str] = ()) -> None:
        """Report an error at a field's value, or at the row if it has none. Ignored if the field fails the schema.

        ``names`` are the names that the message contains without quotes.
        """
        self.failed = True
        if self.blocked(field):
            return
        cell = self.cell(field)
        where = self.place.field(field) if cell is None else self.location_of(cell)
        if cell is not None and not isinstance(cell.origin, Scalar | int):
            message += f" (computed by {cell.origin.name}, line {cell.origin.scalar.line} of {self.report.file})"
        cause = f"{field} in defaults" if cell is not None and cell.source is Source.DEFAULT else field
        private = (*self._private(), *revealing_names(names))
        self.report.add_problem_at(code, message, where, hint, private=private, address=self.address, cause=cause)

    def _private(self) -> tuple[str, ...]:
        """The values that masked messages about this row must hide, whichever field they concern."""
        cells = self.merged.cells.items()
        values = [cell.text for name, cell in cells if is_private(name) and not is_harmless(cell.text)]
        return (*values, *revealing_names(part for name, _ in cells for part in name.split(".")))

    def location_of(self, cell: Cell) -> Location:
        """The location of a value; the row for a computed one."""
        if cell.source is Source.DEFAULT:
            return _in_plan(self.report.file, cell) or self.place.row()
        return self.place.row() if cell.source is Source.FORMULA else self.place.cell(cell)

    def warn(self, code: str, field: str, message: str, hint: Hint = None) -> None:
        """Report a warning at the same location."""
        failed = self.failed
        self.wrong(code, field, message, hint)
        self.failed = failed


def _last_line(node: Node) -> int:
    if isinstance(node, Scalar):
        return node.line
    inner = (item for _, item in node.items.values()) if isinstance(node, MapNode) else node.items
    return max((node.line, *map(_last_line, inner)))


def _in_plan(file: str, cell: Cell) -> Location | None:
    origin = cell.origin
    return Location(file, origin.line, origin.column) if isinstance(origin, Scalar) else None
