"""The diff of rows and state entries, as a pure function of two collections and a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from msgspec import structs

from reconciler.domain import identity, wire
from reconciler.domain.diagnostics import by_place
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Diagnostic, Entry, Move, Row, Severity
from reconciler.domain.moves import move_entries
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.policy import Policy
from reconciler.domain.times import ZONE_RULES
from reconciler.errors import ExitCode
from reconciler.planning.context import Context
from reconciler.planning.diff import diff_rows
from reconciler.planning.guarding import apply_guards
from reconciler.planning.guards.base import GuardInput


def make_plan(
    rows: Sequence[Row],
    entries: Iterable[Entry],
    context: Context,
    diagnostics: Iterable[Diagnostic] = (),
    moves: Sequence[Move] = (),
) -> Plan:
    """Compare rows with entries, after ``moves`` are applied to the entries.

    ``rows`` are as for ``diff_rows``. ``diagnostics`` are those of the source.
    """
    carried, pairs, problems = move_entries(entries, moves)
    known = EntryIndex.from_entries(carried)
    diff = diff_rows(rows, known, context, {new: old for old, new in pairs})
    scene = GuardInput(context.now, context.policy, known, context.view, context.people, context.siblings)
    changes, warnings = apply_guards(diff.changes, scene)
    diagnostics = [*_eased(diagnostics, known, context.now), *diff.diagnostics, *problems, *warnings]
    return Plan(
        created_at=context.now,
        tool_version=context.tool_version,
        lineage=context.lineage,
        serial=context.serial,
        zone_rules=ZONE_RULES,
        changes=changes.with_requests(_adding_requests(context)),
        diagnostics=by_place(diagnostics),
        git=context.git,
        moves=tuple(sorted(pairs)),
        snapshot_at=context.snapshot_at,
        to_stop=tuple(diff.to_stop),
        lifted=tuple(item for item in context.lifted if any(item.code == warning.code for warning in warnings)),
        next_apply_by=_next_apply_by(changes.with_action(Action.WAITING), context.policy),
    )


def verdict(plan: Plan) -> ExitCode:
    """Whether a plan can be applied: DONE if it can, else the exit code of the reason."""
    if plan.errors:
        return ExitCode.ERROR
    return ExitCode.REFUSED if plan.count(Action.BLOCKED) else ExitCode.DONE


def _adding_requests(context: Context) -> Callable[[Change], Change]:
    """A function that adds the request to a call to place."""

    def with_request(change: Change) -> Change:
        if change.action is not Action.CREATE or change.call is None:
            return change
        tags = identity.tags(context.lineage or "", change.address, change.digest)
        return structs.replace(change, request=wire.to_request(change.call, tags, context.fields))

    return with_request


def _next_apply_by(changes: Sequence[Change], policy: Policy) -> datetime | None:
    """The time after which the first of the waiting calls may no longer be placed."""
    lead = policy.min_lead or timedelta(0)

    def ends() -> Iterator[datetime]:
        for item in changes:
            if item.scheduled_at is not None:
                yield item.scheduled_at - lead
            if item.place_by is not None:
                yield item.place_by

    return min(ends(), default=None)


def _eased(diagnostics: Iterable[Diagnostic], known: EntryIndex, now: datetime) -> Iterable[Diagnostic]:
    """Turn errors on rows whose call has already rung into warnings, because they no longer affect anything."""
    for item in diagnostics:
        entry = known.get(item.address) if item.address else None
        if entry is not None and entry.placed and entry.rings_at <= now:
            yield replace(item, severity=Severity.WARNING)
        else:
            yield item
