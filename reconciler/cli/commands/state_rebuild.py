"""``reconciler state rebuild``: a lost state again, from the service and the plan files."""

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

from reconciler.cli.app import (
    App,
    Instant,
    SystemClock,
    echo,
    echo_json,
    key_option,
    say,
    state_option,
    url_option,
)
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.lazy import examples
from reconciler.cli.placing import Target
from reconciler.cli.runs import founder, new_run
from reconciler.cli.showing import show_problems
from reconciler.cli.workspace import Workspace
from reconciler.contactship.listing import CallListing
from reconciler.domain.times import format_instant
from reconciler.errors import ExitCode, ReconcilerError, Refused, UsageError
from reconciler.evidence.rebuild import Ground
from reconciler.evidence.rebuild import rebuild as compare
from reconciler.evidence.recover import list_calls, record
from reconciler.render.rebuild import Report, document, render_text
from reconciler.system.environment import LINEAGE

if TYPE_CHECKING:
    from reconciler.domain.model import JsonObject
    from reconciler.domain.ports import RemoteCall
    from reconciler.source.sources import Sources

_EPILOG = examples(
    "reconciler state rebuild --dry-run              # what is certain, probable and unknown",
    "reconciler state rebuild                        # the same, and write it after asking",
    "reconciler state rebuild --auto-approve --json",
    'reconciler state rebuild --absent-are-new --reason "no apply ran since the merge"',
)


@dataclass(frozen=True, slots=True)
class _Question:
    """How far back is asked, and why a person says that rows without a call are new (None: nobody says so)."""

    since: datetime | None
    new_because: str | None


@click.command("rebuild", epilog=_EPILOG, short_help="Make a lost state again, from the service and the files.")
@click.option("--lineage", metavar="ID", help="Which state was lost, where reconciler.yaml does not pin it.")
@click.option(
    "--since", type=Instant(), metavar="TIME", help="List calls created since (RFC 3339), and pending ones."
)
@click.option("--absent-are-new", is_flag=True, help="Rows of which no call is listed were never placed.")
@click.option("--reason", metavar="WHY", help="With --absent-are-new: why you know. Recorded.")
@click.option("--dry-run", is_flag=True, help="Say what would be recorded, and write nothing.")
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@key_option
@url_option
@state_option
@click.pass_obj
def rebuild(
    app: App,
    lineage: str | None,
    since: datetime | None,
    absent_are_new: bool,
    reason: str | None,
    dry_run: bool,
    auto_approve: bool,
    as_json: bool,
    api_key_file: Path | None,
    base_url: str | None,
    state_url: str | None,
) -> int:
    """Make a lost state again: of the same lineage, from the calls that the service lists and the plan files.

    Calls whose tags name a row are certain. Where tags are not returned, a row and a call that fit nothing else
    are probable. All else that could still be sent is unknown, and stays unsent until you say (reconciler
    resolve): exit 3 while any is.
    """
    if absent_are_new is not bool(reason and reason.strip()):
        raise UsageError("--absent-are-new and its --reason go together")
    workspace = Workspace.open(app, state_url)
    workspace.check()
    lineage = _lineage(workspace, lineage)
    workspace = replace(workspace, project=replace(workspace.project, lineage=lineage))
    if not dry_run:
        workspace.place.refuse_existing()
    sources = _sources(app, workspace)
    target = Target.of(workspace, base_url, api_key_file and app.directory / api_key_file)
    question = _Question(since, reason.strip() if reason else None)
    report = _look(workspace, sources, target, question)
    if not as_json:
        _show(report)
    if not dry_run:
        _ask(report, auto_approve=auto_approve)
        report = _write(workspace, report, target, question)
    if as_json:
        echo_json(document(report))
    elif report.written:
        say(f"Made {workspace.place} (lineage {report.lineage}).")
    return ExitCode.DONE if report.rebuilt.settled else ExitCode.INCOMPLETE


