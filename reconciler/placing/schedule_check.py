"""Check that the service understands our schedules, with one scheduled call before any other is sent.

The names of the fields inside ``schedule`` are not documented. A service that does not know them may ring at once.
The check call is the one furthest ahead. It is looked up by its id: the status ``scheduled`` proves that the
schedule was understood; any other status before its time means that it rings now. If it is looked up too late for
that, the time at which it started decides.

The result is a fact of the state. It is PENDING from before the check call is sent, so that the next run looks up
the same call if this run is interrupted. Once it is REFUTED, no scheduled call is sent with the same field names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from reconciler.bulk.spool import filtered
from reconciler.domain.clocks import Clock
from reconciler.domain.events import Emit, Event, EventKind
from reconciler.domain.facts import ServiceFact, Verdict
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.plan import Change
from reconciler.domain.ports import StateStore
from reconciler.domain.service import CallRegister, RemoteCall
from reconciler.domain.times import format_instant, format_utc, parse_instant
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import LookupFailed, Refused, StateError

AHEAD = timedelta(minutes=2)  # a call that rings sooner cannot prove anything
CLOSE = timedelta(minutes=1)  # by another clock, a call this close to its time may already be ringing
QUEUED = timedelta(minutes=10)  # how long after its time a call may wait in the service's queue
PATIENCE = 60.0  # seconds until the service lists a call that it has confirmed
TRIES = 5  # check calls that the service may reject
FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds between two lookups
_SCHEDULED = "scheduled"

Ask: TypeAlias = Callable[[Coroutine[object, object, RemoteCall | None]], Awaitable[RemoteCall | None]]


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The field names to check. ``service`` is the service's origin (``https://host``)."""

    service: str
    fields: ScheduleFields

    @property
    def fact(self) -> str:
        return f"schedule:{self.fields.at},{self.fields.timezone}"


@dataclass(frozen=True, slots=True)
class _CheckCall:
    address: Address
    call_id: str
    rings_at: datetime

    @property
    def evidence(self) -> JsonObject:
        return {
            "address": str(self.address),
            "call_id": self.call_id,
            "rings_at": format_instant(self.rings_at),
        }


class _Unproved(Exception):  # noqa: N818 - an outcome
    """The check failed or has no result; nothing more is sent."""


@dataclass(frozen=True, slots=True)
class ScheduleCheckResult:
    """``orders`` are left to send. ``problem`` is the reason why the others are not sent; these are already
    reported.

    ``refusal`` is raised once the run has ended: an earlier run found that schedules are not understood.
    """

    orders: Sequence[Change]
    problem: str | None = None
    refusal: Refused | None = None


def judge(call: _CheckCall, found: RemoteCall, now: datetime) -> Verdict | None:
    """What the service's answer at ``now`` proves.

    None if the call started about its scheduled time: a service that understands schedules does this, but another
    one may have called at that time by chance, so another call has to prove it. PENDING if the answer came too
    late to be a proof and no start time is known yet.
    """
    if found.status == _SCHEDULED:
        return Verdict.PROVED
    started_at = found.started_at
    if started_at is not None and started_at <= now + CLOSE:
        if started_at < call.rings_at - CLOSE:
            return Verdict.REFUTED
        if now >= call.rings_at:
            return None
    return Verdict.PENDING if call.rings_at - CLOSE <= now < call.rings_at + QUEUED else Verdict.REFUTED


