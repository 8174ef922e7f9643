"""A checkpoint is the operator's own command: it carries the state's file to where it outlives this machine.

It is given on the command line or in the environment only, never in a file that a pull request could edit.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from reconciler.domain.checkpoint import Phase
from reconciler.errors import CheckpointFailed
from reconciler.system import programs

STATE_FILE = "RECONCILER_STATE_FILE"
RUN = "RECONCILER_RUN"
PHASE = "RECONCILER_PHASE"


class CommandCheckpoint:
    """Runs ``command`` with the shell, in the folder ``directory``.

    It finds the state's absolute path, the run's id and the phase in its environment, and those of our secrets
    that ``secrets`` names. What it prints goes to the error stream. It runs in a session of its own: after Ctrl-C
    what is in flight is finished, and that includes carrying the answers.
    """

    def __init__(self, command: str, state: Path, run_id: str, directory: Path, secrets: frozenset[str]) -> None:
        self._command = command
        self._directory = directory
        self._environment = programs.environment(secrets) | {STATE_FILE: str(state.resolve()), RUN: run_id}

    async def carry(self, phase: Phase) -> None:
        """Run it once. Raises ``CheckpointFailed`` where it cannot be run or does not exit with 0."""
        try:
            process = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                cwd=self._directory,
                env=self._environment | {PHASE: phase.value},
                start_new_session=True,
            )
        except OSError as error:
            raise CheckpointFailed(f"the checkpoint cannot be run: {error.strerror}") from error
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
        if code != 0:
            raise CheckpointFailed(f"the checkpoint after {_WORDS[phase]} failed (exit {code}): {_MEANING[phase]}")


_WORDS = {
    Phase.INTENDED: "writing intents",
    Phase.RECORDED: "recording answers",
    Phase.ENDED: "the run",
}
_MEANING = {
    Phase.INTENDED: "none of them was sent. Did another runner carry its state first?",
    Phase.RECORDED: "nothing more is sent. The state on this disk holds the answers",
    Phase.ENDED: "the state on this disk is newer than the one that was carried",
}
