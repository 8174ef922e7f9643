"""``reconciler plan``: show what an apply would do, offline and without the key."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.bulk.garbage import collection_paused
from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.next_command import next_after_plan
from reconciler.cli.options import (
    FILE,
    full_option,
    now_option,
    override_option,
    retry_option,
    reveal_option,
    state_option,
    with_options,
)
from reconciler.cli.output import echo, say
from reconciler.cli.output_files import writing_private
from reconciler.cli.overrides import check_used, offer, read_overrides
from reconciler.cli.plan_details import find_load_context, find_origins
from reconciler.cli.plan_output import (
    STDOUT,
    PlanView,
    form_options,
    pieces,
    print_plan,
    printouts,
    render_form,
    show_problems,
)
from reconciler.cli.planner import PlanRequest, load_plan
from reconciler.cli.saved_plans import check_plan_key, plan_key
from reconciler.cli.workspace import Workspace
from reconciler.domain.plan import Action
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.planning.plan import verdict
from reconciler.render.load_context import NOTHING
from reconciler.savedplan import planfile

if TYPE_CHECKING:
    from reconciler.cli.watching import LivePage

_EPILOG = """\b
Examples:
  reconciler plan
  reconciler plan calls/june.yaml --out june.plan
  reconciler plan --format json --detailed-exitcode
  reconciler plan --format markdown --output comment.md --format sarif --output plan.sarif
  reconciler plan --format html --output plan.html                    # one page for a browser
  reconciler plan --out june.plan --override G006="the launch, agreed with the operator"
  reconciler plan --policy stricter.yaml --now 2026-12-24T18:00:00Z   # try other rules
  reconciler plan --format xlsx --output plan.xlsx                    # a spreadsheet
  reconciler plan --explain
  reconciler plan --watch --open                                      # beside a spreadsheet or an editor
  reconciler plan --base origin/main --state snapshot:snapshot.json   # in a pull request, no secret

\b
Exit codes: 0 done, 1 errors in the files, 2 (with --detailed-exitcode) calls to place, 5 rows are blocked.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """The options of a plan. ``out`` is the file to save it to, ``policy`` a file with other rules."""

    paths: tuple[str, ...]
    out: Path | None
    forms: tuple[str, ...]
    as_json: bool
    outputs: tuple[str, ...]
    report_url: str | None
    full: bool
    detailed_exitcode: bool
    explain: bool
    base: str | None
    policy: Path | None
    no_state: bool
    retry_failed: bool
    overrides: tuple[str, ...]
    now: datetime | None
    state_url: str | None
    reveal: bool
    watch: bool
    open_page: bool


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@click.option("--out", type=FILE, help="Save the plan to a file for apply.")
@form_options
@full_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are calls to place.")
@click.option(
    "--explain", is_flag=True, help="Show where each new value came from (text, JSON, Markdown and HTML)."
)
@click.option("--base", metavar="REF", help="Mark the changes since this commit.")
@click.option(
    "--policy",
    type=FILE,
    metavar="FILE",
    help="Use the policy of this file instead of the project's. Such a plan cannot be saved.",
)
@click.option("--no-state", is_flag=True, help="Plan as if nothing was placed before.")
@retry_option
@override_option
@now_option
@state_option
@reveal_option
@click.option("--watch", is_flag=True, help="Plan again whenever a file is saved, until interrupted.")
@click.option("--open", "open_page", is_flag=True, help="With --watch: open the HTML page in a browser.")
@with_options(PlanOptions)
def plan(app: App, options: PlanOptions) -> int:
    """Compare the plan files with the state, and show what apply would do.

    PATHS are plan files or folders. Default: all plan files of the project. It only reads files and the state, and
    needs no network and no key. --base compares the files with those of a commit (its merge base with HEAD).
    """
    wanted = printouts(options.forms, options.outputs, as_json=options.as_json)
    if options.open_page and not options.watch:
        raise UsageError("--open needs --watch", hint="to write a page once: --format html --output plan.html")
    if options.watch:
        return _watch(app, options, wanted)
    return _plan(app, options, wanted, None)


