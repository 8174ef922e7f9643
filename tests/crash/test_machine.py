"""Plans, edits, applies, crashes and persons in any order, against a model of what must hold."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from reconciler.domain.events import Tally
from reconciler.domain.model import Address, Call, Location, Request, Row, Schedule, Status
from reconciler.domain.ports import Decision, Run
from reconciler.domain.service import Listing, Receipt, RemoteCall
from reconciler.errors import ExitCode, OutcomeUnknown, Rejected
from reconciler.placing.plan_checks import check_verdict
from reconciler.placing.service import Service
from reconciler.placing.workflow import Apply
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan, verdict
from tests.memory import InMemoryStore

KEYS = ("a", "b", "c", "d")
OUTCOMES = st.sampled_from(["placed", "placed", "lost", "dropped", "refused"])
STORE_WRITES = ("turn", "intend", "record", "adopt", "note_seen", "record_missed")


class Crash(Exception):  # noqa: N818 - the process is gone
    """What a kill -9 looks like from inside."""


class Time:
    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, tzinfo=UTC)

    def elapsed(self) -> float:
        return self.now().timestamp()

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=10)
        return self.moment


class World:
    """The service: what it truly recorded, and which outcome each request meets."""

    def __init__(self, clock: Time) -> None:
        self.clock = clock
        self.calls: list[tuple[RemoteCall, Address]] = []
        self.outcomes: list[str] = []
        self.lag = timedelta(0)
        self.server_time: datetime | None = None

    async def place(self, request: Request) -> Receipt:
        outcome = self.outcomes.pop(0) if self.outcomes else "placed"
        if outcome == "refused":
            raise Rejected("HTTP 400", status=400)
        if outcome == "dropped":
            raise OutcomeUnknown("dropped")
        body: Any = request.body
        tags = body["metadata"]
        address = Address(tags["reconciler_plan"], tags["reconciler_key"], int(tags["reconciler_revision"]))
        status = "scheduled" if "schedule" in body else "in-queue"
        call = RemoteCall(
            f"call-{len(self.calls)}", status, self.clock.now(), body["agent_id"], body["contact_id"]
        )
        self.calls.append((call, address))
        if outcome == "lost":
            raise OutcomeUnknown("lost")
        return Receipt(call.id)

    async def calls_listed(self, listing: Listing) -> Sequence[RemoteCall]:
        now = self.clock.now()
        self.server_time = now.replace(microsecond=0)
        return [
            call
            for call, _ in self.calls
            if call.created_at <= now - self.lag
            and (listing.since is None or call.created_at >= listing.since)
            and (listing.until is None or call.created_at <= listing.until)
            and (listing.agent is None or call.agent == listing.agent)
            and (listing.status is None or call.status == listing.status)
        ]

    async def aclose(self) -> None: ...


class Directory:
    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def server_time(self) -> datetime | None:
        return self.world.server_time

    @property
    def service(self) -> str:
        return "https://service"

    async def call(self, call_id: str) -> RemoteCall | None:
        return None

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        return await self.world.calls_listed(listing)

    async def aclose(self) -> None: ...


class Fragile:
    """The store, which dies before or after its nth write."""

    def __init__(self, store: InMemoryStore, die_at: int | None, *, after: bool) -> None:
        self._store = store
        self._left = die_at
        self._after = after

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if name not in STORE_WRITES or self._left is None:
            return value

        def write(*args: Any) -> Any:
            self._left = (self._left or 0) - 1
            if self._left == 0 and not self._after:
                raise Crash
            written = value(*args)
            if self._left == 0:
                raise Crash
            return written

        return write


class Journal(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.clock = Time()
        self.world = World(self.clock)
        self.run = Run("run-0", "apply", self.clock.now(), "host", 1, "tester", "0")
        self.store = InMemoryStore(self.run, "lineage")
        self.rows: dict[str, Row] = {}
        self.runs = 0

    @rule(key=st.sampled_from(KEYS), person=st.sampled_from("xyz"), days=st.integers(0, 9) | st.none())
    def write_row(self, key: str, person: str, days: int | None) -> None:
        at = None if days is None else datetime(2026, 6, 2 + days, tzinfo=UTC)
        schedule = None if at is None else Schedule(f"{at:%Y-%m-%d %H:%M:%S}", "UTC")
        call = Call("agent", "number", contact_id=person, schedule=schedule)
        old = self.rows.get(key)
        address = old.address if old else Address("plan", key)
        self.rows[key] = Row(address, call, Location("f"), rings_at=at, distinct=True)

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def raise_revision(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        row = self.rows[key]
        self.rows[key] = structs.replace(
            row, address=structs.replace(row.address, revision=row.address.revision + 1)
        )

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def remove_row(self, data: st.DataObject) -> None:
        del self.rows[data.draw(st.sampled_from(sorted(self.rows)))]

    @rule(hours=st.integers(0, 60), lag=st.sampled_from([0, 1, 3600]))
    def let_time_pass(self, hours: int, lag: int) -> None:
        self.clock.moment += timedelta(hours=hours, seconds=2)
        self.world.lag = timedelta(seconds=lag)

    @rule(outcomes=st.lists(OUTCOMES, max_size=5), die_at=st.none() | st.integers(1, 6), after=st.booleans())
    def apply(self, outcomes: list[str], die_at: int | None, after: bool) -> None:
        self.world.outcomes = list(outcomes)
        context = Context(self.clock.now(), "test", "lineage", self.store.serial)
        plan = make_plan(self.rows.values(), self.store.entries(), context)
        if verdict(plan) is not ExitCode.DONE:
            return
        check_verdict(plan)
        self.runs += 1
        self.store.begin_run(replace(self.run, id=f"run-{self.runs}"))
        store: Any = Fragile(self.store, die_at, after=after)
        job = Apply(plan, store, f"run-{self.runs}", replace(context, now=self.clock.now()), self.clock, Tally())
        service = Service([self.world, self.world], Directory(self.world), None, lambda text: None)
        try:
            asyncio.run(job.run(service, lambda event: None))
        except Crash:
            return

    @rule()
    def a_person_settles_what_is_unknown(self) -> None:
        truth = {address: call.id for call, address in self.world.calls}
        words = []
        for entry in self.store.entries():
            if entry.unknown:
                call_id = truth.get(entry.address)
                status = Status.PLACED if call_id else Status.RULED_OUT
                words.append(Decision(entry.address, self.clock.now(), "looked up", status, call_id))
        self.store.decide("run-0", words)

    @rule()
    def a_person_stops_what_is_ahead(self) -> None:
        ahead = [entry.address for entry in self.store.entries() if entry.will_ring(self.clock.now())]
        self.store.decide("run-0", [Decision(item, self.clock.now(), "stopped", stopped=True) for item in ahead])

    @rule()
    def a_person_forgets_what_came_to_nothing(self) -> None:
        nothing = [entry.address for entry in self.store.entries() if not entry.placed and not entry.unknown]
        for address in nothing:
            self.store.forget("run-0", address, "tidying", self.clock.now())

    @invariant()
    def nobody_is_called_twice(self) -> None:
        addresses = [address for _, address in self.world.calls]
        assert len(addresses) == len(set(addresses))

    @invariant()
    def every_call_is_known_or_in_question(self) -> None:
        for call, address in self.world.calls:
            entry = self.store.entry(address)
            assert entry is not None
            assert entry.call_id == call.id or entry.unknown

    @invariant()
    def nothing_is_believed_that_is_not_so(self) -> None:
        truth = {address: call.id for call, address in self.world.calls}
        for entry in self.store.entries():
            if entry.placed:
                assert entry.call_id == truth.get(entry.address)


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
