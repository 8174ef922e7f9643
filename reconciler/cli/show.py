"""``reconciler show``: a saved plan, read back."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import click

from reconciler import collector
from reconciler.cli.app import App, reveal_option
from reconciler.cli.showing import form_options, full_option, print_plan, printouts
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.plan import Plan
from reconciler.system import next_step, told


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
    full: bool,
    reveal: bool,
) -> int:
    """Show a saved plan. Exit 5 where its bytes are not what plan wrote."""
    wanted = printouts(forms, outputs, as_json=as_json)
    print_plan(app, read_plan(app, planfile), wanted, reveal=reveal, full=full)
    return ExitCode.DONE


def read_plan(app: App, path: Path, *, signed: bool = True) -> Plan:
    """The saved plan at ``path``. ``signed``: its signature is checked where the environment has the key.

    Raises:
        ReconcilerError: it cannot be read.
        Refused: it is no plan, or was changed.
    """
    from reconciler.planreader import read

    signing_key = plan_key() if signed else None
    try:
        with (app.directory / path).open("rb") as file, collector.paused():
            return read(file if file.seekable() else BytesIO(file.read()), signing_key=signing_key)
    except OSError as error:
        raise ReconcilerError(f"cannot read {path}: {told(error)}", hint=next_step(error)) from error


def plan_key() -> str | None:
    """What saved plans are signed with, where the environment has it."""
    return os.environ.get("RECONCILER_PLAN_KEY") or None
