"""One row while it is read: its cells, its place, and whether anything was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Address, Location
from reconciler.source.cells import Cell, Merged
from reconciler.source.nodes import MapNode
from reconciler.source.report import Report
from reconciler.source.wording import quoted


@dataclass(slots=True)
class Reading:
    """The row at ``node``. ``failed`` once anything was wrong: then there is no row."""

    node: MapNode
    merged: Merged
    report: Report
    address: Address | None = None
    failed: bool = False

    @property
    def location(self) -> Location:
        return Location(self.report.file, self.node.line, self.node.column)

    def cell(self, field: str) -> Cell | None:
        return self.merged.cells.get(field)

    def text(self, field: str) -> str | None:
        cell = self.cell(field)
        return None if cell is None else cell.text

    def texts(self, field: str) -> dict[str, str]:
        """A free map, in the order of the file: the defaults' entries first."""
        prefix = f"{field}."
        cells = self.merged.cells
        return {name.removeprefix(prefix): cell.text for name, cell in cells.items() if name.startswith(prefix)}

    def blocked(self, field: str) -> bool:
        return field.partition(".")[0] in self.merged.blocked

    def wrong(
        self, code: str, field: str, message: str, hint: str | None = None, *, private: bool = False
    ) -> None:
        """An error at a field's value, or at the row where it has none; silent where the shape is wrong."""
        self.failed = True
        if self.blocked(field):
            return
        cell = self.cell(field)
        own = self.node.items.get(field)
        place = cell.scalar if cell else own[0] if own else self.node
        hidden = (cell.text, quoted(cell.text)[1:-1]) if private and cell and cell.text else ()
        self.report.say(code, message, place.line, place.column, hint, private=hidden, address=self.address)

    def warn(self, code: str, field: str, message: str, hint: str | None = None, *, private: bool = False) -> None:
        """A warning at the same place."""
        failed = self.failed
        self.wrong(code, field, message, hint, private=private)
        self.failed = failed
