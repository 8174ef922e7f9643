"""The draft of a plan file for a sheet, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TAKEN = re.compile(
    "as|break|const|continue|else|false|for|function|if|import|in|let|loop|namespace|null|package|return|true|var|void|while"
)  # by CEL


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of the plan file: a field, its value in the file (None: to be filled in), and a note.

    Without ``live`` it is a suggestion, written as a comment.
    """

    field: str
    value: str | None
    note: str
    live: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted plan file: its defaults, its columns, and notes for the person."""

    defaults: tuple[DraftLine, ...]
    columns: tuple[DraftLine, ...]
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[DraftLine]:
        return [entry for entry in (*self.defaults, *self.columns) if entry.live and entry.value is None]


def cell_of(name: str) -> str:
    """The cell in a formula: ``row.due``, ``row["Fecha de pago"]``; empty if a formula cannot name it."""
    if _NAME.fullmatch(name) and not _TAKEN.fullmatch(name):
        return f"row.{name}"
    mark = next((mark for mark in "\"'" if mark not in name), None)
    return f"row[{mark}{name}{mark}]" if mark is not None and "\\" not in name and name.isprintable() else ""
