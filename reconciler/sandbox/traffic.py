"""Requests: counted by route and answer, and limited by a token bucket with an injected clock."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.model import JsonObject, JsonValue

_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)/(s|min|h)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """``amount`` requests in ``seconds``; after a pause, as many may come at once."""

    amount: float
    seconds: int = 1

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Parse ``N/s``, ``N/min`` or ``N/h``.

        Raises:
            ValueError: another form, or a rate of zero.
        """
        match = _RATE.fullmatch(text)
        if match is None or float(match[1]) <= 0:
            raise ValueError(f"not a rate: {text!r} (expected N/s, N/min or N/h, N above 0)")
        return cls(float(match[1]), _SECONDS[match[2]])


class Throttle:
    """A token bucket: full at the start, one token for each request, refilled at the rate."""

    def __init__(self, rate: Rate, clock: Callable[[], datetime]) -> None:
        self._rate = rate
        self._clock = clock
        self._capacity = max(1.0, rate.amount)
        self._tokens = self._capacity
        self._seen = clock()

    def take(self) -> int:
        """Take a token. Returns 0 if there was one, else the whole seconds (at least 1) until there is."""
        now = max(self._seen, self._clock())  # a clock that is set back never refills tokens
        refill = (now - self._seen).total_seconds() * self._rate.amount / self._rate.seconds
        self._tokens = min(self._capacity, self._tokens + refill)
        self._seen = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, math.ceil((1 - self._tokens) * self._rate.seconds / self._rate.amount))


class Traffic:
    """Requests by method and path, and by answer: an HTTP status, or dropped, half-answer, stalled.

    A stall is counted once it ends.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, route: str, answered: str) -> None:
        """Count one request; ``route`` is like ``GET /v1/calls/{id}``."""
        self._counts[route, answered] += 1

    def as_json(self) -> JsonObject:
        """``{"total", "too_many", "answered": {status: n}, "requests": {route: {"total", "answered": {…}}}}``."""
        answered: Counter[str] = Counter()
        routes: dict[str, Counter[str]] = {}
        for (route, answer), count in list(self._counts.items()):
            answered[answer] += count
            routes.setdefault(route, Counter())[answer] += count
        requests: dict[str, JsonValue] = {
            route: {"total": counts.total(), "answered": dict(counts)} for route, counts in routes.items()
        }
        return {
            "total": answered.total(),
            "too_many": answered["429"],
            "answered": dict(answered),
            "requests": requests,
        }
