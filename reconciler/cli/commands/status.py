"""``reconciler status``: the outcomes of calls, the status of the project, and overdue calls."""

from __future__ import annotations

import sys
import time

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.next_command import next_after_status
from reconciler.cli.options import (
    Duration,
    now_option,
    offline_option,
    output_option,
    plans_option,
    reveal_option,
    service_options,
    state_option,
    with_options,
)
from reconciler.cli.output import say
from reconciler.cli.plan_output import STDOUT, check_place, put, show_problems
from reconciler.cli.status_query import NO_KEY, StatusQuery, StatusResult, query_status
from reconciler.cli.status_view import StatusOptions, render_status, render_to_stop_list
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace
from reconciler.domain.plan import Action
from reconciler.errors import ExitCode, UsageError
from reconciler.render.status_text import PENDING

_EPILOG = """\b
Examples:
  reconciler status   # query the service for the outcome of each call
  reconciler status calls/june.yaml --watch
  reconciler status --plan june --format csv --output june.csv
  reconciler status --outcome no-answer --outcome busy
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
_FAILURES = 3  # failed rounds in a row, each with several requests, after which --watch ends


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@plans_option
@offline_option
@click.option("--overdue", is_flag=True, help="List calls that are due and not placed. Offline.")
@click.option("--to-stop", is_flag=True, help="List the calls to stop by hand, as text, JSON or CSV. Offline.")
@click.option(
    "--within", type=Duration(), default="24h", show_default=True, help="With --overdue: due within this time."
)
@click.option("--watch", is_flag=True, help="Repeat until interrupted.")
@click.option("--interval", type=Duration(1.0), default="30s", show_default=True, help="Time between two checks.")
@click.option("--calls", is_flag=True, help="List each call, however many there are.")
@click.option(
    "--outcome",
    "outcomes",
    metavar="WORD",
    multiple=True,
    help="Show only calls with this outcome, such as no-answer. Repeatable.",
)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Output format. Default: text.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@output_option
@reveal_option
@service_options
@now_option
@state_option
@with_options(StatusOptions)
def status(app: App, options: StatusOptions) -> int:
    """Show the outcomes of placed calls, and compare the files with the state.

    It queries only calls that can still change. It takes no lock and writes no state, so it works during a
    running apply.
    """
    _check(options)
    workspace = Workspace.open(app, options.state_url, snapshot_does=True)
    target = Target.from_options(workspace, options.base_url, options.api_key_file)
    silent = {"--offline": options.offline, "--overdue": options.overdue, "--to-stop": options.to_stop}
    not_asked = next((option for option, given in silent.items() if given), None if target.has_key else NO_KEY)
    query = StatusQuery(options.paths, options.plans, target, not_asked)
    if options.watch:
        return _watch(app, workspace, query, options)
    found = query_status(app, workspace, query, options.now or SystemClock().now())
    return _show_to_stop(app, found, options) if options.to_stop else _show(app, workspace, found, options)


def _check(options: StatusOptions) -> None:
    """Raise ``UsageError`` for options that cannot be combined."""
    if options.plans and options.paths:
        raise UsageError("--plan and PATHS cannot be combined")
    name = options.form_name
    check_place(name, options.output)
    if options.to_stop and (options.overdue or options.watch or name not in {"text", "json", "csv"}):
        raise UsageError("--to-stop needs text, JSON or CSV, and cannot be combined with --overdue or --watch")
    if options.watch and (name not in {"text", "json"} or options.now is not None or options.overdue):
        raise UsageError("--watch needs text or JSON, and cannot be combined with --now or --overdue")


def _show(app: App, workspace: Workspace, found: StatusResult, options: StatusOptions) -> int:
    """Show the outcomes; returns the exit code."""
    if found.plan.errors:
        show_problems(app, found.plan.diagnostics, Excerpts(found.sources))
        if not workspace.trusted or options.overdue:
            return ExitCode.ERROR
    late = options.late(found)
    put(app, render_status(app, workspace, found, late, options), options.output)
    if found.failed is not None:
        hint = f" ({found.failed.hint})" if found.failed.hint else ""
        say(f"error: {found.failed.message}{hint}", err=True)
    if found.failed is not None or found.plan.errors:
        return ExitCode.ERROR
    open_questions = not found.report.settled or found.plan.count(Action.CONFLICT) > 0
    if options.form_name == "text" and options.output == STDOUT and not options.watch and not workspace.snapshot:
        pending = any(item.outcome in PENDING for item in found.report.standings)
        say(f"Next: {next_after_status(app, found.plan, unsettled=open_questions, pending=pending)}", err=True)
    incomplete = bool(late) or (found.report.not_asked is None and open_questions) or found.new_to_stop
    return ExitCode.INCOMPLETE if incomplete else ExitCode.DONE


def _show_to_stop(app: App, found: StatusResult, options: StatusOptions) -> int:
    """Show only the calls to stop by hand. Exit 3 while one is pending.

    If the files have errors, removed rows cannot be detected: the known calls are shown, and the exit code is 1.
    """
    if found.plan.errors:
        show_problems(app, found.plan.diagnostics, Excerpts(found.sources))
    put(app, render_to_stop_list(app, found.plan, options), options.output)
    if found.plan.errors:
        return ExitCode.ERROR
    return ExitCode.INCOMPLETE if found.plan.to_stop else ExitCode.DONE


def _watch(app: App, workspace: Workspace, query: StatusQuery, options: StatusOptions) -> int:
    """Repeat until interrupted, or until the service could not be queried several times in a row."""
    failures = 0
    while failures < _FAILURES:
        if options.form_name == "text" and options.output == STDOUT and sys.stdout.isatty():
            click.clear()
        found = query_status(app, workspace, query, SystemClock().now())
        _show(app, workspace, found, options)
        failures = failures + 1 if found.failed is not None else 0
        if failures < _FAILURES:
            time.sleep(options.interval)
    return ExitCode.ERROR
