"""``reconciler explain``: where each value of a call came from, and the status of the call."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.options import json_option, now_option, read_address, reveal_option, state_option
from reconciler.cli.output import echo, echo_json
from reconciler.cli.plan_output import show_problems
from reconciler.cli.planner import PlanRequest, planning, read_entries
from reconciler.cli.workspace import Workspace
from reconciler.domain import identity
from reconciler.domain.model import Address, Diagnostic, Entry
from reconciler.domain.moves import move_entries
from reconciler.domain.plan import Change
from reconciler.errors import ExitCode, ReconcilerError, StateMissing
from reconciler.planning.plan import make_plan
from reconciler.render.explanation import Explanation, render_explanation, to_document
from reconciler.source.tracing import Tracer, provenance

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
    from reconciler.planning.context import Context
    from reconciler.source.provenance import Provenance
    from reconciler.source.sources import Sources

_EPILOG = """\b
Examples:
  reconciler explain june-renewals/inv-1001
  reconciler explain june-renewals/inv-1001 june-renewals/inv-7@2 --json

\b
Exit codes: 0 explained, 1 no such address, or its row has errors.
"""

_MOST_NEAR = 3


@click.command(epilog=_EPILOG)
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@json_option
@now_option
@state_option
@reveal_option
@click.pass_obj
def explain(
    app: App, addresses: tuple[str, ...], as_json: bool, now: datetime | None, state_url: str | None, reveal: bool
) -> int:
    """Show where each field's value came from: row, default, sheet cell, formula and its inputs, or alias.

    Also shows the address in the state, and what a plan would do with it. Works without a state.
    """
    asked = tuple(dict.fromkeys(map(read_address, addresses)))
    workspace = Workspace.open(app, state_url, snapshot_does=True)
    workspace.check()
    tracer = Tracer(asked)
    request = PlanRequest((), now or SystemClock().now())
    facts = _gather(app, workspace, request, tracer, pinned=state_url is not None)
    found = [item for address in asked if (item := _explain(address, facts, workspace, tracer)) is not None]
    excerpts = Excerpts(facts.sources)
    if as_json:
        echo_json(to_document(found, facts.plan, masked=not reveal))
    else:
        look = app.look(sys.stdout, reveal=reveal)
        reader = excerpts.reader(masked=look.masked)
        echo("\n".join(render_explanation(item, facts.plan, reader, look) for item in found))
    missing = [address for address in asked if address not in {item.address for item in found}]
    if missing:
        show_problems(app, facts.plan.errors, excerpts, reveal=reveal)
        if workspace.project.source is None and not tracer.addresses:
            return ExitCode.ERROR  # no project here: that is the problem
        raise _unknown_address(missing, {*tracer.addresses, *facts.entries})
    return ExitCode.ERROR if any(item.failed for item in found) else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Facts:
    """The plan of the whole project, and the state's entries under the addresses in the files."""

    sources: Sources
    plan: Plan
    changes: dict[Address, Change]
    entries: dict[Address, Entry]
    recorded_as: dict[Address, Address]


def _gather(app: App, workspace: Workspace, request: PlanRequest, tracer: Tracer, *, pinned: bool) -> _Facts:
    """A missing state is treated as no state; if one was named (``pinned``), it is an error as for every
    command.
    """
    context, sources = planning(app, workspace, request, tracer)
    try:
        with read_entries(workspace, request, context, ()) as (context_of_state, entries):
            return _compare(sources, context_of_state, entries)
    except StateMissing:
        if pinned:
            raise
        return _compare(sources, context, ())


def _compare(sources: Sources, context: Context, entries: Iterable[Entry]) -> _Facts:
    kept = list(entries)
    plan = make_plan(sources.rows, kept, context, sources.diagnostics, sources.moves)
    carried, pairs, _ = move_entries(kept, sources.moves)
    changes = {change.address: change for change in plan.changes}
    return _Facts(
        sources, plan, changes, {entry.address: entry for entry in carried}, {new: old for old, new in pairs}
    )


def _explain(address: Address, facts: _Facts, workspace: Workspace, tracer: Tracer) -> Explanation | None:
    """The explanation of one address; None if neither the files nor the state have it."""
    trace, entry = tracer.traces.get(address), facts.entries.get(address)
    if trace is None and entry is None:
        return None
    row = None
    if trace is not None:
        digest = "" if trace.row is None else identity.digest(trace.row.call)
        tags = identity.tags(facts.plan.lineage or "", address, digest)
        row = provenance(trace, facts.sources, workspace.project, tags)
    return Explanation(
        address,
        row,
        entry,
        facts.recorded_as.get(address),
        workspace.snapshot,
        facts.changes.get(address),
        _own(facts.plan.diagnostics, address, row),
    )


def _own(items: Iterable[Diagnostic], address: Address, row: Provenance | None) -> tuple[Diagnostic, ...]:
    """The problems of one row: those that name it, are located in its lines, or at a value that it uses."""
    places = set() if row is None else {place for field in row.fields for place in field.origin.places()}

    def concerns(item: Diagnostic) -> bool:
        where = item.location
        if item.address == address or where is None or row is None:
            return item.address == address
        lines = range(row.source.line, row.last_line + 1)
        if item.address is not None:  # an error in a default names only the first row that uses it
            return where in places and not row.complete
        return where in places or (where.file == row.source.file and where.line in lines)

    return tuple(item for item in items if concerns(item))


def _unknown_address(missing: Sequence[Address], known: Collection[Address]) -> ReconcilerError:
    names, wrong = ", ".join(map(str, missing)), str(missing[0])
    near = _starting_with(wrong, sorted(map(str, known))) or get_close_matches(wrong, map(str, known), n=1)
    hint = f"did you mean {' or '.join(near)}?" if near else "run reconciler plan to list the addresses"
    return ReconcilerError(f"neither the plan files nor the state contain {names}", hint=hint)


def _starting_with(text: str, known: Sequence[str]) -> list[str]:
    """The first addresses that begin with the text, or whose key does."""
    key = text.partition("/")[2]
    matches = [name for name in known if name.startswith(text)]
    return (matches or [name for name in known if key and name.partition("/")[2].startswith(key)])[:_MOST_NEAR]
