"""Placing calls at most once: intents durable before a request leaves, answers durable before they are told.

One coordinator owns the state; workers only talk to the service. Nothing is written while a request of the
same batch is between the two, and a batch is never larger than the requests in flight, so that a crash leaves
no more unknowns than there were requests under way. An answer waits for others for as long as a write takes, so
that they are recorded together and a slow disk is asked less often. Where the state's own disk may be lost, a
checkpoint carries each batch's intents elsewhere before the first of them is sent, and its answers before the
next batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from reconciler.engine import explain
from reconciler.engine.events import Emit, Event, Kind
from reconciler.engine.journal import Journal
from reconciler.engine.orders import Gate, Held, Order, Supply
from reconciler.engine.pacing import Pacer
from reconciler.errors import CheckpointFailed, NotSent, OutcomeUnknown, Rejected
from reconciler.model import Address, Status
from reconciler.ports import CallProvider, Checkpoint, Clock, Intent, Phase, Receipt, Result, StateStore

UNSENT_ATTEMPTS = 5
MOST_BACKOFF = 30.0  # seconds
MOST_GATHERING = 0.05  # seconds that an answer waits for others at most, to be recorded with them
THROTTLED_FOR = timedelta(minutes=10)
UNKNOWNS_IN_A_ROW = 5

_KINDS = {
    Status.PLACED: Kind.PLACED,
    Status.FAILED: Kind.FAILED,
    Status.UNCERTAIN: Kind.UNCERTAIN,
    Status.MISSED: Kind.EXPIRED,
}


class _TooLate(Exception):  # noqa: N818 - what became of it, not an error
    """Its time passed while it waited for the service's leave."""


class _HeldBack(Exception):  # noqa: N818 - what became of it, not an error
    """A guard objects to it by now."""


