"""``reconciler validate``: report every problem of every file, without a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.options import json_option, reveal_option
from reconciler.cli.output import echo_json, say
from reconciler.cli.plan_output import count_problems, show_problems
from reconciler.cli.workspace import Workspace
from reconciler.domain.diagnostics import by_place, has_errors
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import ExitCode
from reconciler.planning.guarding import guard_rows
from reconciler.quantities import format_count
from reconciler.render.labels import skipped_line
from reconciler.savedplan.planfile import diagnostic_document

if TYPE_CHECKING:
    pass


@click.command(
    epilog="\b\nExamples:\n  reconciler validate\n  reconciler validate calls/june.yaml --json\n",
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@json_option
@reveal_option
@click.pass_obj
def validate(app: App, paths: tuple[str, ...], as_json: bool, reveal: bool) -> int:
    """Check plan files and reconciler.yaml, and report every problem with its location.

    Also runs the guards that need no state. Exit 1 if there are errors, 5 if only guards object, and 0 if there
    are only warnings.
    """
    workspace = Workspace.open(app, None)
    now = SystemClock().now()
    people, problems = workspace.people(now)
    sources = workspace.sources(app, paths, people=people)
    files = (*sources.diagnostics, *problems)
    broken = has_errors(files)
    objections = guard_rows(sources.rows, workspace.project.policy, people, now) if workspace.trusted else ()
    found = by_place((*files, *objections))
    valid = not has_errors(found)
    if as_json:
        diagnostics = [diagnostic_document(item) for item in found]
        document = {"valid": valid, "rows": len(sources.rows), "diagnostics": diagnostics}
        echo_json(document)
    else:
        show_problems(app, found, Excerpts(sources), reveal=reveal, err=False)
        rows, plans = format_count(len(sources.rows), "row"), format_count(len(sources.plans), "plan")
        checked = f"{rows} in {plans}" if workspace.trusted else f"{PROJECT_FILE} has errors, correct them first"
        say(f"{checked}: {count_problems(found)}.")
        for skipped in sources.skipped:
            say(skipped_line(skipped, str))
    if broken:
        return ExitCode.ERROR
    return ExitCode.DONE if valid else ExitCode.REFUSED
