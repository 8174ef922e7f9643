"""A row as cells: field path to text, in layers: what the row says, what is computed, the file's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from reconciler.source.report import Report
from reconciler.source.yaml.nodes import MapNode, Scalar

if TYPE_CHECKING:
    from reconciler.source.formulas.columns import Column

# Each field under our name and under the API's own; an upper layer's replaces all of the lower one's.
AGENT = ("agent", "agent_id")
SENDER = ("from", "from_number_id", "from_number")
OUR_NAMES = {name: names[0] for names in (AGENT, SENDER) for name in names[1:]}
_NAMES = {name: names for names in (AGENT, SENDER) for name in names}
# Either of them says when a call rings.
TIMING = ("schedule.at", "delay_minutes")
_NULL_TIMING = ("schedule", *TIMING)
# Defaults meant for phone calls, ignored where a row calls a contact.
PHONE_ONLY = ("full_name", "email", "country", "webhook_url")


class Source(StrEnum):
    """Who says what stands in a cell."""

    ROW = "row"
    SHEET = "sheet"
    FORMULA = "formula"
    DEFAULT = "default"
    REPEAT = "repeat"


@dataclass(slots=True)
class Cell:
    """One value. ``origin`` is the plan file's value (row, default, inline table), a sheet's column counted from
    0, or the computed column; of an occurrence the rule, or the time that it is moved to.
    """

    text: str
    source: Source
    origin: Scalar | int | Column


Cells: TypeAlias = dict[str, Cell]


@dataclass(slots=True)
class Layer:
    """What one source says of a row. ``bad`` names fields of a wrong shape: nothing more is said of them.

    ``removed`` names fields set to null, ``schedule`` is true where it writes one. ``blank`` names the fields of
    ``TIMING`` that it should set and leaves empty.
    """

    cells: Cells = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    schedule: bool = False
    blank: frozenset[str] = frozenset()


def over(upper: Layer, lower: Layer) -> Layer:
    """Both layers; the upper one wins. Its null removes a lower value, its timing replaces the lower timing.

    Where it leaves its timing blank, or sets it to null, no default stands in for it; only a formula for that very
    field does where a cell is blank.
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


def layer_of(node: MapNode, path: tuple[str | int, ...], report: Report, source: Source) -> Layer:
    """A row or the defaults as they stand in a plan file. A text that starts with ``==`` starts with ``=``."""
    layer = Layer(bad=report.bad_in(path))
    for name, (_, value) in node.items.items():
        if name in layer.bad or name == "repeat":  # it makes rows, and is no part of one
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


def _put(layer: Layer, name: str, scalar: Scalar, source: Source, report: Report) -> None:
    if scalar.is_null:
        layer.removed.add(name)
        return
    text = scalar.text
    if text[:1] == "=":
        if not text.startswith("=="):
            hint = "move it to columns, or write == for a text that starts with ="
            report.say("E707", f"{name}: a formula is read only in columns", scalar.line, scalar.column, hint)
            layer.bad.add(name.partition(".")[0])
            return
        text = text[1:]
    layer.cells[name] = Cell(text, source, scalar)
