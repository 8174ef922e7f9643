"""A machine that runs a command: its clocks, and the moment at which it crashes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

START_PHASE = "start"
MOST_SKEW = 61.5  # seconds: a minute, and the second that a Date header leaves out


class Crash(BaseException):
    """The machine lost its power, or the process was killed. What is not on the disk is lost."""


class Machine:
    """One run of a command on a machine, as a ``Clock``.

    ``ahead`` is how far its time of day is ahead of the true one, in seconds. ``at_step`` are things that happen
    at its steps, by the phase and the number of the step in it. Each input and each output is a step, because
    nobody can see anything between two.
    """

    def __init__(self, name: str, elapsed: Callable[[], float], start: datetime, ahead: float) -> None:
        self.name = name
        self.dead = False
        self.ahead = ahead
        self.steps: Counter[str] = Counter()
        self.phase = START_PHASE
        self.tasks: list[asyncio.Task[Any]] = []
        self.at_step: dict[tuple[str, int], Callable[[], None]] = {}
        self.sleep = 0.0  # seconds, at the next wait
        self.wrong_since: float | None = elapsed() if abs(ahead) > MOST_SKEW else None
        self._elapsed = elapsed
        self._start = start

    def set_clock(self, ahead: float) -> None:
        """Set the time of day."""
        self.ahead = ahead
        wrong = abs(ahead) > MOST_SKEW
        self.wrong_since = (self.wrong_since or self._elapsed()) if wrong else None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed() + self.ahead)

    def elapsed(self) -> float:
        return self._elapsed()

    def step(self) -> None:
        """An input or an output. Raises ``Crash`` if the machine ends here, or has ended."""
        self.check_alive()
        number = self.steps[self.phase]
        self.steps[self.phase] += 1
        happens = self.at_step.pop((self.phase, number), None)
        if happens is not None:
            happens()
            self.check_alive()

    def check_alive(self) -> None:
        if self.dead:
            raise Crash

    def crash(self) -> None:
        """End the machine. Its tasks are cancelled, and nothing that they still do has an effect."""
        self.dead = True
        for task in self.tasks:
            if not task.done():
                task.cancel()

    def delayed(self, delay: float) -> float:
        """A wait in seconds; longer if the machine is suspended meanwhile."""
        more, self.sleep = self.sleep, 0.0
        return delay + more
