"""How a run reaches the service, and what it asks there besides placing calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from reconciler.bulk.spool import filtered
from reconciler.domain.checkpoint import Checkpoint
from reconciler.domain.clocks import SET_CLOCK, Clock, ServiceClock
from reconciler.domain.events import Emit, Event, EventKind, Tally
from reconciler.domain.facts import Verdict
from reconciler.domain.model import Address
from reconciler.domain.plan import Change
from reconciler.domain.ports import StateStore
from reconciler.domain.service import CallProvider, CallRegister
from reconciler.errors import LookupFailed, Refused
from reconciler.evidence.settle import look_after, preflight, settle
from reconciler.evidence.tagging import TAGS
from reconciler.placing.schedule_check import ScheduleSettings
from reconciler.planning import reasons

T = TypeVar("T")
Whole: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Service:
    """How an apply reaches the outside: the workers' connections (at least one if there is a call to place), the
    directory of calls (None: calls cannot be looked up), the rate in requests a second (None: no limit), and the
    checkpoint of the state (None: its disk outlives the run). ``whole`` receives the progress of all runners, if
    there are several. ``schedule`` are the field names to check before scheduled calls are sent (None: not
    checked). ``clock`` is the service's clock, from its answers.
    """

    providers: Sequence[CallProvider]
    directory: CallRegister | None
    rate: float | None
    note: Callable[[str], None]
    preflight: bool = True
    checkpoint: Checkpoint | None = None
    whole: Whole | None = None
    schedule: ScheduleSettings | None = None
    clock: ServiceClock | None = None


class ServiceQueries:
    """The requests of one run that place nothing, so that they may be cut short.

    ``stopped`` is the reason why nothing more is asked or sent, or None.
    """

    def __init__(self, store: StateStore, run_id: str, clock: Clock, tally: Tally) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._tally = tally
        self._began = clock.now()
        self._asking: asyncio.Task[object] | None = None
        self.stopped: str | None = None

    def stop(self, reason: str) -> None:
        """Ask nothing more. The first reason is kept. Safe to call from a signal handler."""
        self.stopped = self.stopped or reason
        if self._asking is not None:
            self._asking.cancel()

    async def compare_clocks(self, service: Service) -> None:
        """Raise ``Refused`` if this machine's clock and the service's differ by more than a minute."""
        if service.clock is None or service.directory is None or self.stopped:
            return
        try:
            await self.unless_stopped(service.directory.ask_time())
        except LookupFailed as error:
            service.note(f"the service's clock is unknown: {error.message}")
            return
        if not service.clock.is_known:
            service.note("the service's clock is unknown: its responses have no valid Date header")
        if (problem := service.clock.problem(self._clock.now())) is not None:
            raise Refused(problem, hint=SET_CLOCK)

    async def settle(
        self, service: Service, report: Emit, addresses: frozenset[Address] | None
    ) -> frozenset[Address]:
        """Adopt the calls that are certain, of these addresses (None: all); returns which were adopted. If the
        service cannot be queried, nothing changes.
        """
        if service.directory is None or self.stopped:
            return frozenset()
        try:
            asked = settle(self._store, self._run_id, service.directory, self._clock, addresses)
            found = await self.unless_stopped(asked)
        except LookupFailed as error:
            service.note(f"uncertain calls could not be looked up: {error.message}")
            return frozenset()
        for item in found:
            report(Event(EventKind.ADOPTED, item.address, item.call_id, item.evidence))
        return frozenset(item.address for item in found)

    async def preflight(self, orders: Sequence[Change], service: Service, report: Emit) -> Sequence[Change]:
        """The orders that do not exist at the service yet; none if the service cannot be queried."""
        if not orders or not service.preflight or service.directory is None or self.stopped:
            return orders
        try:
            asked = preflight(self._store, self._run_id, service.directory, orders, self._clock.now())
            conflicts = await self.unless_stopped(asked)
        except LookupFailed as error:
            self.stop(f"preflight failed: {error.message}. Nothing was sent (--no-preflight skips the check)")
            return orders
        except Refused as error:
            self.stopped = self._tally.stopped = error.message
            for order in orders:
                report(Event(EventKind.NOT_SENT, order.address, message=error.message))
            raise
        if conflicts:
            self._store.note_conflicts(self._run_id, conflicts, self._clock.now())
        for item in conflicts:
            report(Event(EventKind.CONFLICT, item.address, message=reasons.conflict(item).text))
        held = {item.address for item in conflicts}
        return filtered(orders, lambda order: order.address not in held) if held else orders

    async def look_after(self, service: Service, report: Emit) -> None:
        """Report calls that another copy of this state placed meanwhile; runs after calls were sent."""
        if service.directory is None or self.stopped or not self._tally.sent:
            return
        try:
            asked = look_after(self._store, self._run_id, service.directory, self._began, self._clock.now())
            found = await self.unless_stopped(asked)
        except LookupFailed as error:
            service.note(f"could not check for calls that another copy of this state placed: {error.message}")
            fact = self._store.facts(service.directory.service).get(TAGS)
            self._tally.unchecked = fact is not None and fact.verdict is Verdict.PROVED
            return
        for event in found:
            report(event)

    async def unless_stopped(self, question: Coroutine[object, object, T]) -> T:
        """The answer to a request, unless the run is stopped meanwhile. It does not place calls, so it need not be
        awaited.

        Raises:
            LookupFailed: the request failed, or the run was stopped.
        """
        asking = asyncio.create_task(question)
        self._asking = asking
        try:
            return await asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.stopped is None or (task is not None and task.cancelling()):
                raise
            raise LookupFailed(self.stopped) from None
        finally:
            self._asking = None
