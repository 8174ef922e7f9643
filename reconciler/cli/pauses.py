"""Shared by ``pause`` and ``resume``: the write during a running apply, and the checkpoint after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.cli.checkpoint import carry_end, open_checkpoint
from reconciler.cli.runs import new_run
from reconciler.domain.ledger import EntryKind, read
from reconciler.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.facts import PauseStore
    from reconciler.domain.ports import Run, StateReader


def check_reason(reason: str) -> str:
    """The reason without surrounding spaces. Raises ``UsageError`` if it is empty."""
    if not reason.strip():
        raise UsageError("--reason is empty", hint="enter a reason; apply shows it")
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
    """Write a pause or its end, even while a run holds the lock; returns the exit code.

    Raises:
        Refused: the runs of this state use a checkpoint, and none was given.
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
    """Raise ``Refused`` if the latest apply had a checkpoint."""
    carried = False
    for link in reader.ledger():
        record = read(link.entry)
        if record.kind == EntryKind.BEGAN and record.content.get("command") == "apply":
            carried = record.content.get("checkpoint") is True
    if carried:
        raise Refused(
            f"the latest apply used a checkpoint: a {command} that is written only to this disk would be lost",
            hint="pass --checkpoint CMD, as for apply, or --checkpoint none if this disk has the current state",
        )
