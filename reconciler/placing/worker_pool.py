"""The pool of workers: each one has its own connection and sends one call at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from reconciler.domain.plan import Change
from reconciler.domain.ports import Result
from reconciler.domain.service import CallProvider
from reconciler.placing.sending import Sender


class WorkerPool:
    """Tracks which workers are idle, which are sending a call, and the outcomes that were not collected yet.

    ``providers`` are their connections, one each. A worker is busy until its outcome is collected.
    """

    def __init__(self, providers: Sequence[CallProvider], sender: Sender) -> None:
        self._idle = list(providers)
        self._sender = sender
        self._away: dict[asyncio.Task[Result], CallProvider] = {}
        self._back: list[asyncio.Task[Result]] = []
        self._news = asyncio.Event()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def busy(self) -> int:
        return len(self._away)

    def __len__(self) -> int:
        return len(self._idle) + len(self._away)

    def launch(self, order: Change) -> None:
        """Send the order with any idle worker."""
        provider = self._idle.pop()
        task = asyncio.create_task(self._sender.send(order, provider))
        self._away[task] = provider
        task.add_done_callback(self._land)

    def _land(self, task: asyncio.Task[Result]) -> None:
        self._back.append(task)
        self._news.set()

    async def collect(self, patience: float | None, gathering: float) -> list[Result]:
        """Wait up to ``patience`` seconds (None: without limit) for the first outcome, and then ``gathering``
        seconds for others.
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
