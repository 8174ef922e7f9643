"""The protocol of a checkpoint: a place that outlives the machine, with a copy of the state."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """What the state contains at a checkpoint: intents to be sent, their answers, or the end of the run."""

    INTENDED = "intended"
    RECORDED = "recorded"
    ENDED = "ended"


class Checkpoint(Protocol):
    """Copies the state to a place that outlives this machine."""

    async def carry(self, phase: Phase) -> None:
        """Return once the state is stored elsewhere.

        Raises:
            CheckpointFailed: it is not, or another run's state is newer. Nothing may be sent.
        """
        ...
