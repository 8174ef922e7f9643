"""A table of texts, shared by the spreadsheet formats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TARGETS = frozenset({"contact_id", "to_number"})
TARGET = "target"
_ALWAYS = ("schedule.at", "schedule.timezone", TARGET, "agent", "from")
_ORDER = (
    *("schedule.at", "schedule.timezone", "delay_minutes"),
    *(TARGET, "full_name", "email", "country", "webhook_url", "agent", "from"),
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row, with a text for each column. ``changed`` are the columns that show both the old and the new
    value.
    """

    texts: tuple[str, ...]
    changed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """``lines`` can be iterated once; there are ``count`` of them. The first column has the status of a row.

    ``printed`` is the number of leading columns that are printed on paper, 0 for all.
    """

    name: str
    columns: tuple[str, ...]
    lines: Iterable[TableRow]
    count: int
    printed: int = 0


def field_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns for calls with these fields: always the common ones, then those of each map, sorted."""
    found = {*_ALWAYS, *names}
    return (*(name for name in _ORDER if name in found), *sorted(found - {*_ORDER}))


def by_column(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells of a call, with its target in one column whatever its kind."""
    return {column_for(name): text for name, text in cells.items()}


def column_for(field: str) -> str:
    return TARGET if field in TARGETS else field
