"""Writes the state for one placement, in a thread and one write at a time, so that answers can arrive
meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.domain.clocks import Clock
from reconciler.domain.model import Address
from reconciler.domain.plan import Change
from reconciler.domain.ports import Intent, Result, StateStore
from reconciler.domain.wire import endpoint
from reconciler.errors import StateError


def to_intent(change: Change, rings_at: datetime) -> Intent:
    """The intent to record for the call of a change."""
    call = change.required_call
    return Intent(change.address, call, change.digest, endpoint(call), rings_at)


class Journal:
    """What a run writes about its calls. ``took`` is the duration of the latest write in seconds.

    A write is always awaited to its end, even if the run ends early, so that two threads never use the state. The
    callbacks (``recorded``, ``intended``) run only after the write is durable; ``recorded`` gets the results as
    the state recorded them. ``alone`` is the lock for the state; any other use of the state must take it too.

    Raises:
        StateError: a write could not be made durable.
    """

    def __init__(self, store: StateStore, run_id: str, clock: Clock) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self.took = 0.0
        self.alone = asyncio.Lock()
        self._asking: asyncio.Task[float] | None = None  # a check that has not started
        self._asked: set[Address] = set()  # the addresses that it covers

    async def prove(self, address: Address) -> float:
        """Check that the state, its lock and this intent still belong to this run. Returns the time of the check
        (by ``Clock.elapsed``). Concurrent callers share one check.

        Raises:
            StateError: they do not, or this cannot be checked.
        """
        if not self.alone.locked():
            now = self._clock.elapsed()
            if self._store.untouched():
                return now
        if self._asking is None:
            self._asked = set()
            self._asking = asyncio.create_task(self._prove(self._asked))
        self._asked.add(address)
        return await asyncio.shield(self._asking)

    async def _prove(self, asked: set[Address]) -> float:
        async with self.alone:
            self._asking, now = None, self._clock.elapsed()
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
        """Write answers and the next intents together; if the intents are refused, write the answers alone."""
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
                intended()  # first: if reporting an answer fails, these are reported as unknown
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
        """Run it to its end; returns whether the run was interrupted meanwhile."""
        cut = False
        using = asyncio.get_running_loop().run_in_executor(None, use)
        while not using.done():
            try:
                await asyncio.wait([using])
            except asyncio.CancelledError:
                cut = True
        using.result()
        return cut