def _lineage(workspace: Workspace, given: str | None) -> str:
    """The lineage of the lost state: tags prove something only within one.

    Raises:
        UsageError: nobody says which it was, or two say otherwise.
    """
    if given is None and workspace.lineage is None:
        hint = (
            "pass --lineage ID: it stands in saved plans, in snapshots, and in the metadata of each call. If "
            "nobody knows it, any new UUID will do: calls are then told by likeness alone"
        )
        raise UsageError("reconciler.yaml pins no lineage, and nobody says which state was lost", hint=hint)
    if given is not None and workspace.lineage not in {None, given}:
        raise UsageError(
            f"--lineage {given}: the project is pinned to {workspace.lineage}",
            hint=f"see state.lineage in reconciler.yaml and {LINEAGE}",
        )
    if given is not None:
        try:
            uuid.UUID(given)
        except ValueError as error:
            raise UsageError(f"--lineage {given!r} is no UUID") from error
    return given or workspace.lineage or ""


def _sources(app: App, workspace: Workspace) -> Sources:
    """All rows of the project. A row that cannot be read would look like one that was never placed.

    Raises:
        ReconcilerError: the files have errors.
    """
    sources = workspace.sources(app, ())
    if any(item.is_error for item in sources.diagnostics):
        show_problems(app, sources.diagnostics, Excerpts(sources))
        raise ReconcilerError("the files have errors: nothing was rebuilt from them")
    return sources


def _look(workspace: Workspace, sources: Sources, target: Target, question: _Question) -> Report:
    """Ask the service, and hold its answer against the files."""
    listed = asyncio.run(_list(target, target.key(), question.since))
    now, lineage = SystemClock().now(), workspace.lineage or ""
    new = question.new_because is not None
    try:
        rebuilt = compare(Ground(sources.rows, lineage, now, sources.moves, absent_are_new=new), listed)
    except ValueError as error:
        raise ReconcilerError(str(error), hint="remove one of the moves") from error
    return Report(rebuilt, lineage, now, question.since, listed)


async def _list(target: Target, key: str, since: datetime | None) -> Sequence[RemoteCall]:

    directory = CallListing(target.origin, key, target.timeout)
    try:
        return await list_calls(directory, since)
    finally:
        await directory.aclose()


def _show(report: Report) -> None:

    echo(render_text(report))


def _ask(report: Report, *, auto_approve: bool) -> None:
    """Ask a person; only the word yes is one.

    Raises:
        Refused: declined, or nobody there to ask.
    """
    if auto_approve:
        return
    if not sys.stdin.isatty():
        hint = "look first (--dry-run), then pass --auto-approve"
        raise Refused("no terminal to ask on: nothing was written", hint=hint)
    counts = report.counts
    told = ", ".join(f"{counts[name]} {name}" for name in ("certain", "probable", "unknown"))
    question = f"Write a state with these ({told})? Only 'yes' is accepted"
    if click.prompt(question, default="no", show_default=False, err=True) != "yes":
        raise Refused("declined: nothing was written")


def _write(workspace: Workspace, report: Report, target: Target, question: _Question) -> Report:
    """Make the state, whole or not at all."""
    counts = report.counts
    told: JsonObject = {
        "service": target.origin.base,
        "settings": workspace.settings_digest(),
        "rebuilt": {
            "listed": len(report.listed),
            "since": None if report.since is None else format_instant(report.since),
            "tags_returned": report.tagged,
            "found": dict(counts),
            "absent_are_new": question.new_because,
        },
    }
    run = new_run("state rebuild", details=told)
    code = ExitCode.DONE if report.rebuilt.settled else ExitCode.INCOMPLETE
    with workspace.place.founded(run, {**founder("state rebuild"), **told}) as store:
        record(store, run.id, report.rebuilt, SystemClock().now())
        store.end_run(run.id, SystemClock().now(), code, counts)
    return replace(report, written=True)
