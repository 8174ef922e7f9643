"""The draft of a plan file for a sheet, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.source.schema.wording import quoted

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TAKEN = re.compile(
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package|return|true|var|void|while"
)  # by CEL


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of the plan file: a field, its value in the file (None: to be filled in), and a note."""

    field: str
    value: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted plan file: its defaults, its columns, which rows are read, and notes for the person. ``rows`` are
    remarks about single rows, which change with the sheet and are not written to the file."""

    defaults: tuple[DraftLine, ...]
    columns: tuple[DraftLine, ...]
    notes: tuple[str, ...]
    where: str = ""
    rows: tuple[str, ...] = ()

    @property
    def missing(self) -> list[DraftLine]:
        return [entry for entry in (*self.defaults, *self.columns) if entry.value is None]


def cell_of(name: str) -> str:
    """The cell in a formula: ``row.due``, ``row["Fecha de pago"]``; empty if a formula cannot name it."""
    if _NAME.fullmatch(name) and not _TAKEN.fullmatch(name):
        return f"row.{name}"
    literal = text_literal(name)
    return f"row[{literal}]" if literal else ""


def label(name: str) -> str:
    """A column in a note: ``column 'Due date'``."""
    return f"column {quoted(name)}"


def text_literal(text: str) -> str:
    """A text in a formula; empty if it cannot be written there without escapes."""
    mark = next((mark for mark in "\"'" if mark not in text), None)
    return f"{mark}{text}{mark}" if mark is not None and "\\" not in text and text.isprintable() else ""
