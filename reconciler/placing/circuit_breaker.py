"""Stops a run when nothing more may be sent."""

from __future__ import annotations

import asyncio
import contextlib


class CircuitBreaker:
    """Once it is open, nothing more is sent. It may be opened at any time, and the first reason is kept."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._opened = asyncio.Event()

    def trip(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._opened.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep, but wake up at once when the circuit opens."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._opened.wait(), seconds)
