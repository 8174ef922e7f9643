"""One call to place, and whether it may still be sent at a given moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.engine.guarding import candidate, objections_now
from reconciler.model import Address, Call, Request
from reconciler.policy import Policy
from reconciler.ports import Intent
from reconciler.times import passed, ring_time


@dataclass(frozen=True, slots=True)
class Order:
    """One call to place: a change of an approved plan, checked again under the lock."""

    address: Address
    call: Call
    digest: str
    request: Request
    scheduled_at: datetime | None
    place_by: datetime | None = None
    called_timezone: str | None = None

    def intent(self, now: datetime) -> Intent:
        """What is made durable before the request leaves at ``now``."""
        return self._intent(ring_time(self.scheduled_at, self.call.delay_minutes, now))

    def missed(self, now: datetime) -> Intent | None:
        """What is recorded instead where its time has passed while it waited; None where it may be sent."""
        since = passed(self.scheduled_at, self.place_by, now)
        return None if since is None else self._intent(since)

    def _intent(self, rings_at: datetime) -> Intent:
        return Intent(self.address, self.call, self.digest, self.request.endpoint, rings_at)


@dataclass(frozen=True, slots=True)
class Held:
    """What guards say against sending a call now: their codes, and why."""

    codes: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The last question before a call is sent. ``clock`` is the plan's, where it is ahead of the real one."""

    policy: Policy = field(default_factory=Policy)
    clock: datetime | None = None

    def holds(self, order: Order, now: datetime) -> Held | None:
        """What guards say against sending ``order`` at ``now``; None where it may be sent."""
        moment = now if self.clock is None else max(now, self.clock)
        asked = candidate(order.address, order.call, order.scheduled_at, moment, called=order.called_timezone)
        found = objections_now(asked, moment, self.policy)
        return Held(*found) if found is not None else None


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders that came, in how many seconds the next may leave, and whether they were the last."""

    orders: Sequence[Order] = ()
    wait: float = 0.0
    last: bool = False


class Supply(Protocol):
    """Where orders come from bit by bit, because other runners take some of them."""

    async def take(self, count: int) -> Batch:
        """Up to ``count`` orders that nobody else has."""
        ...