def _watch(app: App, options: PlanOptions, wanted: list[tuple[str, str]]) -> int:
    """Plan until interrupted. A plan file that has errors for a while does not end it."""
    if options.out is not None or options.now is not None:
        raise UsageError("--watch cannot be combined with --out or --now")
    if any(file == STDOUT and form not in {"text", "html"} for form, file in wanted):
        raise UsageError("--watch prints text", hint="pass --output FILE for another format")
    from reconciler.cli.watching import repeat_on_save, serving  # noqa: PLC0415 - a server, only where it watches

    workspace = Workspace.open(app, options.state_url, snapshot_does=True)
    with serving() if options.open_page or "html" in dict(wanted) else nullcontext() as page:

        def plan_again() -> None:
            try:
                _plan(app, options, [("text", STDOUT), *(item for item in wanted if item[1] != STDOUT)], page)
            except ReconcilerError as error:
                say(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), err=True)

        repeat_on_save(app, workspace, [file for _, file in wanted], page, plan_again, open_page=options.open_page)
    return ExitCode.INTERRUPTED


def _plan(app: App, options: PlanOptions, wanted: list[tuple[str, str]], page: LivePage | None) -> int:
    workspace, signing_key = _open(app, options)
    lifted = read_overrides(options.overrides, workspace.project.policy)
    now = options.now or SystemClock().now()
    request = PlanRequest(options.paths, now, options.retry_failed, options.no_state, options.base, lifted)
    made, sources = load_plan(app, workspace, request)
    excerpts = Excerpts(sources)
    show_problems(app, made.diagnostics, excerpts, reveal=options.reveal)
    view = PlanView(
        reveal=options.reveal,
        full=options.full,
        now=made.created_at,
        excerpts=excerpts,
        origins=find_origins(app, workspace, options.paths, made, sources) if options.explain else None,
        report_url=options.report_url,
        load=find_load_context(workspace, request, made) if page or "html" in dict(wanted) else NOTHING,
    )
    print_plan(app, made, wanted, view)
    if page is not None:
        page.publish(b"".join(pieces(render_form(app, made, "html", view))))
    check_used(lifted, (item.code for item in made.lifted))
    code = verdict(made)
    if code is not ExitCode.DONE and (hint := offer(made, workspace.project.policy)) is not None:
        echo(f"{hint}\n", err=True)
    if dict(wanted).get("text") == STDOUT and page is None and not _is_trial(options, workspace):
        out = [] if options.out is None else [str(options.out)]
        say(f"Next: {next_after_plan(app, made, out or options.paths)}", err=True)
    if code is not ExitCode.DONE:
        return code
    if options.out is not None:
        with collection_paused(), writing_private(app.directory, options.out) as file:
            planfile.write(made, file, signing_key=signing_key)
    to_place = made.count(Action.CREATE)
    return ExitCode.CALLS_TO_PLACE if options.detailed_exitcode and to_place else ExitCode.DONE


def _is_trial(options: PlanOptions, workspace: Workspace) -> bool:
    """Whether an apply would not do what the plan shows."""
    return options.no_state or options.policy is not None or options.base is not None or workspace.snapshot


def _open(app: App, options: PlanOptions) -> tuple[Workspace, str | None]:
    """The project, with the policy to plan by, and the key to sign a saved plan with, if there is one.

    Raises:
        UsageError: a plan with another policy would be saved.
    """
    out, policy = options.out, options.policy
    if policy is not None and out is not None:
        raise UsageError("--out cannot be combined with --policy: a plan with another policy cannot be applied")
    signing_key = None if out is None else plan_key()
    workspace = Workspace.open(app, options.state_url, snapshot_does=True)
    if out is not None:
        check_plan_key(workspace.project.policy)
    return workspace if policy is None else workspace.under(app, policy), signing_key
