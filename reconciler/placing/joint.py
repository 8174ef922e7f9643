"""Several runners apply one plan: one of them opens it, all place the calls that they claim, and each reports how
the whole plan ended.

The first runner settles unknown calls, runs the preflight and shares the rows out, while the others wait. Runners
that start later join. A runner waits until no living runner has calls left. So it can take over the calls of a
runner that dies, and its exit code covers the whole plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from reconciler.domain.claims import JointStore, SharedRow
from reconciler.domain.clocks import Clock
from reconciler.domain.events import Emit, Event, EventKind, Tally
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.plan import Action, Change, Plan
from reconciler.placing.recheck import RecheckResult
from reconciler.placing.send_check import PAUSED, Batch
from reconciler.placing.service import Service, Whole
from reconciler.placing.workflow import Apply
from reconciler.planning import reasons
from reconciler.planning.context import Context

POLL = 0.25  # seconds between two checks of the other runners
PROGRESS_EVERY = 1.0  # seconds between two progress reports on the whole plan
# events that judging a row again would repeat
_FINAL = frozenset({EventKind.BLOCKED, EventKind.CONFLICT, EventKind.STALE, EventKind.FAILED})


@dataclass(slots=True)
class _EventRecorder:
    """Passes events on, and remembers the last kind of event for each address."""

    tally: Tally
    emit: Emit
    kinds: dict[Address, EventKind] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        self.kinds[event.address] = event.kind
        self.tally.add(event)
        self.emit(event)


class JointApply(Apply):
    """The part of one runner in an apply."""

    def __init__(
        self,
        plan: Plan,
        store: JointStore,
        run_id: str,
        context: Context,
        clock: Clock,
        tally: Tally,
    ) -> None:
        super().__init__(plan, store, run_id, context, clock, tally)
        self._joint = store
        self._ready = RecheckResult()
        self._entered = False

    @property
    def orders(self) -> int:
        """How many calls the plan places, by any runner."""
        return self._plan.count(Action.CREATE)

    async def run(self, service: Service, emit: Emit) -> None:
        events = _EventRecorder(self.tally, emit)
        joined = False
        async with self._alone() as alone:
            if alone:
                joined = self._joint.begun
                await (self._join(service) if joined else self._open(service, events))
        if not self._entered:
            self.tally.stopped = self._queries.stopped
            return
        if joined:
            self._catch_up(events)

        def report(event: Event) -> None:
            events(event)
            if event.kind is EventKind.BLOCKED or PAUSED in event.reasons:
                self._joint.drop([event])

        claims = _Claims(self._joint, self._run_id, self._ready, self._clock, report, self._judged, service.whole)
        await self._place((), service, report, claims)
        if self._joint.orphans():
            async with self._alone() as alone:
                if alone:
                    await self._settle(service, events)
        self._report_other_rows(events)
        await self._queries.look_after(service, events)
        self._note_to_stop()
        self._raise_refusal()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Wait until no other runner opens the plan or settles calls; yields False if this runner is stopped
        before that.
        """
        while not self._queries.stopped:
            if self._joint.alone():
                try:
                    yield True
                finally:
                    self._joint.not_alone()
                return
            await asyncio.sleep(POLL)
        yield False

    async def _join(self, service: Service) -> None:
        """Join a plan that another runner opened. Calls that it looked up are not looked up again."""
        self._store.note_seen(self._run_id, self._joint.enter(service.rate), self._clock.now())
        self._entered = True

    def _catch_up(self, events: Emit) -> None:
        """Judge the plan as any run does. Rows that are shared out are reported at the end."""
        shared = {lot.address for lot in self._joint.lots()}
        self._ready = self._counted()
        missed = sum(item.status is Status.MISSED for item in self._store.entries_at(shared).values())
        self.tally.expired_before = max(0, self.tally.expired_before - missed)
        for event in self._ready.events:
            if event.address not in shared:
                events(event)

    async def _open(self, service: Service, events: _EventRecorder) -> None:
        ended: dict[Address, Event] = {}

        def report(event: Event) -> None:
            events(event)
            if event.kind not in {EventKind.SKIPPED, EventKind.ADOPTED}:
                ended[event.address] = event

        orders = await self._prepare(service, report)
        if self._queries.stopped:
            for order in orders:
                events(Event(EventKind.NOT_SENT, order.address, message=self._queries.stopped))
            return
        self._ready = RecheckResult(orders)
        self._joint.open([order.address for order in orders], list(ended.values()), service.rate)
        self._entered = True

    def _settleable(self) -> frozenset[Address]:
        return self._joint.orphans()

    def _report_other_rows(self, events: _EventRecorder) -> None:
        """Report the rows that other runners had."""
        lots = self._joint.lots()
        entries = self._store.entries_at([lot.address for lot in lots])
        orphans = self._joint.orphans()
        for lot in lots:
            entry, kind = entries.get(lot.address), events.kinds.get(lot.address)
            if kind is None:
                events(_end(lot, entry, lot.address in orphans))
            elif kind is EventKind.UNCERTAIN and entry is not None and entry.placed:
                events(Event(EventKind.ADOPTED, lot.address, entry.call_id, "found by another runner"))


