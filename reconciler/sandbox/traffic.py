"""Counts of requests and answers."""

from __future__ import annotations

from collections import Counter

from reconciler.domain.model import JsonObject, JsonValue


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
