"""Mark the changes that a branch introduces, compared with the rows of its base. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter

from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.changes import Changes
from reconciler.domain.merging import MergeCursor
from reconciler.domain.model import Row
from reconciler.domain.plan import Action, Base, Change, Plan
from reconciler.domain.times import format_instant

_NOT_PLACED = frozenset({Action.CREATE, Action.WAITING})


def introduce(plan: Plan, rows: Iterable[Row], base_rows: Iterable[Row], base: Base) -> Plan:
    """Return the plan with ``introduced`` set on each change: true if the base has no such row, or a different
    one.

    Both sequences of rows are sorted by address. A change without a row is introduced if the base still has the
    row, because then the branch deletes it. For an edited row that is not placed yet, ``diff`` compares its cells
    with those of the base.
    """
    wanted, had = MergeCursor(rows), MergeCursor(base_rows)
    changes = Changes.from_items(_mark(change, wanted, had) for change in plan.changes)
    return replace(plan, base=base, changes=changes)


def _mark(change: Change, wanted: MergeCursor[Row], had: MergeCursor[Row]) -> Change:
    row, old = wanted.at(change.address), had.at(change.address)
    if row is None or old is None:
        return structs.replace(change, introduced=(row is None) is not (old is None))
    placing = identity.diff_cells(_cells(old), _cells(row))
    cells = tuple(sorted((*identity.diff(old.call, row.call), *placing), key=attrgetter("field")))
    diff = cells if change.action in _NOT_PLACED else change.diff
    return structs.replace(change, introduced=bool(cells), diff=diff)


def _cells(row: Row) -> dict[str, str]:
    """The cells of a row that control its placement and are not part of its call."""
    cells: dict[str, str] = {}
    if not row.enabled:
        cells["enabled"] = "false"
    if row.distinct:
        cells["distinct"] = "true"
    if row.place_by is not None:
        cells["place_by"] = format_instant(row.place_by)
    if row.called_timezone is not None:
        cells["called_timezone"] = row.called_timezone
    return cells
