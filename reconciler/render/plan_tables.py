"""A plan as tables: the calls, the counts, and the problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import chain

from reconciler.domain import identity
from reconciler.domain.documents import optional_instant
from reconciler.domain.masking import mask_change, mask_diagnostic, mask_plan, personal_values, private_of
from reconciler.domain.model import Location, Severity
from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.domain.sensitive import mask_names
from reconciler.domain.settings import PROJECT_FILE
from reconciler.render import to_stop
from reconciler.render.labels import lifted_line, state_line, verdict_line, word
from reconciler.render.subject import Display
from reconciler.render.table import Table, TableRow, by_column, column_for, field_columns
from reconciler.render.workbook_cells import VALUE
from reconciler.savedplan.planfile import plan_id

_FIRST = ("action", "address")
_MAIN = ("full_name", "target", "schedule.at", "schedule.timezone", "delay_minutes")
_WHAT = ("changed", "message")
_LAST = ("plan", "key", "revision", "scheduled_at", "place_by", "introduced", "source", "reasons")
_STOPPING = ("stop_call_id", "stop_person", "stop_rings", "stop_by_hand")


def calls_table(plan: Plan, *, masked: bool, for_people: bool = False) -> Table:
    """One row for each address: first the calls to stop by hand, the soonest first; then by action in the order of
    ``Action``, by time, and by address.

    A cell that differs contains ``before → after``, and ``changed`` names its field. ``for_people``: agents and
    numbers have the names of ``reconciler.yaml``, and calls to stop have no columns, because they have a table.
    """
    fields = field_columns(name for change in _ranked(plan) for name in _names(change, masked=masked))
    main = [name for name in (*_MAIN, plan.show) if name in fields]
    lead = (*_FIRST, *main, *_WHAT)
    columns = (*lead, *(name for name in fields if name not in lead), *_LAST)
    shown_plan = mask_plan(plan) if masked else plan
    lines = _lines(_ranked(plan), columns, plan.public_metadata if masked else None)
    if for_people:
        lines = _with_names(lines, columns, shown_plan)
    elif plan.to_stop:
        columns, lines = (*columns, *_STOPPING), chain(_stopping(shown_plan.to_stop, lines), _padded(lines))
    return Table("Calls", columns, lines, len(plan.changes), printed=len(lead))


def _with_names(lines: Iterable[TableRow], columns: Sequence[str], plan: Plan) -> Iterator[TableRow]:
    """The rows with the project's names for agents and numbers in place of their ids."""
    display = Display.from_plan(plan)
    places = [columns.index("agent"), columns.index("from")]
    for line in lines:
        texts = list(line.texts)
        for place in places:
            texts[place] = display.alias(texts[place])
        yield replace(line, texts=tuple(texts))


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
    ranks = {call.address: rank for rank, call in enumerate(plan.to_stop)}
    stopping = [
        change for change in plan.with_action(*{call.action for call in plan.to_stop}) if change.address in ranks
    ]
    yield from sorted(stopping, key=lambda change: ranks[change.address])
    for action in Action:
        for change in plan.by_time(action):
            if change.address not in ranks:
                yield change


def _names(change: Change, *, masked: bool) -> list[str]:
    """The columns of a change: the fields of its call, and those that differ."""
    call = change.call or change.shown_call
    names = [] if call is None else list(by_column(identity.cells(call)))
    differing = [column_for(cell.field) for cell in change.diff]
    if not masked:
        return [*names, *differing]
    private = private_of(change)
    return [*mask_names(names, [*private, *personal_values(call)]), *mask_names(differing, private)]


def _lines(
    changes: Iterable[Change], columns: Sequence[str], public_metadata: frozenset[str] | None
) -> Iterator[TableRow]:
    """``public_metadata`` is None if nothing is masked."""
    at = {name: place for place, name in enumerate(columns)}
    for change in changes:
        shown = change if public_metadata is None else mask_change(change, public_metadata)
        differing = _differing(shown)
        call = shown.call or shown.shown_call
        values = {} if call is None else by_column(identity.cells(call))
        cells = values | differing | _facts(shown)
        yield TableRow(tuple(cells.get(name, "") for name in columns), frozenset(at[name] for name in differing))


