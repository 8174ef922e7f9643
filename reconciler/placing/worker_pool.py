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
        self._sending: dict[asyncio.Task[Result], CallProvider] = {}
        self._finished: list[asyncio.Task[Result]] = []
        self._changed = asyncio.Event()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def busy(self) -> int:
        return len(self._sending)

    def __len__(self) -> int:
        return len(self._idle) + len(self._sending)

    def launch(self, order: Change) -> None:
        """Send the order with any idle worker."""
        provider = self._idle.pop()
        task = asyncio.create_task(self._sender.send(order, provider))
        self._sending[task] = provider
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[Result]) -> None:
        self._finished.append(task)
        self._changed.set()

    async def collect(self, longest_wait: float | None, batch_wait: float) -> list[Result]:
        """Wait up to ``longest_wait`` seconds (None: without limit) for the first outcome, and then ``batch_wait``
        seconds for others.
        """
        await self._wait(1, longest_wait)
        if self._finished:
            await self._wait(len(self._sending), batch_wait)
        finished, self._finished = self._finished, []
        self._idle += [self._sending.pop(task) for task in finished]
        return [task.result() for task in finished]

    async def _wait(self, count: int, longest_wait: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_wait):
                while len(self._finished) < count:
                    self._changed.clear()
                    await self._changed.wait()
