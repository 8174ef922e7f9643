"""Sending one call until something is known: only what was proven not sent is sent again, and nothing leaves
without a fresh proof that the state and the call's intent in it are still this run's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.clocks import elapsed
from reconciler.engine import explain
from reconciler.engine.brake import Brake
from reconciler.engine.journal import Journal
from reconciler.engine.orders import Gate, Held, Order
from reconciler.engine.pacing import Pacer
from reconciler.errors import NotSent, OutcomeUnknown, Rejected, StateError
from reconciler.model import Status
from reconciler.ports import CallProvider, Clock, Receipt, Result

UNSENT_ATTEMPTS = 5
MOST_BACKOFF = 30.0  # seconds
LONGEST_GROWTH = 64.0  # seconds: each try phones a person, should the service refuse with 429 what it took
THROTTLED_FOR = timedelta(minutes=10)
FRESH = 5.0  # seconds that a proof holds for: less than a server takes to give the lock of a lost session away
PROOFS = 3  # in a row that may come too late
_SLOW = f"the state takes more than {FRESH:g} s to answer whether it is still this run's. Nothing more is sent."


class _TooLate(Exception):  # noqa: N818 - what became of it, not an error
    """Its time passed while it waited for the service's leave."""


class _HeldBack(Exception):  # noqa: N818 - what became of it, not an error
    """A guard objects to it by now."""

    def __init__(self, held: Held) -> None:
        super().__init__(held.message)
        self.held = held


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be recorded of an order that was to be sent; ``held`` where a guard had the last word."""

    result: Result
    held: Held | None = None


@dataclass(slots=True)
class _Throttling:
    """How often the service refused one order with 429, and since when it is tried."""

    since: datetime
    count: int = 0

    def describe(self, now: datetime) -> str | None:
        """For whoever reads the ledger: the service may have taken what it refused."""
        if not self.count:
            return None
        times = "1 time" if self.count == 1 else f"{self.count} times"
        return f"refused with HTTP 429 {times} in {(now - self.since).total_seconds():.0f} s"


class Sender:
    """Sends orders, each over a connection it is given. What none of them would survive pulls the brake."""

    def __init__(self, journal: Journal, clock: Clock, gate: Gate, pacer: Pacer, brake: Brake) -> None:
        self._journal = journal
        self._clock = clock
        self._gate = gate
        self._pacer = pacer
        self._brake = brake

    async def send(self, order: Order, provider: CallProvider) -> Outcome:
        throttling = _Throttling(self._clock.now())

        def done(status: Status, call_id: str | None = None, error: str | None = None) -> Outcome:
            now = self._clock.now()
            return Outcome(Result(order.address, status, now, call_id, error, throttling.describe(now)))

        try:
            receipt = await self._until_known(order, provider, throttling)
        except _TooLate as late:
            return done(Status.MISSED, error=str(late))
        except _HeldBack as back:
            return Outcome(done(Status.RULED_OUT, error=str(back)).result, back.held)
        except NotSent as error:
            if not error.throttled:
                self._brake.pull(f"the service cannot be reached: {error.message}")
            elif error.retry_after is not None and error.retry_after > THROTTLED_FOR.total_seconds():
                self._brake.pull(f"the service asks to wait {error.retry_after:.0f} s: {error.message}")
            return done(Status.RULED_OUT, error=error.message)
        except Rejected as error:
            if error.fatal:
                self._brake.pull(error.message)
                return done(Status.RULED_OUT, error=error.message)
            return done(Status.FAILED, error=error.message)
        except OutcomeUnknown as error:
            return done(Status.UNCERTAIN, error=error.message)
        return done(Status.PLACED, call_id=receipt.call_id)

    async def _until_known(self, order: Order, provider: CallProvider, throttling: _Throttling) -> Receipt:
        give_up_at = throttling.since + THROTTLED_FOR
        number = 0
        while True:
            number += 1
            try:
                return await self._attempt(order, provider)
            except NotSent as error:
                if error.throttled:
                    throttling.count += 1
                    self._pacer.throttled(error.retry_after)
                    pause = _throttled_pause(error.retry_after, throttling.count)
                    last = self._clock.now() + timedelta(seconds=pause) >= give_up_at
                else:
                    pause, last = _pause(number), number >= UNSENT_ATTEMPTS
                if last or self._brake.reason is not None:
                    raise
            await self._brake.nap(pause)
            self._pacer.take(1)  # a retry uses a grant too, so that retries never exceed the rate for long

    async def _attempt(self, order: Order, provider: CallProvider) -> Receipt:
        """Send it once, where it may still be sent: that is asked again where the machine or the process was
        suspended between the answer and the request.
        """
        for _ in range(PROOFS):
            proved_at = await self._proved(order)
            now = self._clock.now()
            if self._brake.reason is not None:
                raise NotSent(self._brake.reason)
            if (skewed := self._gate.skewed(now)) is not None:
                raise self._stopped(skewed)
            if (missed := order.missed(now)) is not None:
                raise _TooLate(explain.message(explain.expired(missed.rings_at)))
            if (held := self._gate.holds(order, now)) is not None:
                raise _HeldBack(held)
            if elapsed() - proved_at <= FRESH:
                return await provider.place(order.request)
        raise self._stopped(_SLOW)

    async def _proved(self, order: Order) -> float:
        try:
            return await self._journal.prove(order.address)
        except StateError as error:
            raise self._stopped(error.message) from error

    def _stopped(self, reason: str) -> NotSent:
        """Stop the run; the result is raised for the order that was not sent."""
        self._brake.pull(reason)
        return NotSent(reason)


def _pause(number: int) -> float:
    """Seconds before the next try of what never left: exponential with full jitter."""
    return random.uniform(0, min(MOST_BACKOFF, 0.125 * 2 ** min(number, 8)))  # noqa: S311 - no secret


def _throttled_pause(retry_after: float | None, count: int) -> float:
    """Seconds before the next try after a 429: at least 1, 2, 4 and so on, and what the service asked for. Up to
    as much again keeps the workers from trying all at once.
    """
    growing = min(LONGEST_GROWTH, 2.0 ** min(count - 1, 6))
    return max(retry_after or 0.0, growing) + random.uniform(0, growing)  # noqa: S311 - no secret
