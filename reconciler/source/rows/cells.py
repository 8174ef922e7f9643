"""A row while it is read: cells (field path to text) in layers, and where its problems are reported.

The layers are the row itself, computed columns, and the file's defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reconciler.domain.masking import is_private
from reconciler.domain.model import Address, Location
from reconciler.domain.sensitive import is_harmless
from reconciler.source.report import FileReport, Hint
from reconciler.source.schema.wording import revealing_names
from reconciler.source.yaml.nodes import MapNode, Node, Scalar

if TYPE_CHECKING:
    from reconciler.source.formulas.columns import Column

# Each field under our name and the API's name. Any of them in an upper layer replaces all of a lower one.
AGENT = ("agent", "agent_id")
SENDER = ("from", "from_number_id", "from_number")
OUR_NAMES = {name: names[0] for names in (AGENT, SENDER) for name in names[1:]}
_NAMES = {name: names for names in (AGENT, SENDER) for name in names}
# The fields that set when a call rings.
TIMING = ("schedule.at", "delay_minutes")
_NULL_TIMING = ("schedule", *TIMING)
# Defaults for phone calls, ignored if a row calls a contact.
PHONE_ONLY = ("full_name", "email", "country", "webhook_url")


class Source(StrEnum):
    """The source of a cell's value."""

    ROW = "row"
    SHEET = "sheet"
    FORMULA = "formula"
    DEFAULT = "default"
    REPEAT = "repeat"


@dataclass(slots=True)
class Cell:
    """One value. ``origin`` is the plan file's value (row, default, inline table), the index of a sheet's column
    from 0, or the computed column. For an occurrence it is the rule, or the time it is moved to.
    """

    text: str
    source: Source
    origin: Scalar | int | Column


Cells: TypeAlias = dict[str, Cell]


@dataclass(slots=True)
class Layer:
    """The values of a row from one source. ``bad`` are fields that fail the schema; they get no further errors.

    ``removed`` are fields set to null; ``schedule`` is true if the layer contains a schedule. ``blank`` are the
    fields of ``TIMING`` that the source should set, but leaves empty.
    """

    cells: Cells = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    schedule: bool = False
    blank: frozenset[str] = frozenset()


def over(upper: Layer, lower: Layer) -> Layer:
    """Merge two layers. The upper one takes precedence: its null removes a lower value, its timing replaces the
    lower timing.

    If the upper layer's timing is blank or null, no default is used for it. Only a formula for the same field can
    fill a blank cell.
    """
    removed = set(upper.removed)
    if upper.schedule or "schedule.at" in upper.cells:
        removed.add("delay_minutes")
        removed.discard("schedule")
    elif "delay_minutes" in upper.cells:
        removed.add("schedule")
    cells, bad = lower.cells, lower.bad
    if not removed.isdisjoint(_NULL_TIMING) and upper.cells.keys().isdisjoint(TIMING):
        cells = {name: cell for name, cell in cells.items() if name not in TIMING}
    if upper.blank:
        cells = {name: cell for name, cell in cells.items() if name not in TIMING or _computed(cell, name, upper)}
    removed |= {
        other for name in _NAMES.keys() & upper.cells.keys() for other in _NAMES[name]
    } - upper.cells.keys()
    if removed:
        cells = {
            name: cell
            for name, cell in cells.items()
            if name not in removed and name.partition(".")[0] not in removed
        }
    if "contact_id" in upper.cells and not cells.keys().isdisjoint(PHONE_ONLY):
        cells = {name: cell for name, cell in cells.items() if name not in PHONE_ONLY}
    if bad:
        bad = {name for name in bad if name not in upper.cells}
        bad = bad - set(PHONE_ONLY) if "contact_id" in upper.cells else bad
    blank = upper.blank | lower.blank
    return Layer(cells | upper.cells, upper.bad | bad, upper.removed | lower.removed, upper.schedule, blank)


def _computed(cell: Cell, name: str, upper: Layer) -> bool:
    return name in upper.blank and cell.source is Source.FORMULA


def layer_of(node: MapNode, path: tuple[str | int, ...], report: FileReport, source: Source) -> Layer:
    """The layer of a row, or of the defaults, in a plan file. ``==`` at the start of a text stands for ``=``."""
    layer = Layer(bad=report.bad_in(path))
    for name, (_, value) in node.items.items():
        if name in layer.bad or name == "repeat":  # repeat produces rows, and is not a field of one
            continue
        if isinstance(value, MapNode):
            for inner, (_, item) in value.items.items():
                if isinstance(item, Scalar):
                    _put(layer, f"{name}.{inner}", item, source, report)
        elif isinstance(value, Scalar):
            _put(layer, name, value, source, report)
    if "schedule" in node.items and "schedule" not in layer.removed:
        layer.schedule = True
    return layer


def _put(layer: Layer, name: str, scalar: Scalar, source: Source, report: FileReport) -> None:
    if scalar.is_null:
        layer.removed.add(name)
        return
    text = scalar.text
    if text[:1] == "=":
        if not text.startswith("=="):
            hint = "move it to columns, or write == for a text that starts with ="
            report.add_problem(
                "E707", f"{name}: formulas are allowed only in columns", scalar.line, scalar.column, hint
            )
            layer.bad.add(name.partition(".")[0])
            return
        text = text[1:]
    layer.cells[name] = Cell(text, source, scalar)


@dataclass(frozen=True, slots=True)
class Identity:
    """The source of a row's address: the plan's name (None if it is invalid) and the tags of ``identity``.

    ``tags`` is None if rows have keys, and empty if the list is invalid.
    """

    plan: str | None
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a rule of ``repeat``; ``at`` is its wall time, from the rule or from ``move``."""

    day: date
    at: Cell
    rule: Scalar


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
    """The row at ``place``. Any problem sets ``reported``; any error also sets ``failed``, and there is no row."""

    place: Place
    merged: Layer
    report: FileReport
    writes_schedule: bool = False
    occurrence: Occurrence | None = None
    address: Address | None = None
    failed: bool = False
    reported: bool = False

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
        self.failed = self.reported = True
        if self.blocked(field):
            return
        cell = self.cell(field)
        location = self.place.field(field) if cell is None else self.location_of(cell)
        if cell is not None and not isinstance(cell.origin, Scalar | int):
            message += f" (computed by {cell.origin.name}, line {cell.origin.scalar.line} of {self.report.file})"
        cause = f"{field} in defaults" if cell is not None and cell.source is Source.DEFAULT else field
        private = (*self._private(), *revealing_names(names))
        self.report.add_problem_at(
            code, message, location, hint, private=private, address=self.address, cause=cause
        )

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
