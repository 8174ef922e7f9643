"""Limits the request rate: one token bucket for all workers, which slows down when the service throttles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_BURST_SECONDS = 0.1  # seconds of unused rate that may be sent at once
_CUT = 0.92  # factor on the rate after the service throttled
_RETURN = 1.2  # growth for each second without throttling, far from the rate that was throttled
_PROBE = 1.01  # growth close to it
_LONGEST_GROWTH = 60.0  # seconds that count at once: the power would overflow after a suspension of an hour
_PATIENCE = 12.0  # seconds without throttling after which the last throttled rate is forgotten
_SLOWEST = 0.1  # requests a second
_FASTEST = 1_000_000.0  # requests a second; as good as no limit
_WINDOW = 1.0  # seconds over which the real rate is measured; it is cut once in this time


class RateLimiter:
    """Allows up to ``rate`` requests a second (None: no limit until the service throttles).

    ``clock`` returns monotonic seconds.
    """

    def __init__(self, rate: float | None, clock: Callable[[], float]) -> None:
        self._ceiling = rate
        self._rate = rate
        self._clock = clock
        self._tokens = 1.0
        self._seen = clock()
        self._paused_until = self._seen
        self._cut_at = float("-inf")
        self._limit = float("inf")  # the rate at which the service throttled last
        self._taken: deque[float] = deque()

    @property
    def rate(self) -> float | None:
        """The current rate in requests a second; None: no limit."""
        return self._rate

    def available(self) -> int:
        """How many requests may be sent now."""
        now = self._clock()
        elapsed, self._seen = now - self._seen, now
        if now < self._paused_until:
            return 0
        if self._rate is None:
            return int(_FASTEST)
        self._grow(now, elapsed)
        burst = max(1.0, self._rate * _BURST_SECONDS)
        self._tokens = min(burst, self._tokens + elapsed * self._rate)
        return max(0, int(self._tokens + 1e-9))

    def _grow(self, now: float, elapsed: float) -> None:
        if self._rate is None or now - self._cut_at < _WINDOW:
            return
        far = self._rate < _CUT * self._limit or now - self._cut_at > _PATIENCE
        growth = _RETURN if far else _PROBE
        grown: float = self._rate * growth ** min(elapsed, _LONGEST_GROWTH)
        self._rate = min(grown, self._ceiling or _FASTEST)

    def take(self, count: int) -> None:
        """Use ``count`` tokens. The balance may become negative, because a retry does not wait for a token."""
        now = self._clock()
        self._taken.extend([now] * count)
        while self._taken and self._taken[0] <= now - _WINDOW:
            self._taken.popleft()
        if self._rate is not None:
            self._tokens -= count

    def hold(self, seconds: float) -> None:
        """Allow no request for this many seconds."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def throttled(self, retry_after: float | None) -> None:
        """Handle a 429 from the service: all workers wait ``retry_after`` seconds and then continue more slowly.

        Answers to requests of the same moment count once.
        """
        now = self._clock()
        self.hold(retry_after or 0.0)
        if now - self._cut_at < _WINDOW:
            return
        self._cut_at = now
        measured = float(max(1, len(self._taken))) / _WINDOW
        self._limit = min(self._rate or measured, measured)
        self._rate = max(_SLOWEST, _CUT * self._limit)
        self._tokens = 0.0

    def wait(self) -> float:
        """Seconds until the next token; 0 if there is one now."""
        if self.available():
            return 0.0
        pause = max(0.0, self._paused_until - self._seen)
        missing = 0.0 if self._rate is None else max(0.0, (1.0 - self._tokens) / self._rate)
        return max(pause, missing, 0.001)
