"""A row as cells: field path to scalar, with the file's defaults merged under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from reconciler.source.nodes import Kind, MapNode, Scalar
from reconciler.source.report import Report

# Defaults meant for phone calls, ignored where a row calls a contact.
PHONE_ONLY = ("full_name", "email", "country", "webhook_url")


@dataclass(slots=True)
class Cell:
    """One value. ``own`` is true where the row itself writes it, false where it comes from the defaults."""

    scalar: Scalar
    own: bool

    @property
    def text(self) -> str:
        return self.scalar.text


Cells: TypeAlias = dict[str, Cell]


@dataclass(slots=True)
class Merged:
    """The cells of one row. ``blocked`` names the fields whose shape is wrong: nothing more is said of them."""

    cells: Cells
    blocked: set[str]
    writes_schedule: bool


def merge(row: MapNode, index: int, defaults: MapNode | None, report: Report) -> Merged:
    """The row's cells over the defaults'. Null in a row removes a default; a row's own timing replaces theirs."""
    own, own_bad, removed = _flat(row, ("calls", index), report, own=True)
    base, base_bad, _ = (
        _flat(defaults, ("defaults",), report, own=False) if defaults is not None else ({}, set(), set())
    )
    has_schedule = "schedule" in row.items and "schedule" not in removed
    has_delay = "delay_minutes" in own
    if has_schedule:
        removed.add("delay_minutes")
        removed.discard("schedule")
    elif has_delay:
        removed.add("schedule")
    kept = {
        name: cell for name, cell in base.items() if name not in removed and name.partition(".")[0] not in removed
    }
    if "contact_id" in own:
        kept = {name: cell for name, cell in kept.items() if name not in PHONE_ONLY}
        base_bad -= set(PHONE_ONLY)
    return Merged(kept | own, own_bad | {name for name in base_bad if name not in own}, has_schedule)


def _flat(
    node: MapNode, path: tuple[str | int, ...], report: Report, *, own: bool
) -> tuple[Cells, set[str], set[str]]:
    """Cells, names of fields of a wrong shape, and fields that are null."""
    cells: Cells = {}
    bad: set[str] = set()
    removed: set[str] = set()
    bad |= {str(found[len(path)]) for found in report.bad if found[: len(path)] == path and len(found) > len(path)}
    for name, (_, value) in node.items.items():
        if name in bad:
            continue
        if isinstance(value, MapNode):
            for inner, (_, item) in value.items.items():
                if isinstance(item, Scalar):
                    _put(cells, removed, f"{name}.{inner}", item, own=own)
        elif isinstance(value, Scalar):
            _put(cells, removed, name, value, own=own)
    return cells, bad, removed


def _put(cells: Cells, removed: set[str], name: str, scalar: Scalar, *, own: bool) -> None:
    if scalar.kind is Kind.NULL:
        removed.add(name)
    else:
        cells[name] = Cell(scalar, own)
