"""The workers: each has a connection of its own, and one call at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from reconciler.domain.order import Order
from reconciler.domain.ports import CallProvider
from reconciler.placing.sending import Outcome, Sender


class Crew:
    """Who is idle, who is under way with a call, and what they came back with.

    ``providers`` are their connections, one each. A worker is under way until its outcome was collected.
    """

    def __init__(self, providers: Sequence[CallProvider], sender: Sender) -> None:
        self._idle = list(providers)
        self._sender = sender
        self._away: dict[asyncio.Task[Outcome], CallProvider] = {}
        self._back: list[asyncio.Task[Outcome]] = []
        self._news = asyncio.Event()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def away(self) -> int:
        return len(self._away)

    def __len__(self) -> int:
        return len(self._idle) + len(self._away)

    def launch(self, order: Order) -> None:
        """Send it, by whoever is idle."""
        provider = self._idle.pop()
        task = asyncio.create_task(self._sender.send(order, provider))
        self._away[task] = provider
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[Outcome]) -> None:
        self._back.append(task)
        self._news.set()

    async def collect(self, patience: float | None, gathering: float) -> list[Outcome]:
        """Wait ``patience`` seconds (None: as long as it takes) for the first to come back, and then ``gathering``
        seconds for the others.
        """
        await self._wait(1, patience)
        if self._back:
            await self._wait(len(self._away), gathering)
        back, self._back = self._back, []
        self._idle += [self._away.pop(task) for task in back]
        return [task.result() for task in back]

    async def _wait(self, count: int, patience: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while len(self._back) < count:
                    self._news.clear()
                    await self._news.wait()
