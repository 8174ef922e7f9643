"""``reconciler show``: show a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.app import App
from reconciler.cli.options import full_option, reveal_option
from reconciler.cli.plan_output import PlanView, form_options, print_plan, printouts
from reconciler.cli.planner import with_display_settings
from reconciler.cli.saved_plans import read_plan
from reconciler.errors import ExitCode
from reconciler.source.settings.project import find_project, load_project


@click.command(epilog="\b\nExamples:\n  reconciler show june.plan\n  reconciler show june.plan --json --reveal\n")
@click.argument("planfile", type=click.Path(path_type=Path))
@form_options
@full_option
@reveal_option
@click.pass_obj
def show(
    app: App,
    planfile: Path,
    forms: tuple[str, ...],
    as_json: bool,
    outputs: tuple[str, ...],
    report_url: str | None,
    full: bool,
    reveal: bool,
) -> int:
    """Show a saved plan. Exit 5 if the file was changed after plan wrote it."""
    wanted = printouts(forms, outputs, as_json=as_json)
    project, _, _ = load_project(find_project(app.directory))
    plan = with_display_settings(read_plan(app, planfile), project)
    print_plan(app, plan, wanted, PlanView(reveal=reveal, full=full, report_url=report_url))
    return ExitCode.DONE
