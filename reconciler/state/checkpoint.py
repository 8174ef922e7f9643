"""The checkpoint: the operator's own command, which copies the state's file to a place outside of this machine.

It is read only from the command line or the environment, never from a file that a pull request could edit.
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

    Its environment has the state's absolute path, the run's id, the phase, and those of our secrets that
    ``secrets`` names. Its output goes to standard error. It runs in its own session, so that Ctrl-C does not
    interrupt it while the answers of the last requests are saved.
    """

    def __init__(self, command: str, state: Path, run_id: str, directory: Path, secrets: frozenset[str]) -> None:
        self._command = command
        self._directory = directory
        self._environment = programs.environment(secrets) | {STATE_FILE: str(state.resolve()), RUN: run_id}

    async def carry(self, phase: Phase) -> None:
        """Run the command once. Raises ``CheckpointFailed`` if it cannot be run or its exit code is not 0."""
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
            why = _NOT_RUN.get(code, f"exit {code}")
            message = f"the checkpoint after {_MOMENTS[phase]} failed ({why}): {_MEANING[phase]}"
            if phase is Phase.INTENDED and code not in _NOT_RUN:
                message += ". Did another runner save its state first?"
            raise CheckpointFailed(message)


# The shell's own exit codes (POSIX, Shell Command Language, 2.8.2).
_NOT_RUN = {
    126: "exit 126: the command is not executable, try chmod +x",
    127: "exit 127: the command was not found, check --checkpoint and the PATH",
}
_MOMENTS = {
    Phase.INTENDED: "writing intents",
    Phase.RECORDED: "recording answers",
    Phase.ENDED: "the run",
}
_MEANING = {
    Phase.INTENDED: "no request was sent",
    Phase.RECORDED: "nothing more is sent. The state on this disk has the answers",
    Phase.ENDED: "the state on this disk is newer than the saved one",
}
