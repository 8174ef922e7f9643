"""``apply --checkpoint CMD``: save the state to a place that outlives the machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.cli.output import say
from reconciler.contactship.origin import API_KEY_VARIABLE
from reconciler.domain.checkpoint import Checkpoint, Phase
from reconciler.errors import CheckpointFailed, ExitCode, UsageError
from reconciler.state.checkpoint import CommandCheckpoint

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace

NONE = "none"
ENV_VARIABLE = "RECONCILER_CHECKPOINT_ENV"


def open_checkpoint(app: App, workspace: Workspace, command: str | None, run_id: str) -> Checkpoint | None:
    """The checkpoint of a run; None without a command, or with ``none``, which declares that the disk is kept."""
    if command is None or command == NONE:
        return None
    if workspace.file is None:
        hint = "omit it: a state on a server outlives this machine"
        raise UsageError("--checkpoint needs a state in a file, but the state is on a server", hint=hint)
    return CommandCheckpoint(command, workspace.state_path, run_id, app.directory, _named_secrets())


def _named_secrets() -> frozenset[str]:
    """The secrets that the operator passes to the checkpoint by name, never the key of the service."""
    names = frozenset(name.strip() for name in os.environ.get(ENV_VARIABLE, "").split(","))
    if API_KEY_VARIABLE in names:
        hint = "remove it: a checkpoint copies the state's file and does not need the API key"
        raise UsageError(f"{ENV_VARIABLE} names {API_KEY_VARIABLE}, which is never passed to a program", hint=hint)
    return names


def warn_about_temporary_disk(note: Callable[[str], None]) -> None:
    """Warn if this looks like a hosted runner, which loses its disk after the job."""
    if os.environ.get("CI"):
        note(
            "warning: CI is set, the state is an SQLite file and there is no --checkpoint. If this disk does "
            "not outlive the job, calls may be placed twice. Pass --checkpoint CMD, or --checkpoint "
            "none if the disk is kept"
        )


def carry_end(checkpoint: Checkpoint, code: int) -> int:
    """Run the checkpoint after the run has ended; returns the run's exit code, or 3 if the checkpoint failed."""
    try:
        asyncio.run(checkpoint.carry(Phase.ENDED))
    except CheckpointFailed as error:
        say(f"warning: {error.message}", "hint: keep a copy of it: reconciler state backup FILE", err=True)
        return ExitCode.INCOMPLETE
    return code
