"""``reconciler validate``: every problem of every file, without a state."""

from __future__ import annotations

import click

from reconciler.cli.app import App, echo_json, reveal_option
from reconciler.cli.completing import plan_files
from reconciler.cli.showing import count_problems, show_problems
from reconciler.errors import ExitCode
from reconciler.render.words import counted


@click.command(
    epilog="\b\nExamples:\n  reconciler validate\n  reconciler validate calls/june.yaml --json\n",
    short_help="Check plan files and report every problem.",
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", shell_complete=plan_files)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@reveal_option
@click.pass_obj
def validate(app: App, paths: tuple[str, ...], as_json: bool, reveal: bool) -> int:
    """Check plan files and reconciler.yaml, and report every problem with its place.

    Exit 1 where there are errors; warnings alone are exit 0.
    """
    from reconciler.cli.loading import Excerpts, Workspace
    from reconciler.planfile import diagnostic_document

    workspace = Workspace.open(app, None)
    sources = workspace.sources(app, paths)
    found = sources.diagnostics
    valid = all(item.severity != "error" for item in found)
    if as_json:
        diagnostics = [diagnostic_document(item) for item in found]
        document = {"valid": valid, "rows": len(sources.rows), "diagnostics": diagnostics}
        echo_json(document)
    else:
        show_problems(app, found, Excerpts(sources), reveal=reveal, err=False)
        rows, plans = counted(len(sources.rows), "row"), counted(len(sources.plans), "plan")
        click.echo(f"{rows} in {plans}: {count_problems(found)}.")
    return ExitCode.DONE if valid else ExitCode.ERROR