class Placement:
    """One run over a list of orders. ``providers`` are the workers' connections, one each.

    ``checkpoint`` is None where the state's disk outlives the run. ``gate`` is asked right before a call is sent.
    ``stop`` may be called at any time: nothing more is sent, what is in flight is finished and recorded.
    """

    def __init__(
        self,
        store: StateStore,
        run_id: str,
        providers: Sequence[CallProvider],
        clock: Clock,
        emit: Emit,
        rate: float | None,
        checkpoint: Checkpoint | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._journal = Journal(store, run_id)
        self._idle = list(providers)
        self._clock = clock
        self._emit = emit
        self._rate = rate
        self._checkpoint = checkpoint
        self._gate = gate or Gate()
        self._held: dict[Address, Held] = {}
        self._intended: deque[Order] = deque()
        self._flying: dict[asyncio.Task[Result], CallProvider] = {}
        self._untold: dict[Address, Kind] = {}  # what is told of each order that has not ended, should the run end
        self._unknowns = 0
        self._stopping = asyncio.Event()
        self.stopped: str | None = None

    def stop(self, reason: str) -> None:
        """Send nothing more. The first reason is kept."""
        self.stopped = self.stopped or reason
        self._stopping.set()

    async def place(self, orders: Iterable[Order], supply: Supply | None = None) -> None:
        """Place them in their order, and what ``supply`` gives after them. Every order ends in exactly one event,
        also where the run is cut short.

        Raises:
            StateError: an intent or an answer could not be made durable; what is in flight stays unknown.
        """
        queue = deque(orders)
        self._untold = {order.address: Kind.NOT_SENT for order in queue}
        pacer = Pacer(self._rate, asyncio.get_running_loop().time)
        try:
            while ((queue or self._intended or supply) and not self.stopped) or self._flying:
                if supply and self._idle and not queue and not self.stopped:
                    supply = await self._supplied(supply, queue, pacer)
                if not self.stopped:
                    await self._intend(queue, pacer)
                if not self.stopped:
                    self._launch(pacer)
                waiting = self._idle and (queue or self._intended or supply) and not self.stopped
                await self._settle(pacer if waiting else None)
            await self._withdraw()
        finally:
            for address, kind in self._untold.items():
                self._emit(Event(kind, address, message=self.stopped or "the run was cut short"))

    async def _supplied(self, supply: Supply, queue: deque[Order], pacer: Pacer) -> Supply | None:
        """Take more orders; None where these were the last."""
        batch = await supply.take(len(self._idle) + len(self._flying))
        queue.extend(batch.orders)
        self._untold |= {order.address: Kind.NOT_SENT for order in batch.orders}
        pacer.hold(batch.wait)
        return None if batch.last else supply

    async def _intend(self, queue: deque[Order], pacer: Pacer) -> None:
        """Make the next batch of intents durable: as many as can leave now, or as many as can be in flight where
        each batch has its checkpoint.
        """
        size = min(len(queue), len(self._idle))
        if self._checkpoint is None:
            size = min(size, pacer.available())
        elif self._flying:
            return
        if self._intended or size < 1:
            return
        now = self._clock.now()
        batch = await self._in_time(queue, size, now)
        if not batch:
            return

        def intended() -> None:
            self._untold |= {item.address: Kind.UNCERTAIN for item in batch}
            self._intended.extend(batch)

        await self._journal.intend([item.intent(now) for item in batch], now, intended)
        await self._carry(Phase.INTENDED)

    def _launch(self, pacer: Pacer) -> None:
        for _ in range(min(len(self._intended), len(self._idle), pacer.available())):
            item = self._intended.popleft()
            pacer.take(1)
            provider = self._idle.pop()
            task = asyncio.create_task(self._work(item, provider, pacer))
            self._flying[task] = provider

    async def _in_time(self, queue: deque[Order], size: int, now: datetime) -> list[Order]:
        """The next ``size`` orders that may be sent; what came too late while it waited is recorded as missed."""
        batch: list[Order] = []
        late: list[Intent] = []
        while queue and len(batch) < size:
            item = queue.popleft()
            if (missed := item.missed(now)) is not None:
                late.append(missed)
            elif (held := self._gate.holds(item, now)) is not None:
                self._end(blocked(item.address, held))
            else:
                batch.append(item)

        def expired() -> None:
            for missed in late:
                self._end(
                    Event(Kind.EXPIRED, missed.address, message=explain.message(explain.expired(missed.rings_at)))
                )

        if late:
            await self._journal.record_missed(late, now, expired)
        return batch

    async def _settle(self, pacer: Pacer | None) -> None:
        """Wait for answers, or for the next grant of ``pacer``, and record all that came."""
        timeout = pacer.wait() if pacer is not None else None
        if self._flying:
            done, _ = await asyncio.wait(self._flying, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if done:
                await asyncio.wait(self._flying, timeout=min(self._journal.took, MOST_GATHERING))
        elif timeout is not None:
            await self._nap(timeout)
        await self._record([self._land(task) for task in list(self._flying) if task.done()])

    async def _record(self, results: Sequence[Result]) -> None:
        if not results:
            return

        def recorded() -> None:
            for result in results:
                self._tell(result)

        await self._journal.record(results, recorded)
        if not self._flying and not self._intended:
            await self._carry(Phase.RECORDED)

    async def _withdraw(self) -> None:
        """Intents that were never launched are known not to have been sent."""
        left = [self._intended.popleft() for _ in range(len(self._intended))]
        now = self._clock.now()
        await self._record([Result(item.address, Status.RULED_OUT, now, error=self.stopped) for item in left])

    async def _carry(self, phase: Phase) -> None:
        """Pass the checkpoint; where it fails, nothing more is sent."""
        if self._checkpoint is None:
            return
        try:
            await self._checkpoint.carry(phase)
        except CheckpointFailed as error:
            self.stop(error.message)

    def _land(self, task: asyncio.Task[Result]) -> Result:
        self._idle.append(self._flying.pop(task))
        return task.result()

    def _tell(self, result: Result) -> None:
        if (held := self._held.get(result.address)) is not None:
            self._end(blocked(result.address, held))
            return
        kind = _KINDS.get(result.status, Kind.NOT_SENT)
        self._unknowns = self._unknowns + 1 if kind is Kind.UNCERTAIN else 0
        if self._unknowns >= UNKNOWNS_IN_A_ROW:
            self.stop(f"{self._unknowns} outcomes in a row are unknown: {result.error}")
        self._end(Event(kind, result.address, result.call_id, result.error))

    def _end(self, event: Event) -> None:
        del self._untold[event.address]
        self._emit(event)

    async def _work(self, item: Order, provider: CallProvider, pacer: Pacer) -> Result:
        def done(status: Status, call_id: str | None = None, error: str | None = None) -> Result:
            return Result(item.address, status, self._clock.now(), call_id, error)

        try:
            receipt = await self._send(item, provider, pacer)
        except _TooLate as late:
            return done(Status.MISSED, error=str(late))
        except _HeldBack as held:
            return done(Status.RULED_OUT, error=str(held))
        except NotSent as error:
            if error.throttled and self.stopped is None:
                if (error.retry_after or 0) > THROTTLED_FOR.total_seconds():
                    self.stop(f"the service asks to wait {error.retry_after:.0f} s: {error.message}")
                return done(Status.FAILED, error=error.message)
            self.stop(f"the service cannot be reached: {error.message}")
            return done(Status.RULED_OUT, error=error.message)
        except Rejected as error:
            if error.fatal:
                self.stop(error.message)
                return done(Status.RULED_OUT, error=error.message)
            return done(Status.FAILED, error=error.message)
        except OutcomeUnknown as error:
            return done(Status.UNCERTAIN, error=error.message)
        return done(Status.PLACED, call_id=receipt.call_id)

    async def _send(self, item: Order, provider: CallProvider, pacer: Pacer) -> Receipt:
        """Send until something is known: only what was proven not sent is sent again."""
        give_up_at = self._clock.now() + THROTTLED_FOR
        number = 0
        while True:
            number += 1
            try:
                return await self._attempt(item, provider)
            except NotSent as error:
                if error.throttled:
                    pacer.throttled(error.retry_after)
                pause = _pause(error, number)
                late = self._clock.now() + timedelta(seconds=pause) >= give_up_at
                if self.stopped is not None or (late if error.throttled else number >= UNSENT_ATTEMPTS):
                    raise
            await self._nap(pause)
            pacer.take(1)  # a retry uses a grant too, so that retries never exceed the rate for long

    async def _attempt(self, item: Order, provider: CallProvider) -> Receipt:
        """Send it once, where it may still be sent."""
        now = self._clock.now()
        if self.stopped is not None:
            raise NotSent(self.stopped)
        if (missed := item.missed(now)) is not None:
            raise _TooLate(explain.message(explain.expired(missed.rings_at)))
        if (held := self._gate.holds(item, now)) is not None:
            self._held[item.address] = held
            raise _HeldBack(held.message)
        return await provider.place(item.request)

    async def _nap(self, seconds: float) -> None:
        """Sleep, but no longer than until a stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def blocked(address: Address, held: Held) -> Event:
    """What is told of a call that a guard holds back."""
    return Event(Kind.BLOCKED, address, message=held.message, reasons=held.codes)


def _pause(error: NotSent, number: int) -> float:
    """Seconds before the next try: exponential with full jitter, and no less than the service asked for."""
    return max(error.retry_after or 0.0, random.uniform(0, min(MOST_BACKOFF, 0.125 * 2 ** min(number, 8))))  # noqa: S311 - no secret
