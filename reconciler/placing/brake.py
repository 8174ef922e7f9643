"""Whether a run goes on."""

from __future__ import annotations

import asyncio
import contextlib


class Brake:
    """Once it is pulled nothing more is sent. It may be pulled at any time, and the first reason is kept."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._pulled = asyncio.Event()

    def pull(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._pulled.set()

    async def nap(self, seconds: float) -> None:
        """Sleep, but no longer than until it is pulled."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._pulled.wait(), seconds)
