"""Stops a run when nothing more may be sent."""

from __future__ import annotations

import asyncio
import contextlib


class CircuitBreaker:
    """Once it is open, nothing more is sent. It may be opened at any time, and the first reason is kept."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._pulled = asyncio.Event()

    def trip(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._pulled.set()

    async def nap(self, seconds: float) -> None:
        """Sleep, but wake up at once when the circuit opens."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pulled.wait(), seconds)
