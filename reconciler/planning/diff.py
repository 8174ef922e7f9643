"""Compare all rows with all state entries: a change for each row, and for each entry that has no row any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import chain
from operator import attrgetter

from reconciler.bulk import spool
from reconciler.domain.changes import Changes, ChangesPart
from reconciler.domain.entries import EntryIndex
from reconciler.domain.merging import ascending
from reconciler.domain.model import Address, Diagnostic, Entry, Row
from reconciler.domain.plan import Action, CallToStop, Change
from reconciler.planning import reasons
from reconciler.planning.context import Context
from reconciler.planning.duplicates import Duplicates
from reconciler.planning.forbidden import PlacedCalls
from reconciler.planning.reasons import with_reason
from reconciler.planning.renames import renames
from reconciler.planning.row_judge import DiffTrace, RowJudge, with_private, with_shown_call


@dataclass(frozen=True, slots=True)
class Diff:
    """The complete result. ``changes`` are sorted by address; calls to place have no requests yet. ``to_stop`` are
    the calls to stop by hand, the soonest first.
    """

    changes: Changes
    diagnostics: Sequence[Diagnostic]
    to_stop: Sequence[CallToStop]


def diff_rows(rows: Sequence[Row], known: EntryIndex, context: Context, moved: Mapping[Address, Address]) -> Diff:
    """Judge each row once, and then each entry in scope without a row. ``moved`` maps addresses to the ones they
    had before.

    Rows must have unique addresses. More than ``spool.PARALLEL_ABOVE`` rows must be sorted by address.

    Raises:
        ValueError: the rows of one part are not.
    """
    placed = PlacedCalls(context, known)
    duplicates = Duplicates(known, context.siblings, context.view, context.people)
    trace = DiffTrace()

    def judge_part(part: Sequence[Row]) -> tuple[ChangesPart, DiffTrace]:  # in any process
        judge = RowJudge(known, duplicates, context, moved)
        checked = placed.check((judge.judge(row), row) for row in ascending(part))
        return ChangesPart.from_changes(_changes(checked, judge.trace)), judge.trace

    def parts() -> Iterator[ChangesPart]:
        ordered = rows if len(rows) > spool.PARALLEL_ABOVE else sorted(rows, key=attrgetter("address"))
        for part, part_trace in spool.in_parts(ordered, judge_part):
            trace.add(part_trace)
            yield part

    changes = Changes.from_parts(parts())  # trace is complete from here on
    has_row = bytearray(len(known))
    for place in trace.places:
        has_row[place] = 1
    changes = _with_renames(changes, known, trace, has_row, context)
    removed = _changes(_removed(placed, known, trace, has_row, context), trace)
    first = next(removed, None)
    if first is not None:
        changes = Changes.from_items(merge(changes, chain([first], removed), key=attrgetter("address")))
    to_stop = sorted(trace.to_stop, key=attrgetter("rings_at", "address"))
    return Diff(changes=changes, diagnostics=trace.diagnostics, to_stop=to_stop)


def _changes(checked: Iterable[tuple[Change, CallToStop | None]], trace: DiffTrace) -> Iterator[Change]:
    """The changes; calls to stop are added to ``trace``."""
    for change, call in checked:
        if call is not None:
            trace.to_stop.append(call)
        yield change


def _with_renames(
    changes: Changes, known: EntryIndex, trace: DiffTrace, has_row: Sequence[int], context: Context
) -> Changes:
    """Add to each change that is blocked as the same call how to declare the rename."""
    why = renames(known, trace.duplicates, has_row, trace.plans, context)

    def renamed(change: Change) -> Change:
        reason = why.get(change.address)
        return change if reason is None else with_reason(change, Action.BLOCKED, reason)

    return changes.mapped(renamed) if why else changes


def _removed(
    placed: PlacedCalls, known: EntryIndex, trace: DiffTrace, has_row: Sequence[int], context: Context
) -> Iterator[tuple[Change, CallToStop | None]]:
    """Entries without a row, in their order: those that will still ring, and those with an unknown outcome. A call
    that a row seems to be renamed from need not be stopped, unless a guard forbids it.
    """
    renamed = {known.item(place).address for places in trace.duplicates.values() for place in places}
    for change, call in placed.check((change, None) for change in _without_row(known, trace, has_row, context)):
        if change.action is not Action.REMOVED or (context.complete and change.address not in renamed):
            yield change, call


def _without_row(
    known: EntryIndex, trace: DiffTrace, has_row: Sequence[int], context: Context
) -> Iterator[Change]:
    for entry, there in zip(known, has_row, strict=True):
        address = entry.address
        if there or (context.scope is not None and address.plan not in context.scope):
            continue
        change = Change(address, Action.UNCERTAIN, entry.digest, scheduled_at=_scheduled(entry))
        if entry.unknown:
            change = with_reason(change, Action.UNCERTAIN, reasons.uncertain(entry))
        elif entry.will_ring(context.now):
            superseded = trace.latest.get((address.plan, address.key), 0) > address.revision
            why = reasons.removed(entry, "superseded" if superseded else "no-row")
            change = with_reason(change, Action.REMOVED, why)
        else:
            continue
        yield with_private(with_shown_call(change, context.view.placed(entry, None)), [entry.call])


def _scheduled(entry: Entry) -> datetime | None:
    return entry.rings_at if entry.call.schedule is not None else None
