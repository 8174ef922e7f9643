"""``reconciler show``: a saved plan, read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.bulk import collector
from reconciler.cli.app import App, reveal_option
from reconciler.cli.showing import form_options, full_option, print_plan, printouts
from reconciler.domain.plan import Plan
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import ExitCode, ReconcilerError, Refused, UsageError
from reconciler.savedplan.planreader import read
from reconciler.source.settings.project import find_project, load_project
from reconciler.system.environment import PLAN_KEY, variable
from reconciler.system.failures import next_step, told
from reconciler.system.files import open_named

if TYPE_CHECKING:
    from reconciler.domain.policy import Policy

MIN_KEY_LENGTH = 32  # characters; 128 bits where they are hexadecimal digits


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
    project, _, _ = load_project(find_project(app.directory))
    plan = replace(read_plan(app, planfile), public_metadata=project.policy.public_metadata)
    print_plan(app, plan, wanted, reveal=reveal, full=full)
    return ExitCode.DONE


def read_plan(app: App, path: Path, *, signed: bool = True) -> Plan:
    """The saved plan at ``path``. ``signed``: its signature is checked where the environment has the key.

    Raises:
        ReconcilerError: it cannot be read.
        Refused: it is no plan, was changed, or is not signed with the key.
        UsageError: the key is too short.
    """
    signing_key = plan_key() if signed else None
    try:
        with open_named(app.directory / path, pipe=True) as file, collector.paused():
            return read(file, signing_key=signing_key)
    except OSError as error:
        raise ReconcilerError(f"cannot read {path}: {told(error)}", hint=next_step(error)) from error


def plan_key() -> str | None:
    """What saved plans are signed with, where the environment has it.

    Raises:
        UsageError: it is empty, or short enough to be guessed by whoever has one signed plan.
    """
    key = variable(PLAN_KEY)
    if key is not None and len(key) < MIN_KEY_LENGTH:
        message = f"{PLAN_KEY} has {len(key)} characters; at least {MIN_KEY_LENGTH} are needed"
        raise UsageError(message, hint="make one: openssl rand -hex 32")
    return key


def check_plan_key(policy: Policy) -> None:
    """Refuse to write or to act on a saved plan whose signature the project requires and nobody can check.

    Raises:
        Refused: ``policy.signed_plans`` is ``required``, and the environment has no key.
        UsageError: the key is too short.
    """
    if policy.signed_plans and plan_key() is None:
        message = f"this project requires signed plans, and {PLAN_KEY} is not set"
        hint = f"set {PLAN_KEY} to the key of the reviewed plans (policy.signed_plans in {PROJECT_FILE})"
        raise Refused(message, hint=hint)
