"""Placing calls at most once: intents durable before a request leaves, answers durable before they are told.

One coordinator owns the state; workers only talk to the service. A turn writes the answers that came, and the
intents of what those workers send next, in one transaction: while the disk syncs, the other workers are under way.
Only what a worker is free to send is intended, so that a crash leaves no more unknowns than there are workers. An
answer waits for others for as long as a write takes, so that they are recorded together and a slow disk is asked
less often. Where the state's own disk may be lost, a checkpoint carries each batch's intents elsewhere before the
first of them is sent, and its answers before the next batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from reconciler.domain.events import Emit, Event, EventKind
from reconciler.domain.model import Address, Status
from reconciler.domain.order import Order
from reconciler.domain.ports import CallProvider, Checkpoint, Clock, Intent, Phase, Result, StateStore
from reconciler.errors import CheckpointFailed, StateError
from reconciler.placing.brake import Brake
from reconciler.placing.crew import Crew
from reconciler.placing.journal import Journal
from reconciler.placing.orders import Gate, Held, Supply
from reconciler.placing.pacing import Pacer
from reconciler.placing.sending import Outcome, Sender
from reconciler.planning import explain

MOST_GATHERING = 0.05  # seconds that an answer waits for others at most, to be recorded with them
UNKNOWNS_IN_A_ROW = 5

_KINDS = {
    Status.PLACED: EventKind.PLACED,
    Status.FAILED: EventKind.FAILED,
    Status.UNCERTAIN: EventKind.UNCERTAIN,
    Status.MISSED: EventKind.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class _Choice:
    """The next orders to send; with them what came too late while it waited, and what a guard holds back."""

    orders: list[Order] = field(default_factory=list)
    late: list[Intent] = field(default_factory=list)
    blocked: list[Event] = field(default_factory=list)


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
        self._clock = clock
        self._emit = emit
        self._checkpoint = checkpoint
        self._gate = gate or Gate()
        self._brake = Brake()
        self._pacer = Pacer(rate, time.monotonic)
        self._crew = Crew(providers, Sender(self._journal, clock, self._gate, self._pacer, self._brake))
        self._coming: Iterator[Order] = iter(())
        self._queue: deque[Order] = deque()  # those at hand
        self._intended: deque[Order] = deque()
        self._untold: dict[Address, Event] = {}  # what is told of orders that have not ended, should the run end
        self._unknowns = 0

    @property
    def stopped(self) -> str | None:
        """Why nothing more is sent, where that is so."""
        return self._brake.reason

    def stop(self, reason: str) -> None:
        """Send nothing more. The first reason is kept."""
        self._brake.pull(reason)

    async def place(self, orders: Iterable[Order], supply: Supply | None = None) -> None:
        """Place them in their order, and what ``supply`` gives after them. Every order ends in exactly one event,
        also where the run is cut short.

        Raises:
            StateError: an intent or an answer could not be made durable; what is in flight stays unknown.
        """
        self._coming = iter(orders)
        self._take(self._coming, len(self._crew))
        back: Sequence[Outcome] = ()
        try:
            while back or self._crew.away or (self._left(supply) and not self.stopped):
                if supply and self._crew.idle and not self._queue and not self.stopped:
                    await self._turn(back, 0)  # first: a claim that fails must lose no answer
                    back, supply = (), await self._supplied(supply)
                choice = await self._turn(back, self._room(back))
                if not self.stopped:
                    self._launch()
                await self._leave_out(choice)
                back = await self._collect(self._patience(supply))
            await self._withdraw()
        except StateError as error:
            self.stop(error.message)
            await self._finish()
            raise
        finally:
            why = self.stopped or "the run was cut short"
            for event in self._untold.values():
                self._emit(replace(event, message=event.message or why))
            for order in self._coming:
                self._emit(Event(EventKind.NOT_SENT, order.address, message=why))

    async def _finish(self) -> None:
        """See what is in flight to its end. What cannot be recorded any more is told."""
        while self._crew.away:
            back = await self._crew.collect(None, 0.0)
            with suppress(StateError):
                await self._turn(back, 0)

    def _take(self, orders: Iterator[Order], most: int | None = None) -> None:
        """Have orders at hand; of many not all, since each is made when it is asked for."""
        for order in islice(orders, most):
            self._queue.append(order)
            self._untold[order.address] = Event(EventKind.NOT_SENT, order.address)

    def _left(self, supply: Supply | None) -> bool:
        return bool(self._queue or self._intended or supply)

    async def _supplied(self, supply: Supply) -> Supply | None:
        """Take more orders; None where these were the last."""
        async with self._journal.alone:
            batch = await supply.take(len(self._crew))
        self._take(iter(batch.orders))
        self._pacer.hold(batch.wait)
        return None if batch.last else supply

    def _room(self, back: Sequence[Outcome]) -> int:
        """How many may be intended now: as many as can leave at once, or as many as there are workers where each
        batch has its checkpoint.
        """
        if self.stopped or self._intended:
            return 0
        if self._checkpoint is None:
            return min(self._crew.idle, self._pacer.available())
        return 0 if back or self._crew.away else self._crew.idle

    async def _turn(self, back: Sequence[Outcome], room: int) -> _Choice:
        """Make answers durable, and the intents of the next orders with them."""
        now = self._clock.now()
        if (skewed := self._gate.skewed(now)) is not None:
            self.stop(skewed)
            room = 0  # nor is any row recorded as missed
        choice = self._choose(room, now)
        batch = choice.orders

        def recorded(results: Sequence[Result]) -> None:
            for outcome, result in zip(back, results, strict=True):
                if outcome.result.status is Status.PLACED:
                    self._count_unknowns(result)
                self._tell(Outcome(result, outcome.held))

        def intended() -> None:
            self._untold |= {order.address: Event(EventKind.UNCERTAIN, order.address) for order in batch}
            self._intended.extend(batch)

        self._untold |= {item.result.address: unrecorded(item.result) for item in back}
        if back or batch:
            results, intents = [item.result for item in back], [order.intent(now) for order in batch]
            await self._journal.turn(results, intents, now, recorded, intended)
        if batch:
            await self._carry(Phase.INTENDED)
        elif back and not self._crew.away and not self._intended:
            await self._carry(Phase.RECORDED)
        return choice

    def _choose(self, room: int, now: datetime) -> _Choice:
        choice = _Choice()
        while self._queue and len(choice.orders) < room:
            order = self._queue.popleft()
            if (missed := order.missed(now)) is not None:
                choice.late.append(missed)
            elif (held := self._gate.holds(order, now)) is not None:
                choice.blocked.append(held_back(order.address, held))
            else:
                choice.orders.append(order)
        self._take(self._coming, max(0, len(self._crew) - len(self._queue)))
        return choice

    def _launch(self) -> None:
        for _ in range(min(len(self._intended), self._crew.idle, self._pacer.available())):
            self._pacer.take(1)
            self._crew.launch(self._intended.popleft())

    async def _leave_out(self, choice: _Choice) -> None:
        """End what is not sent: only now, since what goes wrong with it must lose no answer and no intent."""

        def recorded() -> None:
            for item in choice.late:
                why = explain.message(explain.expired(item.rings_at))
                self._end(Event(EventKind.EXPIRED, item.address, message=why))

        if choice.blocked:
            async with self._journal.alone:
                for event in choice.blocked:
                    self._end(event)
        if choice.late:
            await self._journal.record_missed(choice.late, self._clock.now(), recorded)

    def _patience(self, supply: Supply | None) -> float | None:
        """Seconds until the next may leave, where that is what is waited for; None where it is answers."""
        if self.stopped or not self._crew.idle or not self._left(supply):
            return None
        if self._checkpoint is not None and self._crew.away and not self._intended:
            return None
        return self._pacer.wait()

    async def _collect(self, patience: float | None) -> Sequence[Outcome]:
        """What workers came back with. Too many unknowns in a row stop the run before more is intended."""
        if not self._crew.away:
            await self._brake.nap(patience or 0.0)
            return ()
        back = await self._crew.collect(patience, min(self._journal.took, MOST_GATHERING))
        for result in (item.result for item in back if item.held is None):
            if result.status is not Status.PLACED:  # of which the state has the last word
                self._count_unknowns(result)
        return back

    def _count_unknowns(self, result: Result) -> None:
        self._unknowns = self._unknowns + 1 if result.status is Status.UNCERTAIN else 0
        if self._unknowns >= UNKNOWNS_IN_A_ROW:
            self.stop(f"{self._unknowns} outcomes in a row are unknown: {result.error}")

    async def _withdraw(self) -> None:
        """Intents that were never launched are known not to have been sent."""
        now = self._clock.now()
        left = [Result(item.address, Status.RULED_OUT, now, error=self.stopped) for item in self._intended]
        self._intended.clear()
        await self._turn([Outcome(result) for result in left], 0)

    async def _carry(self, phase: Phase) -> None:
        """Pass the checkpoint; where it fails, nothing more is sent."""
        if self._checkpoint is None:
            return
        try:
            await self._checkpoint.carry(phase)
        except CheckpointFailed as error:
            self.stop(error.message)

    def _tell(self, outcome: Outcome) -> None:
        result = outcome.result
        if outcome.held is not None:
            self._end(held_back(result.address, outcome.held))
        else:
            kind = _KINDS.get(result.status, EventKind.NOT_SENT)
            self._end(Event(kind, result.address, result.call_id, result.error))

    def _end(self, event: Event) -> None:
        del self._untold[event.address]
        self._emit(event)


def unrecorded(result: Result) -> Event:
    """What is told of a call whose end is known and could not be recorded: the state still says that it is not."""
    message = {
        Status.PLACED: f"placed as {result.call_id}, but that could not be recorded",
        Status.RULED_OUT: f"not sent: {result.error}",
    }
    return Event(EventKind.UNCERTAIN, result.address, message=message.get(result.status, result.error))


def held_back(address: Address, held: Held) -> Event:
    """What is told of a call that a guard, or a pause, holds back."""
    return Event(
        EventKind.NOT_SENT if held.paused else EventKind.BLOCKED, address, message=held.message, reasons=held.codes
    )
