"""``reconciler status``: where the project stands, and what should have been placed by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, Duration, SystemClock, echo_json, now_option, state_option
from reconciler.cli.completing import plan_files
from reconciler.errors import ExitCode
from reconciler.model import Action
from reconciler.render.escape import for_terminal
from reconciler.times import tell_instant

if TYPE_CHECKING:
    from reconciler.model import Change, Plan

_EPILOG = """\b
Examples:
  reconciler status
  reconciler status --overdue        # exit 3 where a call is due within a day and not placed
  reconciler status --overdue --within 2h --json
"""
_OPEN = frozenset({Action.CREATE, Action.BLOCKED, Action.UNCERTAIN, Action.EXPIRED, Action.WAITING})


@click.command(epilog=_EPILOG, short_help="Say where the calls stand, and what is overdue.")
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@click.option("--overdue", is_flag=True, help="List what is not placed, with its time near or past; exit 3.")
@click.option("--within", type=Duration(), default="24h", show_default=True, help="How near is near.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@now_option
@state_option
@click.pass_obj
def status(
    app: App,
    paths: tuple[str, ...],
    overdue: bool,
    within: float,
    as_json: bool,
    now: datetime | None,
    state_url: str | None,
) -> int:
    """Say how many calls stand where, from the files and the state alone."""
    from reconciler.cli.loading import Excerpts, Request, Workspace, make_plan
    from reconciler.cli.showing import show_problems
    from reconciler.planfile import summary
    from reconciler.render.words import count_line, state_line

    workspace = Workspace.open(app, state_url, snapshot_does=True)
    moment = now or SystemClock().now()
    plan, sources = make_plan(app, workspace, Request(paths, moment))
    if plan.errors:
        show_problems(app, plan.diagnostics, Excerpts(sources))
        return ExitCode.ERROR
    late = due(plan, moment + timedelta(seconds=within)) if overdue else []
    if as_json:
        listed = [
            {"address": str(change.address), "action": change.action.value, "due": tell_instant(at)}
            for change, at in late
        ]
        echo_json({"summary": summary(plan), "overdue": listed})
    else:
        for change, at in late:
            line = f"{change.address}  {change.action.value}  due {tell_instant(at)}  {change.message or ''}"
            click.echo(for_terminal(line.rstrip()))
        if plan.snapshot_at is not None:
            click.echo(for_terminal(state_line(plan)))
        told = f"{len(late)} overdue. " if overdue else ""
        click.echo(f"{told}{count_line(plan)}.")
    return ExitCode.INCOMPLETE if late else ExitCode.DONE


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
