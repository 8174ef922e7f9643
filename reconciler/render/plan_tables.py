"""A plan as tables: the calls, the counts, and the problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from reconciler.domain import identity
from reconciler.domain.masking import mask_change, mask_diagnostic, mask_plan, mask_to_stop, private_of
from reconciler.domain.model import Location, Severity
from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.domain.sensitive import mask_names
from reconciler.domain.settings import PROJECT_FILE
from reconciler.domain.times import format_instant
from reconciler.render import to_stop
from reconciler.render.labels import verdict_line
from reconciler.render.table import Table, TableRow, by_column, column_for, field_columns
from reconciler.savedplan.planfile import plan_id

_FIRST = ("action", "address", "plan", "key", "revision", "scheduled_at")
_STOPPING = ("stop_call_id", "stop_person", "stop_rings", "stop_by_hand")
_LAST = ("place_by", "changed", "introduced", "source", "reasons", "message")


def calls_table(plan: Plan, *, masked: bool) -> Table:
    """One row for each address: first the calls to stop by hand, the soonest first; then by action in the order of
    ``Action``, and by address.

    A cell that differs contains ``before → after``, and ``changed`` names its field.
    """
    fields = field_columns(name for change in _ranked(plan) for name in _names(change, masked=masked))
    public_metadata = plan.public_metadata if masked else None
    lines = _lines(_ranked(plan), fields, public_metadata)
    columns = (*_FIRST, *fields, *_LAST)
    if plan.to_stop:
        shown = [mask_to_stop(call) if masked else call for call in plan.to_stop]
        columns, lines = (*columns, *_STOPPING), chain(_stopping(shown, lines), _padded(lines))
    return Table("Calls", columns, lines, len(plan.changes))


def _stopping(calls: Iterable[CallToStop], lines: Iterator[TableRow]) -> Iterator[TableRow]:
    """Complete the rows of calls to stop, which come first: whom they call, when, and what to do."""
    for call, line in zip(calls, lines, strict=False):
        cells = (
            call.call_id or "",
            call.target or "",
            to_stop.rings(call),
            f"{call.why}: {to_stop.to_do(call)}",
        )
        yield replace(line, texts=(*line.texts, *cells))


def _padded(lines: Iterable[TableRow]) -> Iterator[TableRow]:
    for line in lines:
        yield replace(line, texts=(*line.texts, *("",) * len(_STOPPING)))


def _ranked(plan: Plan) -> Iterator[Change]:
    if not plan.to_stop:
        yield from chain.from_iterable(map(plan.with_action, Action))
        return
    ranks = {call.address: rank for rank, call in enumerate(plan.to_stop)}
    stopping = [
        change for change in plan.with_action(*{call.action for call in plan.to_stop}) if change.address in ranks
    ]
    yield from sorted(stopping, key=lambda change: ranks[change.address])
    for action in Action:
        yield from (change for change in plan.with_action(action) if change.address not in ranks)


def _names(change: Change, *, masked: bool) -> list[str]:
    names = [] if change.call is None else list(by_column(identity.cells(change.call)))
    names += [column_for(cell.field) for cell in change.diff]
    return mask_names(names, private_of(change)) if masked else names


def _lines(
    changes: Iterable[Change], fields: Sequence[str], public_metadata: frozenset[str] | None
) -> Iterator[TableRow]:
    """``public_metadata`` is None if nothing is masked."""
    at = {name: len(_FIRST) + index for index, name in enumerate(fields)}
    for change in changes:
        shown = change if public_metadata is None else mask_change(change, public_metadata)
        differing = _differing(shown)
        cells = ({} if shown.call is None else by_column(identity.cells(shown.call))) | differing
        texts = (*_first(shown), *(cells.get(name, "") for name in fields), *_last(shown))
        yield TableRow(texts, frozenset(at[name] for name in differing))


def _differing(change: Change) -> dict[str, str]:
    """``before → after`` by column. If the kind of target changes, two fields share one column."""
    sides: dict[str, tuple[str | None, str | None]] = {}
    for cell in change.diff:
        before, after = sides.get(column_for(cell.field), (None, None))
        sides[column_for(cell.field)] = (cell.before or before, cell.after or after)
    return {name: f"{_side(before)} → {_side(after)}" for name, (before, after) in sides.items()}


def _side(value: str | None) -> str:
    return "(none)" if value is None else value


def _first(change: Change) -> tuple[str, ...]:
    address = change.address
    moment = format_instant(change.scheduled_at) if change.scheduled_at is not None else ""
    return (change.action.value, str(address), address.plan, address.key, str(address.revision), moment)


def _last(change: Change) -> tuple[str, ...]:
    return (
        format_instant(change.place_by) if change.place_by is not None else "",
        ", ".join(cell.field for cell in change.diff),
        "" if change.introduced is None else ("yes" if change.introduced else "no"),
        _place(change.source),
        ", ".join(change.reasons),
        change.message or "",
    )


def _place(where: Location | None) -> str:
    """``june.yaml:14``, ``june.xlsx!June!B7``: the location of the row in an editor or a spreadsheet."""
    if where is None:
        return ""
    return str(where) if where.cell is not None else f"{where.file}:{where.line}"


def summary_table(plan: Plan, *, masked: bool) -> Table:
    """The plan's metadata, and the number of calls for each action."""
    lines = [TableRow(pair) for pair in _summary(plan, masked=masked)]
    return Table("Summary", ("plan", plan_id(plan)), lines, len(lines))


def _summary(plan: Plan, *, masked: bool) -> Iterator[tuple[str, str]]:
    yield "verdict", verdict_line(plan)
    yield "created_at", format_instant(plan.created_at)
    yield "tool_version", plan.tool_version
    if plan.git is not None:
        yield "git commit", plan.git.commit + (", with uncommitted changes" if plan.git.dirty else "")
    if plan.lineage is not None:
        yield "state", f"{plan.lineage}, serial {plan.serial}"
    if plan.snapshot_at is not None:
        yield "snapshot of", format_instant(plan.snapshot_at)
    for action in Action:
        yield action.value, str(plan.count(action))
    for severity in Severity:
        yield f"{severity.value}s", str(sum(item.severity is severity for item in plan.diagnostics))
    shown = mask_plan(plan) if masked else plan
    for old, new in shown.moves:
        yield "moved", f"{old} → {new}"
    if shown.base is not None:
        yield "base", f"{shown.base.ref} ({shown.base.commit})"
        for cell in shown.base.settings:
            yield f"{PROJECT_FILE}: {cell.field}", f"{_side(cell.before)} → {_side(cell.after)}"


def problems_table(plan: Plan, *, masked: bool) -> Table:
    """Every diagnostic, in the plan's order."""
    shown = (mask_diagnostic(item) if masked else item for item in plan.diagnostics)
    lines = (
        TableRow((item.severity.value, item.code, str(item.location or ""), item.message, item.hint or ""))
        for item in shown
    )
    return Table("Problems", ("severity", "code", "place", "message", "hint"), lines, len(plan.diagnostics))
