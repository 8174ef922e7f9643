"""Place calls at most once: an intent is durable before its request is sent, an answer before it is reported.

One coordinator owns the state; workers only talk to the service. A turn writes the answers that arrived, and the
intents of the calls that those workers send next, in one transaction. While the disk syncs, the other workers
continue. Intents are written only for calls that a worker is free to send, so a crash leaves no more unknown
outcomes than there are workers. An answer waits as long as a write takes for other answers, so that they are
recorded together and a slow disk syncs less often. If the state's own disk may be lost, a checkpoint saves each
batch's intents elsewhere before the first of them is sent, and its answers before the next batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from reconciler.domain.checkpoint import Checkpoint, Phase
from reconciler.domain.clocks import Clock
from reconciler.domain.events import Emit, Event, EventKind
from reconciler.domain.model import Address, Status
from reconciler.domain.plan import Change
from reconciler.domain.ports import Intent, Result, StateStore
from reconciler.domain.service import CallProvider
from reconciler.domain.times import passed, ring_time
from reconciler.errors import CheckpointFailed, StateError
from reconciler.placing.circuit_breaker import CircuitBreaker
from reconciler.placing.journal import Journal, to_intent
from reconciler.placing.rate_limiter import RateLimiter
from reconciler.placing.send_check import OrderSource, SendCheck, held_back
from reconciler.placing.sending import Sender
from reconciler.placing.worker_pool import WorkerPool
from reconciler.planning import reasons

LONGEST_BATCH_WAIT = 0.05  # seconds that an answer waits at most for others, to be recorded together
UNKNOWNS_IN_A_ROW = 5

_KINDS = {
    Status.PLACED: EventKind.PLACED,
    Status.FAILED: EventKind.FAILED,
    Status.UNCERTAIN: EventKind.UNCERTAIN,
    Status.MISSED: EventKind.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class _Selection:
    """The next orders to send, the orders whose time passed while they waited, and those that a guard holds
    back.
    """

    orders: list[Change] = field(default_factory=list)
    late: list[Intent] = field(default_factory=list)
    blocked: list[Event] = field(default_factory=list)


class Placement:
    """One run over a list of orders. ``providers`` are the workers' connections, one each.

    ``checkpoint`` is None if the state's disk outlives the run. ``send_check`` is asked before a call is sent.
    ``stop`` may be called at any time: nothing more is sent, and calls in flight are finished and recorded.
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
        send_check: SendCheck | None = None,
    ) -> None:
        self._journal = Journal(store, run_id, clock)
        self._clock = clock
        self._emit = emit
        self._checkpoint = checkpoint
        self._send_check = send_check or SendCheck()
        self._breaker = CircuitBreaker()
        self._rate_limiter = RateLimiter(rate, clock.elapsed)
        self._pool = WorkerPool(
            providers, Sender(self._journal, clock, self._send_check, self._rate_limiter, self._breaker)
        )
        self._coming: Iterator[Change] = iter(())
        self._queue: deque[Change] = deque()  # made, not sent
        self._intended: deque[Change] = deque()
        self._pending_events: dict[Address, Event] = {}  # events of unfinished orders, for when the run ends
        self._unknowns = 0

    @property
    def stopped(self) -> str | None:
        """Why nothing more is sent; None if the run continues."""
        return self._breaker.reason

    def stop(self, reason: str) -> None:
        """Send nothing more. The first reason is kept."""
        self._breaker.trip(reason)

    async def place(self, orders: Iterable[Change], supply: OrderSource | None = None) -> None:
        """Place ``orders`` in their order, then those from ``supply``. Every order ends in exactly one event, even
        if the run ends early.

        Raises:
            StateError: an intent or an answer could not be made durable; calls in flight stay unknown.
        """
        self._coming = iter(orders)
        self._take(self._coming, len(self._pool))
        answers: Sequence[Result] = ()
        try:
            while answers or self._pool.busy or (self._left(supply) and not self.stopped):
                if supply and self._pool.idle and not self._queue and not self.stopped:
                    await self._turn(answers, 0)  # first, so that a failing claim loses no answer
                    answers, supply = (), await self._supplied(supply)
                choice = await self._turn(answers, self._room(answers))
                if not self.stopped:
                    self._launch()
                await self._leave_out(choice)
                answers = await self._collect(self._longest_wait(supply))
            await self._withdraw()
        except StateError as error:
            self.stop(error.message)
            await self._finish()
            raise
        finally:
            why = self.stopped or "the run ended early"
            for event in self._pending_events.values():
                self._emit(replace(event, message=event.message or why))
            for order in self._coming:
                self._emit(Event(EventKind.NOT_SENT, order.address, message=why))

    async def _finish(self) -> None:
        """Wait for the calls in flight. Answers that can no longer be recorded are only reported."""
        while self._pool.busy:
            answers = await self._pool.collect(None, 0.0)
            with suppress(StateError):
                await self._turn(answers, 0)

    def _take(self, orders: Iterator[Change], most: int | None = None) -> None:
        """Fill the queue with orders, but not with all of many: each is created when it is read."""
        for order in islice(orders, most):
            self._queue.append(order)
            self._pending_events[order.address] = Event(EventKind.NOT_SENT, order.address)

    def _left(self, supply: OrderSource | None) -> bool:
        return bool(self._queue or self._intended or supply)

    async def _supplied(self, supply: OrderSource) -> OrderSource | None:
        """Take more orders; None if these were the last ones."""
        async with self._journal.alone:
            batch = await supply.take(len(self._pool))
        self._take(iter(batch.orders))
        self._rate_limiter.hold(batch.wait)
        return None if batch.last else supply

    def _room(self, answers: Sequence[Result]) -> int:
        """How many intents may be written now: as many as can be sent at once, or one for each worker if every
        batch has a checkpoint.
        """
        if self.stopped or self._intended:
            return 0
        if self._checkpoint is None:
            return min(self._pool.idle, self._rate_limiter.available())
        return 0 if answers or self._pool.busy else self._pool.idle

    async def _turn(self, answers: Sequence[Result], room: int) -> _Selection:
        """Make answers durable, together with the intents of the next orders."""
        now = self._clock.now()
        if (skewed := self._send_check.skewed(now)) is not None:
            self.stop(skewed)
            room = 0  # and no row is recorded as missed
        choice = self._choose(room, now)
        batch = choice.orders

        def recorded(results: Sequence[Result]) -> None:
            for answer, result in zip(answers, results, strict=True):
                if answer.status is Status.PLACED:
                    self._count_unknowns(result)
                self._report(result)

        def intended() -> None:
            self._pending_events |= {order.address: Event(EventKind.UNCERTAIN, order.address) for order in batch}
            self._intended.extend(batch)

        self._pending_events |= {result.address: unrecorded(result) for result in answers}
        if answers or batch:
            intents = [
                to_intent(order, ring_time(order.scheduled_at, order.required_call.delay_minutes, now))
                for order in batch
            ]
            await self._journal.turn(answers, intents, now, recorded, intended)
        if batch:
            await self._save(Phase.INTENDED)
        elif answers and not self._pool.busy and not self._intended:
            await self._save(Phase.RECORDED)
        return choice

    def _choose(self, room: int, now: datetime) -> _Selection:
        choice = _Selection()
        while self._queue and len(choice.orders) < room:
            order = self._queue.popleft()
            if (since := passed(order.scheduled_at, order.place_by, now)) is not None:
                choice.late.append(to_intent(order, since))
            elif (event := self._send_check.check(order, now)) is not None:
                choice.blocked.append(event)
            else:
                choice.orders.append(order)
        self._take(self._coming, max(0, len(self._pool) - len(self._queue)))
        return choice

    def _launch(self) -> None:
        for _ in range(min(len(self._intended), self._pool.idle, self._rate_limiter.available())):
            self._rate_limiter.take(1)
            self._pool.launch(self._intended.popleft())

    async def _leave_out(self, choice: _Selection) -> None:
        """Finish the orders that are not sent. This comes last, so that its errors lose no answer and no
        intent.
        """

        def recorded() -> None:
            for item in choice.late:
                why = reasons.expired(item.rings_at).text
                self._end(Event(EventKind.EXPIRED, item.address, message=why))

        if choice.blocked:
            async with self._journal.alone:
                for event in choice.blocked:
                    self._end(event)
        if choice.late:
            await self._journal.record_missed(choice.late, self._clock.now(), recorded)

    def _longest_wait(self, supply: OrderSource | None) -> float | None:
        """Seconds until the next request may be sent, if the run waits for that; None if it waits for answers."""
        if self.stopped or not self._pool.idle or not self._left(supply):
            return None
        if self._checkpoint is not None and self._pool.busy and not self._intended:
            return None
        return self._rate_limiter.wait()

    async def _collect(self, longest_wait: float | None) -> Sequence[Result]:
        """The outcomes that workers returned. Too many unknown ones in a row stop the run before the next
        intents.
        """
        if not self._pool.busy:
            await self._breaker.sleep(longest_wait or 0.0)
            return ()
        answers = await self._pool.collect(longest_wait, min(self._journal.took, LONGEST_BATCH_WAIT))
        for result in answers:  # a placed call is counted from what the state recorded
            if result.status is not Status.PLACED and not result.reasons:
                self._count_unknowns(result)
        return answers

    def _count_unknowns(self, result: Result) -> None:
        self._unknowns = self._unknowns + 1 if result.status is Status.UNCERTAIN else 0
        if self._unknowns >= UNKNOWNS_IN_A_ROW:
            self.stop(f"{self._unknowns} calls in a row have an unknown outcome: {result.error}")

    async def _withdraw(self) -> None:
        """Record intents whose requests were never started as not sent."""
        now = self._clock.now()
        left = [Result(item.address, Status.RULED_OUT, now, error=self.stopped) for item in self._intended]
        self._intended.clear()
        await self._turn(left, 0)

    async def _save(self, phase: Phase) -> None:
        """Run the checkpoint; if it fails, nothing more is sent."""
        if self._checkpoint is None:
            return
        try:
            await self._checkpoint.carry(phase)
        except CheckpointFailed as error:
            self.stop(error.message)

    def _report(self, result: Result) -> None:
        if result.reasons:
            self._end(held_back(result.address, result.reasons, result.error))
        else:
            kind = _KINDS.get(result.status, EventKind.NOT_SENT)
            self._end(Event(kind, result.address, result.call_id, result.error))

    def _end(self, event: Event) -> None:
        del self._pending_events[event.address]
        self._emit(event)


def unrecorded(result: Result) -> Event:
    """The event of a call whose outcome is known but could not be recorded: the state still has it as unknown."""
    message = {
        Status.PLACED: f"placed as {result.call_id}, but that could not be recorded",
        Status.RULED_OUT: f"not sent: {result.error}",
    }
    return Event(EventKind.UNCERTAIN, result.address, message=message.get(result.status, result.error))
