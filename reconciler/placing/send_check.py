"""A call to place, and whether it may still be sent at a given moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.domain.clocks import ServiceClock
from reconciler.domain.events import Event, EventKind
from reconciler.domain.facts import Pause
from reconciler.domain.model import Address
from reconciler.domain.plan import Change
from reconciler.domain.policy import Policy
from reconciler.domain.times import format_utc
from reconciler.planning.guarding import candidate, objections_now

PAUSED = "paused"
"""The reason code of a row that is not sent because its plan is paused."""


def held_back(address: Address, reasons: tuple[str, ...], message: str | None) -> Event:
    """The event of a call that must not be sent now. ``reasons`` are the codes of guards, or ``PAUSED``."""
    kind = EventKind.NOT_SENT if PAUSED in reasons else EventKind.BLOCKED
    return Event(kind, address, message=message, reasons=reasons)


def find_pause(plan: str, pauses: Iterable[Pause]) -> Pause | None:
    """The pause in force for a plan; None if there is none."""
    return next((pause for pause in pauses if pause.plan in {None, plan}), None)


def describe_pause(pause: Pause) -> str:
    """What is paused, by whom, and why."""
    subject = "all plans are paused" if pause.plan is None else f"plan {pause.plan} is paused"
    since = format_utc(pause.at)
    return f"{subject} by {pause.actor} on {pause.host} since {since}: {pause.reason}"


def resume_command(pause: Pause) -> str:
    """The command that ends this pause."""
    return "reconciler resume" if pause.plan is None else f"reconciler resume --plan {pause.plan}"


@dataclass(frozen=True, slots=True)
class SendCheck:
    """The last checks before a call is sent. ``clock`` is the plan's, if it is ahead of the real one.

    ``pauses`` returns the pauses as of the latest check of the state.
    """

    policy: Policy = field(default_factory=Policy)
    clock: datetime | None = None
    pauses: Callable[[], Sequence[Pause]] = tuple
    service_clock: ServiceClock | None = None

    def skewed(self, now: datetime) -> str | None:
        """Why nothing may be sent when the clock shows ``now``; None if it agrees with the service's clock."""
        return None if self.service_clock is None else self.service_clock.problem(now)

    def check(self, order: Change, now: datetime) -> Event | None:
        """The event of an order that must not be sent at ``now``; None if it may be sent."""
        if (event := self.pause(order)) is not None:
            return event
        moment = now if self.clock is None else max(now, self.clock)
        call = candidate(
            order.address, order.required_call, order.scheduled_at, moment, called=order.called_timezone
        )
        objections = objections_now(call, moment, self.policy)
        return None if objections is None else held_back(order.address, *objections)

    def pause(self, order: Change) -> Event | None:
        """The event of an order whose plan is paused; None if it is not."""
        pause = find_pause(order.address.plan, self.pauses())
        return None if pause is None else held_back(order.address, (PAUSED,), describe_pause(pause))


@dataclass(frozen=True, slots=True)
class Batch:
    """New orders, the seconds until the next one may be sent, and whether these were the last."""

    orders: Sequence[Change] = ()
    wait: float = 0.0
    last: bool = False


class OrderSource(Protocol):
    """A source that yields orders in batches, because other runners take some of them."""

    async def take(self, count: int) -> Batch:
        """Up to ``count`` orders that no other runner has."""
        ...
