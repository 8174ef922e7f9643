"""``reconciler status``: the outcomes of calls, the status of the project, and overdue calls."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import (
    App,
    Duration,
    SystemClock,
    key_option,
    now_option,
    reveal_option,
    say,
    state_option,
    to_json,
    url_option,
)
from reconciler.cli.completing import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.placing import Target
from reconciler.cli.refreshing import NO_KEY, StatusQuery, look
from reconciler.cli.showing import STDOUT, check_place, put, show_problems
from reconciler.cli.to_stop import show_to_stop
from reconciler.cli.workspace import Workspace
from reconciler.domain.masking import mask_change
from reconciler.domain.plan import Action
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import tell_instant
from reconciler.errors import ExitCode, UsageError
from reconciler.evidence.outcomes import stand
from reconciler.placing.send_check import describe_pause
from reconciler.render import console, html
from reconciler.render import status as render
from reconciler.render.csv import to_csv
from reconciler.render.escape import for_terminal
from reconciler.render.pauses import pause_document
from reconciler.render.to_stop import documents
from reconciler.render.words import count_line, counted, state_line
from reconciler.render.xlsx import to_xlsx
from reconciler.savedplan.planfile import summary
from reconciler.state import snapshot

if TYPE_CHECKING:
    from reconciler.cli.refreshing import StatusResult
    from reconciler.domain.plan import Change, Plan
    from reconciler.evidence.outcomes import OutcomeReport

_EPILOG = """\b
Examples:
  reconciler status   # query the service for the outcome of each call
  reconciler status calls/june.yaml --watch
  reconciler status --plan june --format csv --output june.csv
  reconciler status --json
  reconciler status --format html --output status.html   # the outcome of every call, for a browser
  reconciler status --offline   # without querying the service
  reconciler status --overdue   # exit 3 if a call is due within a day and not placed
  reconciler status --overdue --within 2h --json
  reconciler status --to-stop   # exit 3 while there are placed calls to stop by hand
  reconciler status --to-stop --format csv --output stop.csv   # then: resolve --from stop.csv