def _differing(change: Change) -> dict[str, str]:
    """``before → after`` by column. If the kind of target changes, two fields share one column."""
    sides: dict[str, tuple[str | None, str | None]] = {}
    for cell in change.diff:
        before, after = sides.get(column_for(cell.field), (None, None))
        sides[column_for(cell.field)] = (cell.before or before, cell.after or after)
    return {name: edit_text(*pair) for name, pair in sides.items()}


def edit_text(before: str | None, after: str | None) -> str:
    """``before → after``; values that look alike because they are masked are shown once."""
    if before == after:
        return f"{_side(before)} (edited)"
    return f"{_side(before)} → {_side(after)}"


def _side(value: str | None) -> str:
    return "(none)" if value is None else value


def _facts(change: Change) -> dict[str, str]:
    """The cells that are no fields of the call."""
    address = change.address
    return {
        "action": change.action.value,
        "address": str(address),
        "changed": ", ".join(cell.field for cell in change.diff),
        "message": change.message or "",
        "plan": address.plan,
        "key": address.key,
        "revision": str(address.revision),
        "scheduled_at": optional_instant(change.scheduled_at) or "",
        "place_by": optional_instant(change.place_by) or "",
        "introduced": "" if change.introduced is None else ("yes" if change.introduced else "no"),
        "source": _place(change.source),
        "reasons": ", ".join(change.reasons),
    }


def _place(where: Location | None) -> str:
    """``june.yaml:14``, ``june.xlsx!June!B7``: the location of the row in an editor or a spreadsheet."""
    if where is None:
        return ""
    return str(where) if where.cell is not None else f"{where.file}:{where.line}"


def summary_table(plan: Plan, *, masked: bool) -> Table:
    """The verdict, the number of calls for each action, and what the plan was made from."""
    shown = mask_plan(plan) if masked else plan
    counts = [(word(action).capitalize(), str(plan.count(action))) for action in Action if plan.count(action)]
    lines = [
        TableRow(pair) for pair in (("Verdict", verdict_line(plan)), *counts, *_summary(shown, plan_id(plan)))
    ]
    return Table("Summary", ("summary", VALUE), lines, len(lines))


def _summary(plan: Plan, digest: str) -> Iterator[tuple[str, str]]:
    if plan.to_stop:
        yield "To stop by hand", str(len(plan.to_stop))
    for severity in Severity:
        yield f"{severity.value.capitalize()}s", str(sum(item.severity is severity for item in plan.diagnostics))
    for item in plan.lifted:
        yield "Overridden", lifted_line(item)
    yield "Created (UTC)", f"{plan.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    yield "Plan id", digest
    if plan.git is not None:
        yield "Commit", plan.git.commit + (", with uncommitted changes" if plan.git.dirty else "")
    if plan.lineage is not None:
        yield "State", state_line(plan).removeprefix("State: ")
    for old, new in plan.moves:
        yield "Renamed", f"{old} → {new}"
    if plan.base is not None:
        yield "Compared with", f"{plan.base.ref} ({plan.base.commit})"
        for cell in plan.base.settings:
            yield f"{PROJECT_FILE}: {cell.field}", edit_text(cell.before, cell.after)
    yield "Made by", f"reconciler {plan.tool_version}"


def problems_table(plan: Plan, *, masked: bool) -> Table:
    """Every diagnostic, in the plan's order."""
    shown = (mask_diagnostic(item) if masked else item for item in plan.diagnostics)
    lines = (
        TableRow((item.severity.value, item.code, str(item.location or ""), item.message, item.hint or ""))
        for item in shown
    )
    return Table("Problems", ("severity", "code", "place", "message", "hint"), lines, len(plan.diagnostics))
