"""The writes of one placement: beside the loop and one at a time, so that answers come in while the disk syncs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.errors import StateError
from reconciler.ports import Intent, Result, StateStore


class Journal:
    """What a run writes of its calls. ``took`` is how many seconds the latest write was under way.

    A write is awaited to its end, also where the run is cut short meanwhile, so that no two threads ever use the
    state. What is to follow (``recorded``, ``intended``) is called once it is durable, and only then; ``recorded``
    is given the results as the state has them.

    Raises:
        StateError: it could not be made durable.
    """

    def __init__(self, store: StateStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self.took = 0.0

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
        start, cut = loop.time(), False
        writing = loop.run_in_executor(None, write)
        while not writing.done():
            try:
                await asyncio.wait([writing])
            except asyncio.CancelledError:
                cut = True
        self.took = loop.time() - start
        writing.result()
        then()
        if cut:
            raise asyncio.CancelledError
