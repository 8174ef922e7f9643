"""What one placement asks of the state: beside the loop and one at a time, so that answers come in meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.domain.clocks import elapsed
from reconciler.domain.model import Address
from reconciler.domain.ports import Intent, Result, StateStore
from reconciler.errors import StateError


class Journal:
    """What a run writes of its calls. ``took`` is how many seconds the latest write was under way.

    A write is awaited to its end, also where the run is cut short meanwhile, so that no two threads ever use the
    state. What is to follow (``recorded``, ``intended``) is called once it is durable, and only then; ``recorded``
    is given the results as the state has them. ``alone`` is held while the state is in use; whoever else uses the
    state meanwhile takes it too.

    Raises:
        StateError: it could not be made durable.
    """

    def __init__(self, store: StateStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self.took = 0.0
        self.alone = asyncio.Lock()
        self._asking: asyncio.Task[float] | None = None  # a proof that has not begun
        self._asked: set[Address] = set()  # what it is asked for

    async def prove(self, address: Address) -> float:
        """The state, its lock and this intent are still this run's, at the moment (by ``elapsed``)
        that is returned.
        Who asks at the same time shares one question.

        Raises:
            StateError: they are not, or nobody can tell.
        """
        if not self.alone.locked():
            now = elapsed()
            if self._store.untouched():
                return now
        if self._asking is None:
            self._asked = set()
            self._asking = asyncio.create_task(self._prove(self._asked))
        self._asked.add(address)
        return await asyncio.shield(self._asking)

    async def _prove(self, asked: set[Address]) -> float:
        async with self.alone:
            self._asking, now = None, elapsed()
            if not self._store.untouched():
                await self._in_thread(lambda: self._store.prove(self._run_id, asked))
        return now

    async def turn(
        self,
        results: Sequence[Result],
        intents: Sequence[Intent],
        at: datetime,
        recorded: Callable[[Sequence[Result]], None],
        intended: Callable[[], None],
    ) -> None:
        """Answers and the intents that follow them, at once; answers alone where that is refused."""
        refused: list[StateError] = []
        as_recorded: list[Result] = []

        def write() -> None:
            try:
                as_recorded.extend(self._store.turn(self._run_id, results, intents, at))
            except StateError as error:
                if not results or not intents:
                    raise
                as_recorded.extend(self._store.record(self._run_id, results))
                refused.append(error)

        def then() -> None:
            if not refused:
                intended()  # first: should telling the answers fail, these are to be told as unknown
            recorded(as_recorded)

        await self._write(write, then)
        if refused:
            raise refused[0]

    async def record_missed(self, missed: Sequence[Intent], at: datetime, recorded: Callable[[], None]) -> None:
        await self._write(lambda: self._store.record_missed(self._run_id, missed, at), recorded)

    async def _write(self, write: Callable[[], None], then: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        async with self.alone:
            start = loop.time()
            cut = await self._in_thread(write)
            self.took = loop.time() - start
            then()
        if cut:
            raise asyncio.CancelledError

    async def _in_thread(self, use: Callable[[], None]) -> bool:
        """Do it to its end; whether the run was cut short meanwhile."""
        cut = False
        using = asyncio.get_running_loop().run_in_executor(None, use)
        while not using.done():
            try:
                await asyncio.wait([using])
            except asyncio.CancelledError:
                cut = True
        using.result()
        return cut
