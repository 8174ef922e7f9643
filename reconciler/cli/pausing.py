"""What ``pause`` and ``resume`` share: the write beside a running apply, and the checkpoint that carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, EnvironmentOption
from reconciler.cli.checkpoint import carry_end, open_checkpoint
from reconciler.cli.runs import new_run
from reconciler.domain.chain import EntryKind, read
from reconciler.errors import ExitCode, Refused, UsageError
from reconciler.system.environment import CHECKPOINT

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.facts import PauseStore
    from reconciler.domain.ports import Run, StateReader

checkpoint_option = click.option(
    "--checkpoint",
    cls=EnvironmentOption,
    envvar=CHECKPOINT,
    metavar="CMD",
    help="Run CMD afterwards, as apply does: it carries the state to where it outlives this machine. "
    "[env: RECONCILER_CHECKPOINT]",
)


def check_reason(reason: str) -> str:
    """The reason without spaces around it. Raises ``UsageError`` where nothing is left."""
    if not reason.strip():
        raise UsageError("--reason is empty", hint="say why: it is shown to whoever applies")
    return reason.strip()


def describe_scope(plan: str | None) -> str:
    return "all plans" if plan is None else f"plan {plan}"


def write_pause(
    app: App,
    workspace: Workspace,
    command: str,
    checkpoint: str | None,
    write: Callable[[PauseStore, Run], None],
) -> int:
    """Write a pause or its end, also while a run holds the lock; the result is the exit code.

    Raises:
        Refused: the runs of this state carry it elsewhere, and no checkpoint was given.
    """
    run = new_run(command)
    carrier = open_checkpoint(app, workspace, checkpoint, run.id)
    if checkpoint is None and workspace.file is not None:
        with workspace.reader() as reader:
            _check_not_carried(reader, command)
    with workspace.place.unlocked(run) as store:
        write(store, run)
    return ExitCode.DONE if carrier is None else carry_end(carrier, ExitCode.DONE)


def _check_not_carried(reader: StateReader, command: str) -> None:
    """Raises ``Refused`` where the latest apply was given a checkpoint."""
    carried = False
    for link in reader.ledger():
        record = read(link.entry)
        if record.kind == EntryKind.BEGAN and record.content.get("command") == "apply":
            carried = record.content.get("checkpoint") is True
    if carried:
        raise Refused(
            f"the latest apply carried the state elsewhere: what {command} writes on this disk alone is lost",
            hint="--checkpoint CMD, as for apply; --checkpoint none where this disk is the one that counts",
        )
