"""``reconciler status``: where the project stands, and what should have been placed by now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import (
    App,
    Duration,
    SystemClock,
    echo,
    now_option,
    reveal_option,
    state_option,
    to_json,
)
from reconciler.cli.completing import plan_files
from reconciler.cli.output import write_private
from reconciler.errors import ExitCode
from reconciler.model import Action
from reconciler.render.escape import for_terminal
from reconciler.times import tell_instant

if TYPE_CHECKING:
    from reconciler.cli.loading import Workspace
    from reconciler.model import Change, Entry, Plan

_EPILOG = """\b
Examples:
  reconciler status
  reconciler status --overdue        # exit 3 where a call is due within a day and not placed
  reconciler status --overdue --within 2h --json
  reconciler status --format html --output status.html   # what came of every call
"""
_OPEN = frozenset({Action.CREATE, Action.BLOCKED, Action.UNCERTAIN, Action.EXPIRED, Action.WAITING})


@click.command(epilog=_EPILOG, short_help="Say where the calls stand, and what is overdue.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@click.option("--overdue", is_flag=True, help="List what is not placed, with its time near or past; exit 3.")
@click.option("--within", type=Duration(), default="24h", show_default=True, help="How near is near.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "html")), default="text", help="How to show it."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Print to a file.")
@now_option
@state_option
@reveal_option
@click.pass_obj
def status(
    app: App,
    paths: tuple[str, ...],
    overdue: bool,
    within: float,
    form: str,
    as_json: bool,
    output: Path | None,
    now: datetime | None,
    state_url: str | None,
    reveal: bool,
) -> int:
    """Say how many calls stand where, from the files and the state alone.

    --format html is a page of what came of every call that the state knows.
    """
    from reconciler.cli.loading import Excerpts, Request, Workspace, make_plan
    from reconciler.cli.showing import show_problems

    workspace = Workspace.open(app, state_url, snapshot_does=True)
    moment = now or SystemClock().now()
    plan, sources = make_plan(app, workspace, Request(paths, moment))
    if plan.errors:
        show_problems(app, plan.diagnostics, Excerpts(sources))
        return ExitCode.ERROR
    late = due(plan, moment + timedelta(seconds=within)) if overdue else []
    if form == "html":
        shown = _page(workspace, plan, sources.plans if paths else None, masked=not reveal)
    else:
        shown = _json(plan, late) if as_json or form == "json" else _text(plan, late, overdue=overdue)
    if output is None:
        echo(shown)
    else:
        write_private(app.directory / output, shown.encode())
    return ExitCode.INCOMPLETE if late else ExitCode.DONE


def _text(plan: Plan, late: Iterable[tuple[Change, datetime]], *, overdue: bool) -> str:
    from reconciler.render.words import count_line, state_line

    told = [(f"{item.address}  {item.action}  due {tell_instant(at)}  {item.message or ''}") for item, at in late]
    lines = [for_terminal(line.rstrip()) for line in told]
    if plan.snapshot_at is not None:
        lines.append(for_terminal(state_line(plan)))
    counted = f"{len(told)} overdue. " if overdue else ""
    return "\n".join([*lines, f"{counted}{count_line(plan)}."]) + "\n"


def _json(plan: Plan, late: Iterable[tuple[Change, datetime]]) -> str:
    from reconciler.planfile import summary

    listed = [
        {"address": str(change.address), "action": change.action.value, "due": tell_instant(at)}
        for change, at in late
    ]
    return to_json({"summary": summary(plan), "overdue": listed})


def _page(workspace: Workspace, plan: Plan, scope: frozenset[str] | None, *, masked: bool) -> str:
    """What came of the calls of the plans in ``scope``, or of all; of a snapshot, as far as it tells."""
    from reconciler.render import html
    from reconciler.state import snapshot

    def drawn(entries: Iterable[Entry]) -> str:
        told = (entry for entry in entries if scope is None or entry.address.plan in scope)
        return html.render_outcomes(plan, told, masked=masked)

    if workspace.snapshot:
        return drawn(snapshot.read(workspace.state_path, lineage=workspace.lineage).entries)
    with workspace.reader() as reader:
        return drawn(reader.entries())


def due(plan: Plan, until: datetime) -> list[tuple[Change, datetime]]:
    """What is not placed although its time comes by ``until``; what was recorded as missed no longer counts.

    An immediate or delayed row is due at once, by its ``place_by`` at the latest.
    """
    found = []
    for change in plan.changes:
        if change.action in _OPEN and "recorded" not in change.reasons:
            at = change.scheduled_at or change.place_by or plan.created_at
            if at <= until:
                found.append((change, at))
    return sorted(found, key=lambda item: (item[1], item[0].address))
