"""Make a plan from files and state; shared by the commands that read plan files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler import __version__
from reconciler.bulk.garbage import collection_paused
from reconciler.cli import git
from reconciler.cli.base_files import load_base
from reconciler.domain import identity, wire
from reconciler.domain.blinding import BlindedView
from reconciler.domain.diagnostics import has_errors
from reconciler.domain.entries import EntryIndex
from reconciler.domain.facts import unresolved
from reconciler.domain.model import Diagnostic, Severity
from reconciler.domain.ports import Intent
from reconciler.domain.times import ring_time
from reconciler.errors import ReconcilerError
from reconciler.placing.send_check import describe_pause, resume_command
from reconciler.planning.branch import introduce
from reconciler.planning.context import Context
from reconciler.planning.guards.registry import PLACED_CODES
from reconciler.planning.plan import make_plan
from reconciler.state import snapshot

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.cli.base_files import BaseFiles
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.model import Address, Call, Entry, Row
    from reconciler.domain.plan import Lifted, Plan
    from reconciler.domain.ports import StateReader
    from reconciler.domain.settings import Project
    from reconciler.source.rows.row import Watch
    from reconciler.source.sources import Sources

_ALL = 1_000_000  # more runs than any state has


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The plan to make. ``base`` is the git ref to compare the files with, ``lifted`` are overridden guards."""

    paths: tuple[str, ...]
    now: datetime
    retry_failed: bool = False
    no_state: bool = False
    base: str | None = None
    lifted: tuple[Lifted, ...] = ()


def load_plan(app: App, workspace: Workspace, request: PlanRequest) -> tuple[Plan, Sources]:
    """Load the files, compare them with the state, and apply the guards.

    Raises:
        StateError: the state is missing (unless ``no_state``), foreign or unusable.
    """
    context, sources = planning(app, workspace, request)
    base = _load_base(app, workspace, request)
    diagnostics = sources.diagnostics if base is None else (*sources.diagnostics, *base.diagnostics)
    diagnostics = (*diagnostics, *pause_warnings(workspace, request, sources.plans))
    placed = read_entries(workspace, request, context, () if base is None else base.rows)
    with placed as (found, entries), collection_paused():
        state = EntryIndex.from_entries(entries)
        if state and not request.paths:
            diagnostics = tuple(map(_files_gone, diagnostics))
        complete = not has_errors(diagnostics)
        rows = sources.rows if workspace.trusted else ()  # without settings, what was placed is unknown
        plan = make_plan(rows, state, replace(found, complete=complete), diagnostics, sources.moves)
    plan = replace(plan, skipped=sources.skipped)
    plan = plan if base is None else introduce(plan, sources.rows, base.rows, base.base)
    return with_display_settings(plan, workspace.project), sources


def with_display_settings(plan: Plan, project: Project) -> Plan:
    """The plan with the settings that decide how it is shown, which a saved plan does not contain."""
    policy = project.policy
    return replace(plan, public_metadata=policy.public_metadata, show=policy.show, aliases=project.aliases)


def _files_gone(item: Diagnostic) -> Diagnostic:
    """Turn the error for missing plan files into a warning if calls were placed: then all rows were removed."""
    if item.code != "E403" or item.location is not None:
        return item
    hint = "if the files are elsewhere, set plans in reconciler.yaml before you delete any calls"
    return replace(
        item, severity=Severity.WARNING, message=f"{item.message}: all rows count as removed", hint=hint
    )


def pause_warnings(workspace: Workspace, request: PlanRequest, plans: Collection[str]) -> list[Diagnostic]:
    """A warning for each pause that affects one of these plans. A snapshot does not contain pauses."""
    if request.no_state or not workspace.trusted or workspace.snapshot:
        return []
    with workspace.reader() as reader:
        pauses = [pause for pause in reader.pauses() if pause.plan is None or pause.plan in plans]
    hint = "apply sends nothing for it until you resume it: "
    return [
        Diagnostic(Severity.WARNING, "W401", describe_pause(pause), hint=hint + resume_command(pause))
        for pause in pauses
    ]


