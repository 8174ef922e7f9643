"""Rows that are blocked as the same call: how to say where each came from, in as few lines as will do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from reconciler.domain.known import EntryIndex
from reconciler.domain.model import Address
from reconciler.planning import explain
from reconciler.planning.context import Context


def renames(
    known: EntryIndex,
    twins: Mapping[Address, Sequence[int]],
    has_row: Sequence[int],
    plans: Collection[str],
    context: Context,
) -> dict[Address, explain.Reasons]:
    """What is to be said of blocked rows, where it is not that the row itself was renamed.

    ``twins`` are the places of the entries that a row is alike, the likeliest first; ``has_row`` says of each
    entry whether it has a row, and ``plans`` are those that have rows.
    """
    if not twins or not context.complete:
        return {}
    first = {row: known.item(places[0]) for row, places in twins.items()}
    found = {row: explain.same_as_row(twin) for row, twin in first.items() if has_row[twins[row][0]]}
    targets: defaultdict[str, set[str | None]] = defaultdict(set)
    for row, twin in first.items():
        targets[twin.address.plan].add(row.plan if row.key == twin.address.key else None)
    scope = context.scope
    gone = {
        old
        for old, (new, *others) in targets.items()
        if new is not None and not others and old not in plans and (scope is None or old in scope)
        if _movable(known, old, new)
    }
    for row, twin in first.items():
        old = twin.address.plan
        if old in gone:
            found[row] = explain.same_plan(twin, row.plan)
    return found


def _movable(known: EntryIndex, old: str, new: str) -> bool:
    """Whether everything of a plan can be moved to another: a name that is taken there stands in the way."""
    taken = {(entry.address.key, entry.address.revision) for entry in known if entry.address.plan == new}
    return not any(
        (entry.address.key, entry.address.revision) in taken for entry in known if entry.address.plan == old
    )