class ScheduleCheck:
    """The check of one run.

    ``place`` sends orders, and returns the reason if the run stopped. ``ask`` awaits a request, and raises
    ``LookupFailed`` if the run is stopped meanwhile.
    """

    def __init__(
        self,
        store: StateStore,
        run_id: str,
        register: CallRegister,
        clock: Clock,
        settings: ScheduleSettings,
        place: Callable[[Sequence[Change]], Awaitable[str | None]],
        ask: Ask,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._register = register
        self._clock = clock
        self._settings = settings
        self._place = place
        self._ask = ask
        self._left: Sequence[Change] = ()
        self._not_found = "the service does not have this call"

    async def run(self, orders: Sequence[Change], report: Emit) -> ScheduleCheckResult:
        """Run the check, unless it is already proved or no scheduled call is far enough ahead."""
        self._left = orders
        fact = self._store.facts(self._settings.service).get(self._settings.fact)
        if fact is not None and fact.verdict is Verdict.PROVED:
            return ScheduleCheckResult(orders)
        try:
            if fact is not None and fact.verdict is Verdict.REFUTED:
                return await self._refuse(fact, report)
            if fact is None or fact.verdict is not Verdict.PENDING or not await self._go_on(fact):
                await self._send_check_call()
        except (_Unproved, LookupFailed) as error:
            self._report_unsent(report, str(error))
            return ScheduleCheckResult((), str(error))
        except (StateError, asyncio.CancelledError):
            self._report_unsent(report, "the run ended early")
            raise
        return ScheduleCheckResult(self._left)

    async def _refuse(self, fact: ServiceFact, report: Emit) -> ScheduleCheckResult:
        """Send only the calls without a schedule. Neither ``resume`` nor a pause changes this."""
        await self._send(lambda order: order.scheduled_at is None)
        if not self._left:
            return ScheduleCheckResult(())
        fields = self._settings.fields
        why = (
            f"{fact.service} did not schedule {fact.evidence['address']} ({fact.evidence['call_id']}) with "
            f"provider.schedule_fields ({fields.at}, {fields.timezone})"
        )
        self._report_unsent(report, why)
        hint = (
            "set provider.schedule_fields to the documented names, which are then checked, or "
            "skip the check with --no-schedule-check, which is recorded"
        )
        return ScheduleCheckResult((), refusal=Refused(f"no scheduled calls were sent: {why}", hint=hint))

    def _report_unsent(self, report: Emit, why: str) -> None:
        for order in self._left:
            report(Event(EventKind.NOT_SENT, order.address, message=why))

    async def _go_on(self, fact: ServiceFact) -> bool:
        """Look up the check call of an earlier run; False if another one is needed."""
        address = Address.parse(str(fact.evidence["address"]))
        address = self._store.renames().get(address, address)
        entry = self._store.entry(address)
        if entry is not None and entry.unknown:
            raise _Unproved(_unknown(address))
        if entry is not None and entry.placed and entry.call_id:
            return await self._conclude(_CheckCall(address, entry.call_id, entry.rings_at))
        call_id, rings_at = fact.evidence.get("call_id"), str(fact.evidence["rings_at"])
        if not isinstance(call_id, str):
            return False  # it was not placed
        return await self._conclude(_CheckCall(address, call_id, parse_instant(rings_at)))

    async def _send_check_call(self) -> None:
        """Send one call at a time, the furthest ahead first, until one proves it."""
        for _ in range(TRIES):
            furthest = max(
                ((order.scheduled_at, order.address) for order in self._left if order.scheduled_at is not None),
                default=None,
            )
            if furthest is None or furthest[0] < self._clock.now() + AHEAD:
                return  # the remaining calls ring within two minutes in any case
            rings_at, address = furthest
            call = await self._place_alone(address, rings_at)
            if call is not None and await self._conclude(call):
                return
        raise _Unproved(f"none of the {TRIES} calls sent to check scheduling was placed")

    async def _place_alone(self, address: Address, rings_at: datetime) -> _CheckCall | None:
        """The call if it was placed, else None."""
        self._note(Verdict.PENDING, {"address": str(address), "rings_at": format_instant(rings_at)})
        await self._send(lambda order: order.address == address)
        entry = self._store.entry(address)
        if entry is not None and entry.unknown:
            raise _Unproved(_unknown(address))
        if entry is None or not entry.placed or not entry.call_id:
            return None
        call = _CheckCall(address, entry.call_id, rings_at)
        self._note(Verdict.PENDING, call.evidence)
        return call

    async def _send(self, chosen: Callable[[Change], bool]) -> None:
        """Send the remaining orders that match."""
        orders = filtered(self._left, chosen)
        self._left = filtered(self._left, lambda order: not chosen(order))
        if orders and (stopped := await self._place(orders)) is not None:
            raise _Unproved(stopped)

    async def _conclude(self, call: _CheckCall) -> bool:
        """Whether the service has the call as scheduled; False if it rang about its time.

        Calls without a schedule do not wait for a service that does not list the call yet.
        """
        found = await self._ask(self._look(call, 0.0))
        if found is None:
            await self._send(lambda order: order.scheduled_at is None)
            found = await self._ask(self._look(call, PATIENCE))
        if found is None:
            message = f"it is unknown whether {call.address} ({call.call_id}) was scheduled: {self._not_found}"
            raise _Unproved(f"{message}. The next apply will look up the same call again")
        verdict = judge(call, found, self._clock.now())
        if verdict is Verdict.PROVED:
            self._note(Verdict.PROVED, call.evidence)
        elif verdict is Verdict.REFUTED:
            self._refute(call, found)
        elif verdict is Verdict.PENDING:
            await self._send(lambda order: order.scheduled_at is None)
            raise _Unproved(
                f"it is unknown whether {call.address} ({call.call_id}) was scheduled: its status is "
                f"{found.status!r}, close to its time. Apply again after {format_utc(call.rings_at)}, when its "
                "start time will show it"
            )
        return verdict is Verdict.PROVED

    def _refute(self, call: _CheckCall, found: RemoteCall) -> None:
        """Pause all plans first, so that the next run sends nothing even if this one is interrupted here."""
        fields = self._settings.fields
        now = self._clock.now()
        if found.started_at is not None and found.started_at <= now + CLOSE:
            seen = f"it started at {format_utc(found.started_at)}"
        elif now < call.rings_at:
            seen = f"its status is {found.status!r}, so this person is being called now"
        else:
            seen = f"its status is {found.status!r}, and the service does not report that it started then"
        why = (
            f"the service did not schedule {call.address} ({call.call_id}) for {format_utc(call.rings_at)}: "
            f"{seen}. Check provider.schedule_fields ({fields.at}, {fields.timezone}) against the service's "
            "documentation"
        )
        self._store.pause(self._run_id, None, why, now)
        self._note(Verdict.REFUTED, call.evidence | {"status": found.status})
        raise _Unproved(f"{why}. All plans are paused. After you correct the names, run: reconciler resume")

    async def _look(self, call: _CheckCall, patience: float) -> RemoteCall | None:
        """The call as the service lists it; None if it does not list it within ``patience`` seconds."""
        loop = asyncio.get_running_loop()
        give_up_at, pause = loop.time() + patience, FIRST_PAUSE
        while True:
            try:
                found = await self._register.call(call.call_id)
            except LookupFailed as error:
                found, self._not_found = None, error.message
            left = give_up_at - loop.time()
            if found is not None or left <= 0:
                return found
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _note(self, verdict: Verdict, evidence: JsonObject) -> None:
        now = self._clock.now()
        fact = ServiceFact(self._settings.service, self._settings.fact, verdict, evidence, now, self._run_id)
        self._store.note_fact(self._run_id, fact, now)


def _unknown(address: Address) -> str:
    return f"the outcome of {address}, the call that checks scheduling, is unknown. Run: reconciler resolve"