def _load_base(app: App, workspace: Workspace, request: PlanRequest) -> BaseFiles | None:
    if request.base is None:
        return None
    return load_base(app, workspace, request.paths, request.base)


@contextmanager
def read_entries(
    workspace: Workspace, request: PlanRequest, context: Context, base: Iterable[Row]
) -> Iterator[tuple[Context, Iterable[Entry]]]:
    """The placed calls, and the context with their source. The old values of a snapshot come from ``base``."""
    if request.no_state or not workspace.trusted:
        yield context, ()
    elif workspace.snapshot:
        taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
        view = BlindedView(taken.key).with_calls(row.call for row in base)
        context = replace(context, lineage=taken.lineage, serial=taken.serial, snapshot_at=taken.created_at)
        yield replace(context, view=view, conflicts=taken.conflicts), taken.entries
    else:
        with workspace.reader() as reader:
            context = replace(context, lineage=reader.lineage, serial=reader.serial)
            context = replace(context, overridden=overridden_guards(reader, context))
            yield replace(context, conflicts=unresolved(reader)), reader.entries()


def overridden_guards(reader: StateReader, context: Context) -> dict[Address, frozenset[str]]:
    """For each pending call, the guards that were overridden for the run that placed it, limited to those that
    could forbid it today. Few policies allow this for any guard.
    """
    codes = context.policy.overridable & PLACED_CODES
    if not codes:
        return {}
    runs = {run.id: codes & {item.code for item in run.overrides} for run in reader.runs(limit=_ALL)}
    lifted: dict[Address, frozenset[str]] = {}
    if any(runs.values()):
        for entry in reader.entries_ahead(context.now):
            if attempts := reader.attempts(entry.address):
                lifted[entry.address] = runs.get(attempts[-1].run_id, frozenset())
    return lifted


def intents_of_rows(app: App, workspace: Workspace, addresses: Collection[Address], now: datetime) -> list[Intent]:
    """The attempt for each of these rows, from the plan files.

    Raises:
        ReconcilerError: a row is in no plan file.
    """
    if not addresses:
        return []
    rows = {row.address: row for row in workspace.sources(app, ()).rows if row.address in addresses}
    if missing := sorted(set(addresses) - rows.keys()):
        raise ReconcilerError(
            f"no plan file has a row {missing[0]}", hint="run reconciler plan to list the addresses"
        )
    return [intent_of(address, rows[address].call, rows[address].rings_at, now) for address in addresses]


def intent_of(address: Address, call: Call, scheduled_at: datetime | None, now: datetime) -> Intent:
    """The attempt for a call."""
    rings_at = ring_time(scheduled_at, call.delay_minutes, now)
    return Intent(address, call, identity.digest(call), wire.endpoint(call), rings_at)


def planning(
    app: App, workspace: Workspace, request: PlanRequest, watch: Watch | None = None
) -> tuple[Context, Sources]:
    """The files of a plan, with the errors in them and in the lists of people, and its context without a state.
    ``watch`` receives the origin of each row.
    """
    people, problems = workspace.people(request.now)
    sources = workspace.sources(app, request.paths, watch, people)
    sources = replace(sources, diagnostics=(*sources.diagnostics, *problems))
    context = make_context(workspace, request)
    scope = sources.plans if request.paths else None
    return replace(context, people=people, scope=scope, complete=not has_errors(sources.diagnostics)), sources


def make_context(workspace: Workspace, request: PlanRequest) -> Context:
    """The context of the diff before the state is read."""
    context = Context(
        now=request.now,
        tool_version=__version__,
        lineage=workspace.lineage,
        fields=workspace.project.provider.schedule_fields,
        retry_failed=request.retry_failed,
        git=git.revision(workspace.project.root),
        policy=workspace.project.policy,
    )
    return context.with_overrides(request.lifted)
