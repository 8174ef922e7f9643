"""Read saved plans, and find the key that signs them."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from reconciler.bulk.garbage import collection_paused
from reconciler.cli.app import App
from reconciler.domain.plan import Plan
from reconciler.domain.settings import PROJECT_FILE
from reconciler.errors import ReconcilerError, Refused, UsageError
from reconciler.savedplan.planreader import read
from reconciler.source.files import SHEETS, SUFFIXES, near_plan_file
from reconciler.source.settings.project import find_project, load_project
from reconciler.system.environment import PLAN_KEY, variable
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import open_named

if TYPE_CHECKING:
    from reconciler.domain.policy import Policy

MIN_KEY_LENGTH = 32  # characters; 128 bits if they are hexadecimal digits


def read_plan(app: App, path: Path, *, signed: bool = True) -> Plan:
    """The saved plan at ``path``. ``signed``: its signature is checked if the environment has the key.

    Raises:
        ReconcilerError: it cannot be read.
        Refused: it is not a plan, was changed, or is not signed with the key.
        UsageError: the key is too short.
    """
    signing_key = plan_key() if signed else None
    _check_suffix(path)
    try:
        with open_named(app.directory / path, pipe=True) as file, collection_paused():
            return read(file, signing_key=signing_key)
    except OSError as error:
        hint = next_step(error)
        if isinstance(error, FileNotFoundError):
            project, _, _ = load_project(find_project(app.directory))
            hint = near_plan_file(project, app.directory / path) or hint
        raise ReconcilerError(f"cannot read {path}: {error_message(error)}", hint=hint) from error


def _check_suffix(path: Path) -> None:
    """Raise ``Refused`` for a plan file or a sheet, with the command for it."""
    if path.suffix.lower() in SUFFIXES:
        hint = f"run: reconciler plan {quote(str(path))}"
        raise Refused(f"{path} is a plan file, not a saved plan", hint=hint)
    if path.suffix.lower() in SHEETS:
        hint = f"to write a plan file for it, run: reconciler import-sheet {quote(str(path))}"
        raise Refused(f"{path} is a sheet, not a saved plan", hint=hint)


def plan_key() -> str | None:
    """The key that signs saved plans, if the environment has it.

    Raises:
        UsageError: it is empty, or so short that it could be guessed from one signed plan.
    """
    key = variable(PLAN_KEY)
    if key is not None and len(key) < MIN_KEY_LENGTH:
        message = f"{PLAN_KEY} has {len(key)} characters, but needs at least {MIN_KEY_LENGTH}"
        raise UsageError(message, hint="create a key: openssl rand -hex 32")
    return key


def check_plan_key(policy: Policy) -> None:
    """Refuse to write or use a saved plan if the project requires a signature and there is no key to check it.

    Raises:
        Refused: ``policy.signed_plans`` is ``required``, and the environment has no key.
        UsageError: the key is too short.
    """
    if policy.signed_plans and plan_key() is None:
        message = f"this project requires signed plans, but {PLAN_KEY} is not set"
        hint = f"set {PLAN_KEY} to the key of the reviewed plans (policy.signed_plans in {PROJECT_FILE})"
        raise Refused(message, hint=hint)
