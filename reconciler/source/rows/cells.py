"""A row as cells (field path to text), in layers: the row itself, computed columns, and the file's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from reconciler.source.report import FileReport
from reconciler.source.yaml.nodes import MapNode, Scalar

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
