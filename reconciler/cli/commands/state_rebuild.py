"""``reconciler state rebuild``: rebuild a lost state from the service and the plan files."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.lazy import examples
from reconciler.cli.options import (
    Instant,
    approve_option,
    json_option,
    service_options,
    state_option,
    with_options,
)
from reconciler.cli.output import confirm, echo, echo_json, say, wrapped
from reconciler.cli.plan_output import show_problems
from reconciler.cli.runs import creation_details, new_run
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace
from reconciler.domain.times import format_instant
from reconciler.errors import ExitCode, ReconcilerError, Refused, UsageError
from reconciler.evidence.rebuild import RebuildInput
from reconciler.evidence.rebuild import rebuild as compare
from reconciler.evidence.recover import list_all_calls, record
from reconciler.render.rebuild import RebuildReport, document, render_text
from reconciler.system.environment import LINEAGE

if TYPE_CHECKING:
    from reconciler.domain.model import JsonObject
    from reconciler.domain.service import RemoteCall
    from reconciler.source.sources import Sources

_EPILOG = examples(
    "reconciler state rebuild --dry-run              # show what is certain, probable and unknown",
    "reconciler state rebuild                        # the same, and write it after confirmation",
    "reconciler state rebuild --auto-approve --json",
    'reconciler state rebuild --absent-are-new --reason "no apply ran since the merge"',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildOptions:
    """The options of a rebuild. ``since``: from which time calls are listed. ``reason``: why rows are new."""

    lineage: str | None
    since: datetime | None
    absent_are_new: bool
    reason: str | None
    dry_run: bool
    auto_approve: bool
    as_json: bool
    api_key_file: Path | None
    base_url: str | None
    state_url: str | None


@click.command("rebuild", epilog=_EPILOG)
@click.option("--lineage", metavar="ID", help="The lost state, if reconciler.yaml does not pin it.")
@click.option(
    "--since", type=Instant(), metavar="TIME", help="List pending calls, and calls created since (RFC 3339)."
)
@click.option("--absent-are-new", is_flag=True, help="Declare that rows without a listed call were never placed.")
@click.option("--reason", metavar="WHY", help="With --absent-are-new: the reason. Recorded.")
@click.option("--dry-run", is_flag=True, help="Show what would be recorded, and write nothing.")
@approve_option
@json_option
@service_options
@state_option
@with_options(RebuildOptions)
def rebuild(app: App, options: RebuildOptions) -> int:
    """Rebuild a lost state with the same lineage, from the calls that the service lists and the plan files.

    Calls whose tags name a row are certain. If tags are not returned, a row and a call that match nothing else
    are probable. Every other row that could still be sent is unknown, and is not sent until you resolve it
    (reconciler resolve). Exit 3 while there are unknown rows.
    """
    if options.absent_are_new is not bool(options.reason and options.reason.strip()):
        raise UsageError("--absent-are-new and --reason need each other")
    workspace = Workspace.open(app, options.state_url)
    workspace.check()
    project = replace(workspace.project, lineage=_lineage(workspace, options.lineage))
    workspace = replace(workspace, project=project)
    if not options.dry_run:
        workspace.place.refuse_existing()
    sources = _sources(app, workspace)
    target = Target.from_options(workspace, options.base_url, options.api_key_file)
    report = _look(workspace, sources, target, options)
    if not options.as_json:
        echo(wrapped(render_text(report)))
    if not options.dry_run:
        if not options.auto_approve:
            _confirm(report)
        report = _write(workspace, report, target, options)
    if options.as_json:
        echo_json(document(report))
    elif report.written:
        say(f"Created {workspace.place} (lineage {report.lineage}).")
    return ExitCode.DONE if report.rebuilt.settled else ExitCode.INCOMPLETE


def _lineage(workspace: Workspace, given: str | None) -> str:
    """The lineage of the lost state: tags prove something only within one lineage.

    Raises:
        UsageError: the lineage is unknown, or two sources disagree.
    """
    if given is None and workspace.lineage is None:
        hint = (
            "pass --lineage ID: it is in saved plans, in snapshots, and in the metadata of each call. If "
            "it is unknown, use any new UUID: calls are then matched by likeness only"
        )
        raise UsageError("reconciler.yaml pins no lineage, so it is unknown which state was lost", hint=hint)
    if given is not None and workspace.lineage not in {None, given}:
        raise UsageError(
            f"--lineage {given} differs from the pinned lineage {workspace.lineage}",
            hint=f"see state.lineage in reconciler.yaml and {LINEAGE}",
        )
    if given is not None:
        try:
            uuid.UUID(given)
        except ValueError as error:
            raise UsageError(f"--lineage {given!r} is not a UUID") from error
    return given or workspace.lineage or ""


def _sources(app: App, workspace: Workspace) -> Sources:
    """All rows of the project. A row that cannot be read would look like one that was never placed.

    Raises:
        ReconcilerError: the files have errors.
    """
    sources = workspace.sources(app, ())
    if any(item.is_error for item in sources.diagnostics):
        show_problems(app, sources.diagnostics, Excerpts(sources))
        raise ReconcilerError("the files have errors: nothing was rebuilt")
    return sources


def _look(workspace: Workspace, sources: Sources, target: Target, options: RebuildOptions) -> RebuildReport:
    """Query the service, and compare its answer with the files."""
    listed = asyncio.run(_list(target, options.since))
    now, lineage = SystemClock().now(), workspace.lineage or ""
    new = options.absent_are_new
    try:
        rebuilt = compare(RebuildInput(sources.rows, lineage, now, sources.moves, absent_are_new=new), listed)
    except ValueError as error:
        raise ReconcilerError(str(error), hint="remove one of the moves") from error
    return RebuildReport(rebuilt, lineage, now, options.since, listed)


async def _list(target: Target, since: datetime | None) -> Sequence[RemoteCall]:
    async with target.listing(target.key()) as listing:
        return await list_all_calls(listing, since)


def _confirm(report: RebuildReport) -> None:
    """Ask a person. Raises ``Refused``: declined, or there is no terminal to ask on."""
    if not sys.stdin.isatty():
        hint = "review it with --dry-run, then pass --auto-approve"
        raise Refused("no terminal for confirmation: nothing was written", hint=hint)
    counts = ", ".join(f"{report.counts[name]} {name}" for name in ("certain", "probable", "unknown"))
    confirm(f"Write a state with these ({counts})?", nothing="nothing was written")


def _write(workspace: Workspace, report: RebuildReport, target: Target, options: RebuildOptions) -> RebuildReport:
    """Create the state, completely or not at all."""
    counts = report.counts
    details: JsonObject = {
        "service": target.origin.base,
        "settings": workspace.settings_digest(),
        "rebuilt": {
            "listed": len(report.listed),
            "since": None if report.since is None else format_instant(report.since),
            "tags_returned": report.tagged,
            "found": dict(counts),
            "absent_are_new": options.reason and options.reason.strip(),
        },
    }
    run = new_run("state rebuild", details=details)
    code = ExitCode.DONE if report.rebuilt.settled else ExitCode.INCOMPLETE
    with workspace.place.new_store(run, {**creation_details("state rebuild"), **details}) as store:
        record(store, run.id, report.rebuilt, SystemClock().now())
        store.end_run(run.id, SystemClock().now(), code, counts)
    return replace(report, written=True)
