"""How fast requests may leave: a token bucket over the loop's clock."""

from __future__ import annotations

from collections.abc import Callable


class Pacer:
    """Grants up to ``rate`` requests a second (None: no limit), one second's worth at once at most.

    ``clock`` gives monotonic seconds.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._burst = max(1.0, rate or 0.0)
        self._tokens = 1.0
        self._seen = clock()

    def available(self) -> int:
        """How many requests may leave now."""
        if self._rate is None:
            return 1_000_000
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        return int(self._tokens + 1e-9)

    def take(self, count: int) -> None:
        """Use ``count`` grants; below zero they are owed (a retry does not wait for a grant of its own)."""
        if self._rate is not None:
            self._tokens -= count

    def wait(self) -> float:
        """Seconds until the next grant, 0 where there is one now."""
        if self._rate is None or self.available():
            return 0.0
        return max(0.0, (1.0 - self._tokens) / self._rate)
