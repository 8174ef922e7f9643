"""Whether the service understands our schedules: one scheduled call proves it before any other is sent.

The names of the fields inside ``schedule`` are not documented, and a service that does not know them may ring
at once. The check call is the one furthest ahead. It is looked up by its id: the word ``scheduled`` proves that it
was understood; any other word, while its time is ahead, means that it rings now. Where it is looked up too late
for that, the time at which it was started decides.

What is known is a fact of the state: PENDING from before the check call is sent, so that a run that is cut off
makes the next one look the same call up. Once REFUTED, nothing scheduled is sent under the same names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from reconciler.bulk.spool import where
from reconciler.domain.events import Emit, Event, EventKind
from reconciler.domain.facts import ServiceFact, Verdict
from reconciler.domain.model import Address, JsonObject
from reconciler.domain.order import Order
from reconciler.domain.ports import CallRegister, Clock, RemoteCall, StateStore
from reconciler.domain.times import format_instant, parse_instant, tell_instant
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import LookupFailed, Refused, StateError

AHEAD = timedelta(minutes=2)  # a call that rings sooner proves nothing
CLOSE = timedelta(minutes=1)  # by another clock, a call this close to its time may ring already
QUEUED = timedelta(minutes=10)  # how long after its time a call may wait in the service's queue
PATIENCE = 60.0  # seconds until the service knows a call that it has answered with
TRIES = 5  # check calls that may be refused
FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds between two looks
_SCHEDULED = "scheduled"

Ask: TypeAlias = Callable[[Coroutine[object, object, RemoteCall | None]], Awaitable[RemoteCall | None]]


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """What has to be understood: ``service`` is its origin (``https://host``)."""

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
    """Nothing more is sent."""


@dataclass(frozen=True, slots=True)
class Checked:
    """``orders`` are left to send. ``problem`` says why the others are not; those were told.

    ``refusal`` is to be raised once the run has ended: an earlier run has seen that schedules are not understood.
    """

    orders: Sequence[Order]
    problem: str | None = None
    refusal: Refused | None = None


def judge(call: _CheckCall, found: RemoteCall, now: datetime) -> Verdict | None:
    """What the service's answer at ``now`` shows.

    None where the call was started about its time, which is how a service that understands schedules acts, but
    also one that happened to ring it then: another call has to show it. PENDING where the answer comes too late to
    be a proof and no start is known yet.
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

    ``place`` sends orders, and gives the reason where the run stopped over them. ``ask`` awaits a question, and
    raises ``LookupFailed`` where the run is stopped meanwhile.
    """

    def __init__(
        self,
        store: StateStore,
        run_id: str,
        register: CallRegister,
        clock: Clock,
        settings: ScheduleSettings,
        place: Callable[[Sequence[Order]], Awaitable[str | None]],
        ask: Ask,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._register = register
        self._clock = clock
        self._settings = settings
        self._place = place
        self._ask = ask
        self._left: Sequence[Order] = ()
        self._not_found = "the service does not know it"

    async def run(self, orders: Sequence[Order], tell: Emit) -> Checked:
        """Prove it, unless that was done before, or nothing scheduled is far enough ahead."""
        self._left = orders
        fact = self._store.facts(self._settings.service).get(self._settings.fact)
        if fact is not None and fact.verdict is Verdict.PROVED:
            return Checked(orders)
        try:
            if fact is not None and fact.verdict is Verdict.REFUTED:
                return await self._refuse(fact, tell)
            if fact is None or fact.verdict is not Verdict.PENDING or not await self._go_on(fact):
                await self._send_check_call()
        except (_Unproved, LookupFailed) as error:
            self._tell_unsent(tell, str(error))
            return Checked((), str(error))
        except (StateError, asyncio.CancelledError):
            self._tell_unsent(tell, "the run was cut short")
            raise
        return Checked(self._left)

    async def _refuse(self, fact: ServiceFact, tell: Emit) -> Checked:
        """Send what has no schedule, and nothing else; neither ``resume`` nor a pause undoes what was seen."""
        await self._send(lambda order: order.scheduled_at is None)
        if not self._left:
            return Checked(())
        fields = self._settings.fields
        why = (
            f"{fact.service} did not schedule {fact.evidence['address']} ({fact.evidence['call_id']}) with "
            f"provider.schedule_fields ({fields.at}, {fields.timezone})"
        )
        self._tell_unsent(tell, why)
        hint = (
            "set provider.schedule_fields to the documented names, which are checked anew; or "
            "apply with --no-schedule-check, which is recorded"
        )
        return Checked((), refusal=Refused(f"nothing scheduled was sent: {why}", hint=hint))

    def _tell_unsent(self, tell: Emit, why: str) -> None:
        for order in self._left:
            tell(Event(EventKind.NOT_SENT, order.address, message=why))

    async def _go_on(self, fact: ServiceFact) -> bool:
        """Look up the check call of an earlier run; False where another one is needed."""
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
        """Send one call after the other alone, the furthest ahead first, until one proves it."""
        for _ in range(TRIES):
            furthest = max(
                ((order.scheduled_at, order.address) for order in self._left if order.scheduled_at is not None),
                default=None,
            )
            if furthest is None or furthest[0] < self._clock.now() + AHEAD:
                return  # whatever the service makes of those that are left, they ring within two minutes
            rings_at, address = furthest
            call = await self._place_alone(address, rings_at)
            if call is not None and await self._conclude(call):
                return
        raise _Unproved(f"none of the {TRIES} calls that were to check how the service schedules was placed")

    async def _place_alone(self, address: Address, rings_at: datetime) -> _CheckCall | None:
        """The call, where it was placed."""
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

    async def _send(self, chosen: Callable[[Order], bool]) -> None:
        """Send some of the orders that are left."""
        orders = where(self._left, chosen)
        self._left = where(self._left, lambda order: not chosen(order))
        if orders and (stopped := await self._place(orders)) is not None:
            raise _Unproved(stopped)

    async def _conclude(self, call: _CheckCall) -> bool:
        """Whether the service says that the call is scheduled; False where it rang about its time.

        Calls without a schedule do not wait for a service that does not know the call yet.
        """
        found = await self._ask(self._look(call, 0.0))
        if found is None:
            await self._send(lambda order: order.scheduled_at is None)
            found = await self._ask(self._look(call, PATIENCE))
        if found is None:
            message = f"whether {call.address} ({call.call_id}) was scheduled is not known: {self._not_found}"
            raise _Unproved(f"{message}. The next apply looks the same call up again")
        verdict = judge(call, found, self._clock.now())
        if verdict is Verdict.PROVED:
            self._note(Verdict.PROVED, call.evidence)
        elif verdict is Verdict.REFUTED:
            self._refute(call, found)
        elif verdict is Verdict.PENDING:
            await self._send(lambda order: order.scheduled_at is None)
            raise _Unproved(
                f"whether {call.address} ({call.call_id}) was scheduled is not known: it is {found.status!r}, "
                f"close to its time. Apply again after {tell_instant(call.rings_at)}: its start will show it"
            )
        return verdict is Verdict.PROVED

    def _refute(self, call: _CheckCall, found: RemoteCall) -> None:
        """Pause all plans first: should this be cut off, the next run sends nothing either."""
        fields = self._settings.fields
        now = self._clock.now()
        if found.started_at is not None and found.started_at <= now + CLOSE:
            seen = f"it was started at {tell_instant(found.started_at)}"
        elif now < call.rings_at:
            seen = f"it is {found.status!r}, so this person is called now"
        else:
            seen = f"it is {found.status!r}, and the service does not say that it was started then"
        why = (
            f"the service did not schedule {call.address} ({call.call_id}) for {tell_instant(call.rings_at)}: "
            f"{seen}. Check provider.schedule_fields ({fields.at}, {fields.timezone}) against the service's "
            "documentation"
        )
        self._store.pause(self._run_id, None, why, now)
        self._note(Verdict.REFUTED, call.evidence | {"status": found.status})
        raise _Unproved(f"{why}. All plans are paused; once the names are corrected: reconciler resume")

    async def _look(self, call: _CheckCall, patience: float) -> RemoteCall | None:
        """The call as the service knows it; None where it does not within ``patience`` seconds."""
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
    return f"the outcome of {address}, which checks how the service schedules, is unknown: reconciler resolve"
