"""The origin of a value, in each output format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.domain.model import Address, JsonObject, JsonValue
from reconciler.render.console import Console, StyledLine, print_indented
from reconciler.render.escape import for_markdown_cell, for_terminal
from reconciler.render.formats import format_place
from reconciler.savedplan.planfile import place_document
from reconciler.source.provenance import TAG, Field, Provenance, ValueOrigin, mask_provenance

Origins: TypeAlias = Mapping[Address, Provenance]
_STEP = 4
_MOST_INPUTS = 5


def field_document(field: Field) -> JsonObject:
    """One field of a row as JSON."""
    return {
        "field": field.path,
        "value": field.value,
        "sent_as": field.sent_as,
        "origin": origin_document(field.origin),
    }


def origin_document(origin: ValueOrigin | None) -> JsonValue:
    """The tree as JSON, null for None."""
    if origin is None:
        return None
    inputs: list[JsonValue] = [
        {"name": item.name, "origin": origin_document(item.origin)} for item in origin.inputs
    ]
    return {
        "kind": str(origin.kind),
        "value": origin.value,
        "place": None if origin.place is None else place_document(origin.place),
        "formula": origin.formula,
        "inputs": inputs,
        "cut": origin.cut,
    }


def mask_origins(origins: Origins) -> Origins:
    """The same origins with values masked; rows with a masked address have none."""
    return _Masked(origins) if origins else origins


@dataclass(frozen=True, slots=True, eq=False)
class _Masked(Origins):
    origins: Origins

    def __getitem__(self, address: Address) -> Provenance:
        return mask_provenance(self.origins[address])

    def __iter__(self) -> Iterator[Address]:
        return iter(self.origins)

    def __len__(self) -> int:
        return len(self.origins)


def print_fields(console: Console, row: Provenance, indent: int) -> None:
    """Print every field of a row, except the tags that reconciler adds."""
    for field in row.fields:
        if field.origin.kind != TAG:
            print_value(console, field.path, field.value, field.origin, indent)


def print_origin(console: Console, origin: ValueOrigin, indent: int) -> None:
    """Print the origin of a value that is already printed above."""
    console.print(StyledLine(f"{' ' * indent}from {origin_note(origin)}", "dim"))
    print_inputs(console, origin, indent + _STEP)


def print_value(console: Console, name: str, value: str, origin: ValueOrigin | None, indent: int) -> None:
    """Print ``name: value  (kind, location)``, and below it the inputs of a formula."""
    line = StyledLine(" " * indent)
    line.append(f"{for_terminal(name)}: ", style="bold" if indent <= _STEP else "")
    if origin is None:
        console.print(line.append("(empty)"))
        return
    line.append(for_terminal(value), style="cyan")
    written = "" if value == origin.value else f", written {for_terminal(origin.value)}"
    note = f"({origin_note(origin)}{written})"
    if line.width + 2 + len(note) > console.width:
        console.print(line)
        line, note = StyledLine(" " * indent), f"  {note}"
    console.print(line.append(f"  {note}", style="dim"))
    print_inputs(console, origin, indent + _STEP)


def print_inputs(console: Console, origin: ValueOrigin, indent: int) -> None:
    """Print the formula, and every value it reads with its origin."""
    if origin.formula is not None:
        print_indented(console, for_terminal(origin.formula), indent)
    if origin.cut:
        print_indented(console, "(see above for what it reads)", indent)
    for item in origin.inputs:
        print_value(console, item.name, "" if item.origin is None else item.origin.value, item.origin, indent)


def origin_note(origin: ValueOrigin) -> str:
    """``default, calls/june.yaml:6:10``."""
    where = "" if origin.place is None else f", {for_terminal(format_place(origin.place))}"
    return f"{for_terminal(str(origin.kind))}{where}"


def for_cell(origin: ValueOrigin | None) -> str:
    """The origin for a Markdown table cell: its first step, and what that reads."""
    if origin is None:
        return ""
    parts = [_step(origin)]
    if origin.formula is not None:
        parts.append(for_markdown_cell(origin.formula))
    for item in origin.inputs[:_MOST_INPUTS]:
        name = for_markdown_cell(item.name, 60)
        if item.origin is None:
            parts.append(f"{name} is empty")
        else:
            parts.append(f"{name} = {for_markdown_cell(item.origin.value, 100)} {_step(item.origin)}")
    more = len(origin.inputs) - _MOST_INPUTS
    return "<br>".join(parts) + (f"<br>\N{HORIZONTAL ELLIPSIS} and {more} more" if more > 0 else "")


def _step(origin: ValueOrigin) -> str:
    where = "" if origin.place is None else f" {for_markdown_cell(format_place(origin.place))}"
    return f"{for_markdown_cell(str(origin.kind))}{where}"
