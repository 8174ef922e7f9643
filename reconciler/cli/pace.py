"""The progress of an apply: the outcomes so far, the rate, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from reconciler.domain.events import Event, EventKind, Tally

_ADVANCING = frozenset({EventKind.PLACED, EventKind.FAILED, EventKind.UNCERTAIN, EventKind.NOT_SENT})
_SETTLED = 1.0  # seconds before the rate is shown


class Pace:
    """Counts events. ``total`` is the number of calls to place, ``clock`` returns monotonic seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.done = 0
        self._clock = clock
        self._started = clock()
        self._tally = Tally()

    def add(self, event: Event) -> bool:
        """Count an event; returns whether one more of the calls to place has ended."""
        self._tally.add(event)
        advanced = event.kind in _ADVANCING
        self.done += advanced
        return advanced

    def describe(self) -> str:
        """``31 placed, 1 failed; 4.9/s, 55 s left``; parts that are unknown are omitted."""
        counts = {name: count for name, count in self._tally.summary().items() if count}
        outcomes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        return "; ".join(part for part in (outcomes, self._speed()) if part)

    def _speed(self) -> str:
        elapsed = self._clock() - self._started
        if elapsed < _SETTLED or not self.done:
            return ""
        rate = self.done / elapsed
        speed = f"{rate:.1f}/s" if rate >= 0.1 else f"{rate * 60:.1f}/min"
        left = self.total - self.done
        return f"{speed}, {_span(left / rate)} left" if left > 0 else speed


def _span(seconds: float) -> str:
    """``55 s``, ``4:05 min``, ``1:02:10 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    whole = str(timedelta(seconds=round(seconds)))
    return f"{whole.removeprefix('0:').lstrip('0')} min" if whole.startswith("0:") else f"{whole} h"