\b
Exit codes: 0 done, 1 error (the service cannot be queried, or the files have errors; the state is
shown anyway), 3 if the service was queried and something needs attention: the state and the service
differ about a call, an attempt is uncertain, or a row is in conflict. Also 3 if there is a placed call
to stop by hand that no apply has shown yet. With --overdue and --to-stop: 3 if there are any.
"""
_FORMATS = ("text", "json", "html", "csv", "xlsx")
_OPEN = frozenset(
    {Action.CREATE, Action.BLOCKED, Action.UNCERTAIN, Action.CONFLICT, Action.EXPIRED, Action.WAITING}
)
_FAILURES = 3  # failed rounds in a row, each with several requests, after which --watch ends


@dataclass(frozen=True, slots=True)
class _Form:
    """How it is shown. ``within`` is in seconds, None without ``--overdue``."""

    name: str
    file: str
    reveal: bool
    calls: bool
    within: float | None
    watched: bool


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@click.option("--plan", "plans", metavar="NAME", multiple=True, help="Only calls of this plan. Repeatable.")
@click.option("--offline", is_flag=True, help="Do not query the service.")
@click.option("--overdue", is_flag=True, help="List calls that are due and not placed. Offline.")
@click.option("--to-stop", is_flag=True, help="List the calls to stop by hand, as text, JSON or CSV. Offline.")
@click.option(
    "--within", type=Duration(), default="24h", show_default=True, help="With --overdue: due within this time."
)
@click.option("--watch", is_flag=True, help="Repeat until interrupted.")
@click.option("--interval", type=Duration(1.0), default="30s", show_default=True, help="Time between two checks.")
@click.option("--calls", is_flag=True, help="List each call, however many there are.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Output format. Default: text.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", metavar="FILE", default=STDOUT, help="The output file; - is the standard output.")
@reveal_option
@key_option
@url_option
@now_option
@state_option
@click.pass_obj
def status(
    app: App,
    paths: tuple[str, ...],
    plans: tuple[str, ...],
    offline: bool,
    overdue: bool,
    to_stop: bool,
    within: float,
    watch: bool,
    interval: float,
    calls: bool,
    form: str | None,
    as_json: bool,
    output: str,
    reveal: bool,
    api_key_file: Path | None,
    base_url: str | None,
    now: datetime | None,
    state_url: str | None,
) -> int:
    """Show the outcomes of placed calls, and compare the files with the state.

    It queries only calls that can still change. It takes no lock and writes no state, so it works during a
    running apply.
    """
    if plans and paths:
        raise UsageError("--plan and PATHS cannot be combined")
    name = form or ("json" if as_json else "text")
    check_place(name, output)
    if to_stop and (overdue or watch or name not in {"text", "json", "csv"}):
        raise UsageError("--to-stop needs text, JSON or CSV, and cannot be combined with --overdue or --watch")
    if watch and (name not in {"text", "json"} or now is not None or overdue):
        raise UsageError("--watch needs text or JSON, and cannot be combined with --now or --overdue")
    workspace = Workspace.open(app, state_url, snapshot_does=True)
    target = Target.from_options(workspace, base_url, api_key_file and app.directory / api_key_file)
    silent = {"--offline": offline, "--overdue": overdue, "--to-stop": to_stop}
    not_asked = next((option for option, given in silent.items() if given), None if target.has_key else NO_KEY)
    question = StatusQuery(paths, plans, target, not_asked)
    shape = _Form(name, output, reveal, calls, within if overdue else None, watch)
    if to_stop:
        return show_to_stop(app, workspace, question, now or SystemClock().now(), (name, output), reveal=reveal)
    if watch:
        return _watch(app, workspace, question, shape, interval)
    return _once(app, workspace, question, shape, now or SystemClock().now())[0]


def _once(
    app: App, workspace: Workspace, question: StatusQuery, shape: _Form, moment: datetime
) -> tuple[int, bool]:
    """Check and show; returns the exit code, and whether the service could not be queried."""
    found = look(app, workspace, question, moment)
    if found.plan.errors:
        show_problems(app, found.plan.diagnostics, Excerpts(found.sources))
        if not workspace.trusted or shape.within is not None:
            return ExitCode.ERROR, found.failed is not None
    late = [] if shape.within is None else due(found.plan, moment + timedelta(seconds=shape.within))
    put(app, _shown(app, workspace, found, late, shape), shape.file)
    if found.failed is not None:
        hint = f" ({found.failed.hint})" if found.failed.hint else ""
        say(for_terminal(f"error: {found.failed.message}{hint}"), err=True)
    if found.failed is not None or found.plan.errors:
        return ExitCode.ERROR, found.failed is not None
    asked = found.report.not_asked is None
    open_questions = not found.report.settled or found.plan.count(Action.CONFLICT) > 0
    incomplete = bool(late) or (asked and open_questions) or found.new_to_stop
    return ExitCode.INCOMPLETE if incomplete else ExitCode.DONE, False


def _watch(app: App, workspace: Workspace, question: StatusQuery, shape: _Form, interval: float) -> int:
    """Repeat until interrupted, or until the service could not be queried several times in a row."""
    failures = 0
    while failures < _FAILURES:
        if shape.name == "text" and shape.file == STDOUT and sys.stdout.isatty():
            click.clear()
        _, failed = _once(app, workspace, question, shape, SystemClock().now())
        failures = failures + 1 if failed else 0
        if failures < _FAILURES:
            time.sleep(interval)
    return ExitCode.ERROR


def _shown(
    app: App, workspace: Workspace, found: StatusResult, late: list[tuple[Change, datetime]], shape: _Form
) -> bytes:

    masked = not shape.reveal
    agents = {agent: mask_text(name) if masked else name for name, agent in workspace.project.agents.items()}
    if shape.name == "json":
        files = _files(found.plan, _masked(late) if masked else late, masked=masked)
        document = render.document(found.report, masked=masked) | files
        document["pauses"] = [pause_document(pause, masked=masked) for pause in found.pauses]
        return to_json(document, indent=None if shape.watched else 2).encode()
    if shape.name == "html":
        return html.render_outcomes(found.plan, _report(workspace, found), agents, masked=masked).encode()
    if shape.name == "csv":
        return to_csv(render.calls_table(found.report, masked=masked))
    if shape.name == "xlsx":
        return to_xlsx([render.calls_table(found.report, masked=masked)], found.report.as_of)
    look = (
        app.look(sys.stdout, reveal=shape.reveal) if shape.file == STDOUT else console.OutputStyle(masked=masked)
    )
    calls = ""
    if shape.within is None and not workspace.snapshot:
        calls = render.render_text(found.report, agents, look, every=shape.calls)
    overdue = _masked(late) if look.masked else late
    rest = "".join((*_pause_lines(found), *_lines(found.plan, overdue, shape)))
    return (calls + (mask_text(rest) if look.masked else rest)).encode()


def _masked(late: list[tuple[Change, datetime]]) -> list[tuple[Change, datetime]]:
    return [(mask_change(change), at) for change, at in late]


def _report(workspace: Workspace, found: StatusResult) -> OutcomeReport:
    """The content of the page; of a snapshot, the calls as far as it contains them."""
    if not workspace.snapshot:
        return found.report

    taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
    scope, now = found.scope, found.report.as_of
    entries = [entry for entry in taken.entries if scope is None or entry.address.plan in scope]
    return replace(found.report, standings=[stand(entry, None, {}, now) for entry in entries])


def _files(plan: Plan, late: list[tuple[Change, datetime]], *, masked: bool) -> dict[str, object]:
    """The comparison of the files with the state, as JSON."""
    stops = documents(plan.to_stop, masked=masked)

    listed = [
        {"address": str(change.address), "action": change.action.value, "due": tell_instant(at)}
        for change, at in late
    ]
    return {"summary": None if plan.errors else summary(plan), "overdue": listed, "to_stop": stops}


def _pause_lines(found: StatusResult) -> list[str]:
    return [for_terminal(f"Paused: {describe_pause(pause)}") + "\n" for pause in found.pauses]


def _lines(plan: Plan, late: list[tuple[Change, datetime]], shape: _Form) -> list[str]:
    """The same as text."""
    lines = []
    for change, at in late:
        line = f"{change.address}  {change.action.value}  due {tell_instant(at)}  {change.message or ''}"
        lines.append(for_terminal(line.rstrip()))
    if plan.snapshot_at is not None:
        lines.append(for_terminal(state_line(plan)))
    if not plan.errors:
        told = f"{len(late)} overdue. " if shape.within is not None else "" if plan.snapshot_at else "Files: "
        lines.append(f"{told}{count_line(plan)}.")
    if plan.to_stop:
        lines.append(
            f"{counted(len(plan.to_stop), 'call')} to stop by hand. Run reconciler status --to-stop to list them."
        )
    return [f"{line}\n" for line in lines]


def due(plan: Plan, until: datetime) -> list[tuple[Change, datetime]]:
    """Calls that are not placed and due by ``until``. Calls recorded as missed do not count.

    An immediate or delayed row is due at once, at the latest at its ``place_by``.
    """
    found = []
    for change in plan.changes:
        if change.action in _OPEN and "recorded" not in change.reasons:
            at = change.scheduled_at or change.place_by or plan.created_at
            if at <= until:
                found.append((change, at))
    return sorted(found, key=lambda item: (item[1], item[0].address))
