"""A table of texts: what the forms that spreadsheets read have in common."""

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
class Line:
    """One row, a text for each column. ``changed`` are the columns that show what was before and comes after."""

    texts: tuple[str, ...]
    changed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """``lines`` can be read once, and are ``count``. The first column says how a row stands."""

    name: str
    columns: tuple[str, ...]
    lines: Iterable[Line]
    count: int


def field_columns(names: Iterable[str]) -> tuple[str, ...]:
    """The columns of calls that have these fields: the common ones always, then each map's, sorted."""
    found = {*_ALWAYS, *names}
    return (*(name for name in _ORDER if name in found), *sorted(found - {*_ORDER}))


def by_column(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells of a call, with its target in one column whatever its kind."""
    return {column_of(name): text for name, text in cells.items()}


def column_of(field: str) -> str:
    return TARGET if field in TARGETS else field
