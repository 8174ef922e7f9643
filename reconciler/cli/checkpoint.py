"""``apply --checkpoint CMD``: carrying the state to where it outlives the machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.cli.app import App, say
from reconciler.contactship.origin import API_KEY_VARIABLE
from reconciler.domain.ports import Checkpoint, Phase
from reconciler.errors import CheckpointFailed, ExitCode, UsageError
from reconciler.state.checkpoint import CommandCheckpoint

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace

NONE = "none"
ENV_VARIABLE = "RECONCILER_CHECKPOINT_ENV"


def open_checkpoint(app: App, workspace: Workspace, command: str | None, run_id: str) -> Checkpoint | None:
    """The checkpoint of a run; None where there is no command, or where somebody said that the disk is kept."""
    if command is None or command == NONE:
        return None
    if workspace.file is None:
        hint = "leave it out: a state on a server outlives this machine"
        raise UsageError("--checkpoint carries a state's file, and the state is on a server", hint=hint)
    return CommandCheckpoint(command, workspace.state_path, run_id, app.directory, _named_secrets())


def _named_secrets() -> frozenset[str]:
    """The secrets that the operator hands on to the checkpoint by name: never the key of the service."""
    names = frozenset(name.strip() for name in os.environ.get(ENV_VARIABLE, "").split(","))
    if API_KEY_VARIABLE in names:
        hint = "a checkpoint carries the state's file, which needs no calls"
        raise UsageError(f"{ENV_VARIABLE} names {API_KEY_VARIABLE}, which no program gets", hint=hint)
    return names


def warn_where_disks_are_forgotten(note: Callable[[str], None]) -> None:
    """Hosted runners forget their disk: said where this looks like one."""
    if os.environ.get("CI"):
        note(
            "warning: CI is set, the state is an SQLite file and there is no --checkpoint. Where this disk does "
            "not outlive the job, nothing keeps a call from being placed twice (--checkpoint CMD, or --checkpoint "
            "none where the disk is kept)"
        )


def carry_end(checkpoint: Checkpoint, code: int) -> int:
    """Carry the state once the run has ended; the result is its exit code, or 3 where that failed."""
    try:
        asyncio.run(checkpoint.carry(Phase.ENDED))
    except CheckpointFailed as error:
        say(f"warning: {error.message}", err=True)
        return ExitCode.INCOMPLETE
    return code
