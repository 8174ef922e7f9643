"""Apply an approved plan: settle, check again, look before, place, and look after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from msgspec import structs

from reconciler.bulk.spool import filtered
from reconciler.domain.clocks import Clock
from reconciler.domain.events import Emit, Event, EventKind, Tally
from reconciler.domain.facts import unresolved
from reconciler.domain.model import Address, Entry
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.ports import StateStore
from reconciler.errors import ExitCode, Refused
from reconciler.evidence.conflicts import FileRows, end_conflicts
from reconciler.placing.apply import Placement
from reconciler.placing.calls_to_stop import note_to_stop
from reconciler.placing.recheck import RecheckResult, recheck
from reconciler.placing.schedule_check import ScheduleCheck
from reconciler.placing.send_check import OrderSource, SendCheck, resume_command
from reconciler.placing.service import Service, ServiceQueries
from reconciler.planning.context import Context

T = TypeVar("T")
Whole: TypeAlias = Callable[[int, int], None]


class Apply:
    """One apply of an approved plan, under the state's lock.

    ``clock`` is the journal's, always the real one; ``context`` has the plan's clock and settings. ``tally``
    counts the events and is correct even if the run ends early. ``stale`` are the rows that differ from the
    approved ones. ``files`` are all current rows of the files, None if a saved plan is applied.
    """

    def __init__(
        self,
        plan: Plan,
        store: StateStore,
        run_id: str,
        context: Context,
        clock: Clock,
        tally: Tally,
        stale: Sequence[Event] = (),
        files: FileRows | None = None,
    ) -> None:
        self._plan = plan
        self._store = store
        self._run_id = run_id
        self._context = context
        self._clock = clock
        self.tally = tally
        self._stale = stale
        self._files = files
        self._gone = store.renames() if store.serial != plan.serial else {}
        self._latest: tuple[int, RecheckResult] | None = None
        self._placement: Placement | None = None
        self._queries = ServiceQueries(store, run_id, clock, tally)
        self._refusal: Refused | None = None

    @property
    def orders(self) -> int:
        """How many calls there are to place, before moves and lookups."""
        return len(self._judged().orders)

    @property
    def span(self) -> tuple[Change, Change] | None:
        """The first and the last of the scheduled calls of the plan."""
        return self._plan.span(Action.CREATE)

    @property
    def objecting(self) -> frozenset[str]:
        """The codes of the guards that hold calls of the plan back, before moves and lookups."""
        return frozenset(code for event in self._judged().events for code in event.reasons)

    @property
    def asks(self) -> bool:
        """Whether the service is queried for its calls or its time even if nothing is placed."""
        return bool(self._judged().missed or self._store.unknown_entries())

    def stop(self, reason: str) -> None:
        """Send nothing more; calls in flight are finished and recorded. Safe to call from a signal handler."""
        self._queries.stop(reason)
        if self._placement is not None:
            self._placement.stop(reason)

    async def run(self, service: Service, emit: Emit) -> None:
        """Settle unknown calls, run the preflight, place calls, and settle again."""

        def report(event: Event) -> None:
            self.tally.add(event)
            emit(event)

        await self._place(await self._prepare(service, report), service, report)
        if self.tally.counts[EventKind.UNCERTAIN]:
            await self._settle(service, report)
        await self._queries.look_after(service, report)
        self._note_to_stop()
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    async def _prepare(self, service: Service, report: Emit) -> Sequence[Change]:
        """Settle unknown calls, judge the plan again and run the preflight; returns the orders to send."""
        await self._queries.compare_clocks(service)
        if moves := self._moves():
            self._store.move(self._run_id, moves, self._clock.now())
        adopted = await self._settle(service, report)
        wanted = (order.address for order in self._judged().orders)
        if end_conflicts(self._store, self._run_id, wanted, self._files, self._clock.now()):
            self._latest = None
        ready = self._counted()
        if ready.missed:
            self._store.record_missed(self._run_id, ready.missed, self._clock.now())
        for event in (*self._stale, *ready.events):
            if event.address not in adopted:
                report(event)
        orders = self._not_paused(self._still_here(ready.orders, report), report)
        return await self._check_schedule(await self._queries.preflight(orders, service, report), service, report)

    def _note_to_stop(self) -> None:
        """Count the calls to stop by hand, and record that they were shown."""
        whole = self._files is not None and self._files.scope is None
        judged = self._latest[1] if self._latest is not None else self._judged()
        plans = None if whole else judged.plans  # these do not depend on calls placed since
        listed, now = self._plan.to_stop, self._clock.now()
        found = note_to_stop(self._store, self._run_id, listed, plans, self._context, now)
        self.tally.to_stop, self.tally.to_stop_new = found

    def _judged(self) -> RecheckResult:
        """The plan compared with the current state, re-keyed as the plan says.

        This reads the whole state even if the plan was just made: another run may have placed calls before the
        lock was taken, and duplicates, caps and frequency limits count calls of any row. The result is valid while
        the serial stays the same; it changes with each placed call.
        """
        serial = self._store.serial
        if self._latest is None or self._latest[0] != serial:
            context = replace(self._context, conflicts=unresolved(self._store))
            self._latest = serial, recheck(self._plan, self._carried(), context)
        return self._latest[1]

    def _counted(self) -> RecheckResult:
        """The same; rows that need no action are added to the tally."""
        ready = self._judged()
        self.tally.expired_before, self.tally.changed_ahead = ready.expired_before, ready.changed_ahead
        self.tally.too_late = ready.too_late
        return ready

    def _carried(self) -> Iterable[Entry]:
        moves, entries = dict(self._moves()), self._store.entries()
        if not moves:
            return entries
        return (structs.replace(item, address=moves.get(item.address, item.address)) for item in entries)

    def _moves(self) -> list[tuple[Address, Address]]:
        """The moves to apply to the state, without those that were already applied."""
        if not self._plan.moves:
            return []
        known = self._store.entries_at([address for pair in self._plan.moves for address in pair])
        return [(old, new) for old, new in self._plan.moves if old in known and new not in known]

    def _still_here(self, orders: Sequence[Change], report: Emit) -> Sequence[Change]:
        """The orders whose row was not moved since the plan was made; a moved row's call may have been placed
        elsewhere.
        """
        gone = {old: new for old, new in self._gone.items() if (old, new) not in self._plan.moves}
        for order in orders if gone else ():
            if order.address in gone:
                message = f"it was moved to {gone[order.address]} since the plan was made; plan again"
                report(Event(EventKind.STALE, order.address, message=message))
        return filtered(orders, lambda order: order.address not in gone) if gone else orders

    def _not_paused(self, orders: Sequence[Change], report: Emit) -> Sequence[Change]:
        """The orders whose plan is not paused.

        Raises:
            Refused: all of them are paused.
        """
        pauses = self._store.pauses() if orders else ()
        if not pauses:
            return orders
        gate = SendCheck(pauses=lambda: pauses)
        why: dict[str, None] = {}
        resumes: dict[str, None] = {}
        for order in orders:
            if (event := gate.pause(order)) is not None:
                why[str(event.message)] = None
                resumes |= {
                    resume_command(item): None for item in pauses if item.plan in {None, order.address.plan}
                }
                report(event)
        left = filtered(orders, lambda order: gate.pause(order) is None)
        if not left:
            raise Refused(
                f"nothing was sent: {'; '.join(why)}", hint=f"when this is resolved, run: {'; '.join(resumes)}"
            )
        return left

    async def _settle(self, service: Service, report: Emit) -> frozenset[Address]:
        return await self._queries.settle(service, report, self._settleable())

    def _settleable(self) -> frozenset[Address] | None:
        """The addresses that may be settled; None for all, if this run is alone."""
        return None

    async def _check_schedule(self, orders: Sequence[Change], service: Service, report: Emit) -> Sequence[Change]:
        """The orders left to send once the service has shown that it understands schedules."""
        if not orders or service.schedule is None or service.directory is None or self._queries.stopped:
            return orders

        async def place(some: Sequence[Change]) -> str | None:
            await self._place(some, service, report)
            return self.tally.stopped

        check = ScheduleCheck(
            self._store,
            self._run_id,
            service.directory,
            self._clock,
            service.schedule,
            place,
            self._queries.unless_stopped,
        )
        checked = await check.run(orders, report)
        if checked.problem is not None:
            self.tally.stopped, self.tally.unproved = self.tally.stopped or checked.problem, True
        self._refusal = checked.refusal
        return checked.orders

    async def _place(
        self, orders: Sequence[Change], service: Service, report: Emit, supply: OrderSource | None = None
    ) -> None:
        """Place orders. Orders from ``supply`` may be sent at once: their source limits the rate."""
        self._placement = Placement(
            self._store,
            self._run_id,
            service.providers,
            self._clock,
            report,
            service.rate if supply is None else None,
            service.checkpoint,
            SendCheck(self._context.policy, self._context.now, lambda: self._store.latest_pauses, service.clock),
        )
        if self._queries.stopped:
            self._placement.stop(self._queries.stopped)
        try:
            await self._placement.place(orders, supply)
        finally:
            self.tally.stopped = self.tally.stopped or self._placement.stopped


def outcome(tally: Tally) -> ExitCode:
    """The exit code of a finished apply."""
    return ExitCode.INCOMPLETE if tally.incomplete else ExitCode.DONE