def _end(lot: SharedRow, entry: Entry | None, orphan: bool) -> Event:
    """The event of a row that another runner had."""
    if entry is not None and entry.placed:
        return Event(EventKind.SKIPPED, lot.address, message="placed by another runner")
    if entry is not None and entry.unknown and orphan:
        return Event(EventKind.UNCERTAIN, lot.address, message=reasons.uncertain(entry).text)
    if lot.event is not None:
        return lot.event
    if lot.sent and entry is not None and entry.status is Status.FAILED:
        return Event(EventKind.FAILED, lot.address, message=entry.error)
    if lot.sent and entry is not None and entry.status is Status.MISSED:
        return Event(EventKind.EXPIRED, lot.address, message=reasons.expired(entry.rings_at).text)
    return Event(EventKind.NOT_SENT, lot.address, message="left for the other runners")


class _Claims:
    """The supply of orders that this runner claims, until no runner has any left."""

    def __init__(
        self,
        store: JointStore,
        run_id: str,
        ready: RecheckResult,
        clock: Clock,
        report: Emit,
        judge: Callable[[], RecheckResult],
        whole: Whole | None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._report = report
        self._judge = judge
        self._whole = whole
        self._reported_at = float("-inf")
        self._index(ready)

    async def take(self, count: int) -> Batch:
        claim = self._store.claim(count)
        self._report_progress()
        if claim.addresses:
            return Batch(self._orders(claim.addresses), claim.wait)
        return Batch(wait=POLL, last=self._store.standing().over)

    def _orders(self, claimed: Sequence[Address]) -> list[Change]:
        """The orders for these rows. A row that must not be sent ends here, for all runners."""
        if any(address not in self._places and address not in self._ended for address in claimed):
            self._index(self._judge())
        found = [self._all[self._places[address]] for address in claimed if address in self._places]
        for address in claimed:
            if address not in self._places:
                self._refuse(address)
        return found

    def _index(self, ready: RecheckResult) -> None:
        self._all = ready.orders
        self._places = {order.address: place for place, order in enumerate(ready.orders)}
        self._ended = {event.address: event for event in ready.events if event.kind in _FINAL}
        self._missed = {intent.address: intent for intent in ready.missed}

    def _refuse(self, address: Address) -> None:
        if (missed := self._missed.get(address)) is not None:
            self._store.record_missed(self._run_id, [missed], self._clock.now())
            why = reasons.expired(missed.rings_at).text
            self._report(Event(EventKind.EXPIRED, address, message=why))
            return
        event = self._ended.get(address) or Event(
            EventKind.STALE, address, message="the state has changed; plan again"
        )
        self._store.drop([event])
        self._report(event)

    def _report_progress(self) -> None:
        now = self._clock.elapsed()
        if self._whole is not None and now - self._reported_at >= PROGRESS_EVERY:
            self._reported_at = now
            standing = self._store.standing()
            self._whole(standing.total - standing.unsent, standing.total)
