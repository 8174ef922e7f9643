"""Suggest how to declare renames for rows that are blocked as the same call, in as few lines as possible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address
from reconciler.planning import reasons
from reconciler.planning.context import Context


def renames(
    entries: EntryIndex,
    duplicates: Mapping[Address, Sequence[int]],
    has_row: Sequence[int],
    plans: Collection[str],
    context: Context,
) -> dict[Address, reasons.Reason]:
    """Reasons for blocked rows, except where just the row itself was renamed.

    ``duplicates`` are the positions of the matching entries of each row, most likely first. ``has_row`` is true
    for each entry that has a row, and ``plans`` are the plans that have rows.
    """
    if not duplicates or not context.complete:
        return {}
    first = {row: entries.item(places[0]) for row, places in duplicates.items()}
    named = {
        row: reasons.same_as_row(duplicate) for row, duplicate in first.items() if has_row[duplicates[row][0]]
    }
    targets: defaultdict[str, set[str | None]] = defaultdict(set)
    for row, duplicate in first.items():
        targets[duplicate.address.plan].add(row.plan if row.key == duplicate.address.key else None)
    scope = context.scope
    gone = {
        old
        for old, (new, *others) in targets.items()
        if new is not None and not others and old not in plans and (scope is None or old in scope)
        if _movable(entries, old, new)
    }
    for row, duplicate in first.items():
        old = duplicate.address.plan
        if old in gone:
            named[row] = reasons.same_plan(duplicate, row.plan)
    return named


def _movable(entries: EntryIndex, old: str, new: str) -> bool:
    """Whether all entries of a plan can be moved to another plan without a name that already exists there."""
    in_use = {(entry.address.key, entry.address.revision) for entry in entries if entry.address.plan == new}
    return not any(
        (entry.address.key, entry.address.revision) in in_use for entry in entries if entry.address.plan == old
    )
