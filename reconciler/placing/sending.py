"""Send one call until its outcome is known. Only a request that was certainly not sent is sent again, and each
request is preceded by a fresh check that the state and the call's intent still belong to this run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.domain.clocks import Clock
from reconciler.domain.events import Event
from reconciler.domain.model import Status
from reconciler.domain.plan import Change
from reconciler.domain.ports import Result
from reconciler.domain.service import CallProvider, Receipt
from reconciler.domain.times import passed
from reconciler.errors import NotSent, OutcomeUnknown, Rejected, StateError
from reconciler.placing.circuit_breaker import CircuitBreaker
from reconciler.placing.journal import Journal
from reconciler.placing.rate_limiter import RateLimiter
from reconciler.placing.send_check import SendCheck
from reconciler.planning import reasons

UNSENT_ATTEMPTS = 5
MOST_BACKOFF = 30.0  # seconds
LONGEST_GROWTH = 64.0  # seconds; the service may answer 429 to a call that it placed, so retries must be rare
THROTTLED_FOR = timedelta(minutes=10)
FRESH = 5.0  # seconds that a check is valid; a server needs longer to release the lock of a lost session
PROOFS = 3  # checks in a row that may take too long
_SLOW = f"the state took more than {FRESH:g} s to confirm that this run still owns it. Nothing more is sent."


class _TooLate(Exception):  # noqa: N818 - an outcome, not an error
    """Its time passed while it waited for the rate limit."""


class _OrderHeldBack(Exception):  # noqa: N818 - an outcome, not an error
    """A guard or a pause now holds it back."""

    def __init__(self, event: Event) -> None:
        super().__init__(event.message)
        self.reasons = event.reasons


@dataclass(slots=True)
class _Throttling:
    """How often the service answered 429 to one order, and since when it is being sent."""

    since: datetime
    count: int = 0

    def describe(self, now: datetime) -> str | None:
        """For readers of the ledger: the service may have placed a call that it answered with 429."""
        if not self.count:
            return None
        times = "1 time" if self.count == 1 else f"{self.count} times"
        return f"refused with HTTP 429 {times} in {(now - self.since).total_seconds():.0f} s"


class Sender:
    """Sends orders, each over a given connection. An error that affects every order stops the run."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        send_check: SendCheck,
        rate_limiter: RateLimiter,
        breaker: CircuitBreaker,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._send_check = send_check
        self._rate_limiter = rate_limiter
        self._breaker = breaker

    async def send(self, order: Change, provider: CallProvider) -> Result:
        throttling = _Throttling(self._clock.now())

        def done(status: Status, call_id: str | None = None, error: str | None = None) -> Result:
            now = self._clock.now()
            return Result(order.address, status, now, call_id, error, throttling.describe(now))

        try:
            receipt = await self._until_known(order, provider, throttling)
        except _TooLate as late:
            return done(Status.MISSED, error=str(late))
        except _OrderHeldBack as error:
            return replace(done(Status.RULED_OUT, error=str(error)), reasons=error.reasons)
        except NotSent as error:
            if not error.throttled:
                self._breaker.trip(f"the service cannot be reached: {error.message}")
            elif error.retry_after is not None and error.retry_after > THROTTLED_FOR.total_seconds():
                self._breaker.trip(f"the service asked to wait {error.retry_after:.0f} s: {error.message}")
            return done(Status.RULED_OUT, error=error.message)
        except Rejected as error:
            if error.fatal:
                self._breaker.trip(error.message)
                return done(Status.RULED_OUT, error=error.message)
            return done(Status.FAILED, error=error.message)
        except OutcomeUnknown as error:
            return done(Status.UNCERTAIN, error=error.message)
        return done(Status.PLACED, call_id=receipt.call_id)

    async def _until_known(self, order: Change, provider: CallProvider, throttling: _Throttling) -> Receipt:
        give_up_at = throttling.since + THROTTLED_FOR
        number = 0
        while True:
            number += 1
            try:
                return await self._attempt(order, provider)
            except NotSent as error:
                if error.throttled:
                    throttling.count += 1
                    self._rate_limiter.throttled(error.retry_after)
                    pause = _throttled_pause(error.retry_after, throttling.count)
                    last = self._clock.now() + timedelta(seconds=pause) >= give_up_at
                else:
                    pause, last = _pause(number), number >= UNSENT_ATTEMPTS
                if last or self._breaker.reason is not None:
                    raise
            await self._breaker.sleep(pause)
            self._rate_limiter.take(1)  # a retry uses a token too, so that retries never exceed the rate for long

    async def _attempt(self, order: Change, provider: CallProvider) -> Receipt:
        """Send the order once if it may still be sent. The check is repeated if the machine or the process was
        suspended between the check and the request.
        """
        for _ in range(PROOFS):
            proved_at = await self._proved(order)
            now = self._clock.now()
            if self._breaker.reason is not None:
                raise NotSent(self._breaker.reason)
            if (skewed := self._send_check.skewed(now)) is not None:
                raise self._stopped(skewed)
            if (since := passed(order.scheduled_at, order.place_by, now)) is not None:
                raise _TooLate(reasons.expired(since).text)
            if (event := self._send_check.check(order, now)) is not None:
                raise _OrderHeldBack(event)
            if self._clock.elapsed() - proved_at <= FRESH:
                return await provider.place(order.required_request)
        raise self._stopped(_SLOW)

    async def _proved(self, order: Change) -> float:
        try:
            return await self._journal.prove(order.address)
        except StateError as error:
            raise self._stopped(error.message) from error

    def _stopped(self, reason: str) -> NotSent:
        """Stop the run; the caller raises the result for the order that was not sent."""
        self._breaker.trip(reason)
        return NotSent(reason)


def _pause(number: int) -> float:
    """Seconds before the next try of a request that was not sent: exponential with full jitter."""
    return random.uniform(0, min(MOST_BACKOFF, 0.125 * 2 ** min(number, 8)))  # noqa: S311 - no secret


def _throttled_pause(retry_after: float | None, count: int) -> float:
    """Seconds before the next try after a 429: at least 1, 2, 4 and so on, and at least what the service asked
    for. A random addition of up to the same length spreads the workers' retries.
    """
    growing = min(LONGEST_GROWTH, 2.0 ** min(count - 1, 6))
    return max(retry_after or 0.0, growing) + random.uniform(0, growing)  # noqa: S311 - no secret
