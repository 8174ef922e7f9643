"""Placing over a service and a clock that the test moves: what waits too long, is throttled, or is cut short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain import identity, wire
from reconciler.domain.checkpoint import Phase
from reconciler.domain.clocks import elapsed
from reconciler.domain.events import Event, EventKind
from reconciler.domain.facts import Pause
from reconciler.domain.model import Address, Call, Request, Status
from reconciler.domain.plan import Action, Change
from reconciler.domain.policy import Hours, Policy, Window
from reconciler.domain.ports import Run
from reconciler.domain.service import Receipt
from reconciler.errors import NotSent, OutcomeUnknown, StateError
from reconciler.placing.apply import Placement
from reconciler.placing.circuit_breaker import CircuitBreaker
from reconciler.placing.rate_limiter import RateLimiter
from reconciler.placing.send_check import SendCheck
from tests.memory import InMemoryStore

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", START, "host", 1, "me", "0")


class Clock:
    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def elapsed(self) -> float:
        return elapsed()


class Service:
    """Answers with what ``answer`` makes of the number of the request (from 1)."""

    def __init__(self, answer: Callable[[int], str]) -> None:
        self.answer = answer
        self.requests = 0

    async def place(self, request: Request) -> Receipt:
        self.requests += 1
        return Receipt(self.answer(self.requests))

    async def aclose(self) -> None:
        return None


def order(key: str, *, place_by: datetime | None = None, scheduled_at: datetime | None = None) -> Change:
    call = Call("agent", "number", contact_id=f"contact-{key}", metadata={"row": key})
    address = Address("june", key)
    return Change(
        address,
        Action.CREATE,
        identity.digest(call),
        call=call,
        request=wire.to_request(call, {}, wire.ScheduleFields()),
        scheduled_at=scheduled_at,
        place_by=place_by,
    )


class Bench:
    """One placement, and what it told."""

    def __init__(
        self, clock: Clock, service: Service, *, workers: int = 1, store: Any = None, gate: Any = None
    ) -> None:
        self.store = store or InMemoryStore(RUN)
        self.events: list[Event] = []
        providers = [service] * workers
        self.placement = Placement(self.store, RUN.id, providers, clock, self.events.append, None, None, gate)

    def place(self, orders: Sequence[Change]) -> dict[str, EventKind]:
        asyncio.run(self.placement.place(orders))
        return self.told()

    def told(self) -> dict[str, EventKind]:
        """By key; every order must end in exactly one event."""
        assert len({event.address for event in self.events}) == len(self.events)
        return {event.address.key: event.kind for event in self.events}

    def statuses(self) -> dict[str, Status]:
        return {entry.address.key: entry.status for entry in self.store.entries()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[float]:
    """Sleeping moves the clock instead, and is noted."""
    naps: list[float] = []

    async def sleep(self: CircuitBreaker, seconds: float) -> None:
        naps.append(seconds)
        clock.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(CircuitBreaker, "sleep", sleep)
    return naps


@pytest.mark.parametrize("field", ["place_by", "scheduled_at"])
def test_a_row_whose_time_passes_while_it_waits_its_turn_is_not_sent(clock: Clock, field: str) -> None:
    def slow(number: int) -> str:
        clock.time += timedelta(minutes=1)
        return f"call-{number}"

    service = Service(slow)
    bench = Bench(clock, service)
    until = {field: START + timedelta(seconds=90)}
    told = bench.place([order("a", **until), order("b", **until), order("c", **until), order("d")])
    assert told == {"a": EventKind.PLACED, "b": EventKind.PLACED, "c": EventKind.EXPIRED, "d": EventKind.PLACED}
    assert bench.statuses()["c"] is Status.MISSED
    assert service.requests == 3


def test_a_row_whose_time_passes_while_it_is_throttled_is_not_sent_again(clock: Clock) -> None:
    def busy(number: int) -> str:
        raise NotSent("HTTP 429", retry_after=60.0, throttled=True)

    service = Service(busy)
    bench = Bench(clock, service)
    assert bench.place([order("a", place_by=START + timedelta(seconds=90))]) == {"a": EventKind.EXPIRED}
    assert bench.statuses() == {"a": Status.MISSED}
    assert service.requests == 2


NIGHT = Policy(hours=Hours(((Window(0, 12 * 60 + 1),),) * 7))  # calls may ring until 12:01


def test_a_call_that_waits_past_the_calling_hours_is_held_back(clock: Clock) -> None:
    def slow(number: int) -> str:
        clock.time += timedelta(minutes=1)
        return f"call-{number}"

    service = Service(slow)
    bench = Bench(clock, service, gate=SendCheck(NIGHT))
    here = [structs.replace(order(key), called_timezone="Etc/UTC") for key in "ab"]
    assert bench.place(here) == {"a": EventKind.PLACED, "b": EventKind.BLOCKED}
    [held] = [event for event in bench.events if event.kind is EventKind.BLOCKED]
    assert held.reasons == ("G001",)
    assert "2026-06-01 12:01:00 Etc/UTC" in str(held.message)
    assert (bench.statuses(), service.requests) == ({"a": Status.PLACED}, 1)


def test_a_call_that_is_throttled_past_the_calling_hours_is_held_back(clock: Clock) -> None:
    def busy(number: int) -> str:
        raise NotSent("HTTP 429", retry_after=60.0, throttled=True)

    service = Service(busy)
    bench = Bench(clock, service, gate=SendCheck(NIGHT))
    assert bench.place([structs.replace(order("a"), called_timezone="Etc/UTC")]) == {"a": EventKind.BLOCKED}
    assert (bench.statuses(), service.requests) == ({"a": Status.RULED_OUT}, 1)


def test_the_gate_goes_by_the_plans_clock_where_that_is_ahead(clock: Clock) -> None:
    bench = Bench(clock, Service(str), gate=SendCheck(NIGHT, START + timedelta(minutes=1)))
    assert bench.place([structs.replace(order("a"), called_timezone="Etc/UTC")]) == {"a": EventKind.BLOCKED}
    assert bench.statuses() == {}


@pytest.mark.parametrize(
    ("paused", "sent"), [(None, ""), ("june", ""), ("july", "ab")], ids=["all plans", "its plan", "another plan"]
)
def test_a_call_of_a_paused_plan_is_held_back(clock: Clock, paused: str | None, sent: str) -> None:
    pause = Pause(paused, "a complaint", "me", "host", START, RUN.id)
    service = Service(str)
    bench = Bench(clock, service, gate=SendCheck(pauses=lambda: [pause]))
    kinds = {key: EventKind.PLACED if key in sent else EventKind.NOT_SENT for key in "ab"}
    assert bench.place([order("a"), order("b")]) == kinds
    assert all("a complaint" in str(event.message) for event in bench.events if event.kind is EventKind.NOT_SENT)
    assert service.requests == len(sent)


def test_a_throttled_row_of_a_stopped_run_was_not_refused(clock: Clock) -> None:
    def stopped_meanwhile(number: int) -> str:
        bench.placement.stop("stopped by a signal")
        raise NotSent("HTTP 429", retry_after=1.0, throttled=True)

    service = Service(stopped_meanwhile)
    bench = Bench(clock, service)
    assert bench.place([order("a"), order("b")]) == {"a": EventKind.NOT_SENT, "b": EventKind.NOT_SENT}
    assert bench.statuses() == {"a": Status.RULED_OUT}


def test_rows_that_a_stopped_run_does_not_send_say_why(clock: Clock) -> None:
    def stopped_meanwhile(number: int) -> str:
        bench.placement.stop("stopped by a signal")
        return "call-1"

    bench = Bench(clock, Service(stopped_meanwhile))
    bench.place([order("a"), order("b"), order("c")])
    messages = {event.address.key: event.message for event in bench.events if event.kind is EventKind.NOT_SENT}
    assert messages == {"b": "stopped by a signal", "c": "stopped by a signal"}


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0])
def test_a_throttled_row_is_tried_ever_more_slowly(
    clock: Clock, no_waiting: list[float], retry_after: float | None
) -> None:
    def busy(number: int) -> str:
        raise NotSent("HTTP 429", retry_after=retry_after, throttled=True)

    service = Service(busy)
    bench = Bench(clock, service)
    assert bench.place([order("a")]) == {"a": EventKind.NOT_SENT}
    assert (bench.statuses(), bench.placement.stopped) == ({"a": Status.RULED_OUT}, None)
    assert 8 <= service.requests <= 15
    pauses = [pause for pause in no_waiting if pause >= 1]
    assert all(1 <= pause / 2 ** min(number, 6) <= 2 for number, pause in enumerate(pauses)), pauses
    [attempt] = bench.store.attempts(Address("june", "a"))
    seconds = (clock.time - START).total_seconds()
    assert attempt.evidence == f"refused with HTTP 429 {service.requests} times in {seconds:.0f} s"


@pytest.mark.parametrize(("after", "evidence"), [(0, None), (1, "1 time in "), (3, "3 times in ")])
def test_a_placed_call_that_was_refused_before_says_so(clock: Clock, after: int, evidence: str | None) -> None:
    def busy_first(number: int) -> str:
        if number <= after:
            raise NotSent("HTTP 429", throttled=True)
        return "call-1"

    bench = Bench(clock, Service(busy_first))
    assert bench.place([order("a")]) == {"a": EventKind.PLACED}
    [attempt] = bench.store.attempts(Address("june", "a"))
    assert (evidence or "") in (attempt.evidence or "")
    assert (attempt.evidence is None, attempt.error) == (evidence is None, None)


def test_throttling_ends_after_ten_minutes(clock: Clock) -> None:
    def busy(number: int) -> str:
        raise NotSent("HTTP 429", retry_after=200.0, throttled=True)

    service = Service(busy)
    bench = Bench(clock, service)
    assert bench.place([order("a")]) == {"a": EventKind.NOT_SENT}
    assert timedelta(seconds=400) <= clock.time - START < timedelta(minutes=10)
    assert service.requests == 3


def test_a_service_that_asks_for_hours_of_patience_ends_the_run(clock: Clock) -> None:
    def closed(number: int) -> str:
        raise NotSent("HTTP 429", retry_after=86_400.0, throttled=True)

    bench = Bench(clock, Service(closed))
    assert bench.place([order("a"), order("b")]) == {"a": EventKind.NOT_SENT, "b": EventKind.NOT_SENT}
    assert "86400 s" in str(bench.placement.stopped)
    assert clock.time == START


class Failing(InMemoryStore):
    """A state whose disk is full from the nth write of a kind on."""

    def __init__(self, method: str, nth: int) -> None:
        super().__init__(RUN)
        self.method, self.left = method, nth

    def _count(self, method: str) -> None:
        if method == self.method:
            self.left -= 1
            if self.left < 1:
                raise StateError("disk full")

    def turn(self, run_id: str, results: Sequence[Any], intents: Sequence[Any], at: datetime) -> Sequence[Any]:
        for method, items in (("record", results), ("intend", intents)):
            if items:
                self._count(method)
        return super().turn(run_id, results, intents, at)

    def record(self, *args: Any) -> Sequence[Any]:
        self._count("record")
        return super().record(*args)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("intend", {"a": EventKind.PLACED, "b": EventKind.NOT_SENT, "c": EventKind.NOT_SENT}),
        ("record", {"a": EventKind.PLACED, "b": EventKind.UNCERTAIN, "c": EventKind.NOT_SENT}),
    ],
)
def test_what_cannot_be_recorded_is_told_as_it_is(clock: Clock, method: str, told: dict[str, EventKind]) -> None:
    service = Service(lambda number: f"call-{number}")
    bench = Bench(clock, service, store=Failing(method, 2))
    with pytest.raises(StateError, match="disk full"):
        bench.place([order("a"), order("b"), order("c")])
    assert (bench.told(), bench.placement.stopped) == (told, "disk full")
    assert service.requests == sum(kind is not EventKind.NOT_SENT for kind in told.values())


def test_an_answer_is_kept_where_telling_of_the_next_row_fails(clock: Clock) -> None:
    def slow(number: int) -> str:
        clock.time += timedelta(minutes=1)
        return f"call-{number}"

    def tell(event: Event) -> None:
        if event.kind is EventKind.BLOCKED:
            raise StateError("the connection was lost")

    bench = Bench(clock, Service(slow), gate=SendCheck(NIGHT))
    bench.placement._emit = tell
    with pytest.raises(StateError, match="connection was lost"):
        bench.place([structs.replace(order(key), called_timezone="Etc/UTC") for key in "ab"])
    assert bench.statuses() == {"a": Status.PLACED}


class Slow(InMemoryStore):
    """A state on a slow disk, which notes how many answers and intents each turn was given."""

    def __init__(self) -> None:
        super().__init__(RUN)
        self.turns: list[tuple[int, int]] = []

    def turn(self, run_id: str, results: Sequence[Any], intents: Sequence[Any], at: datetime) -> Sequence[Any]:
        time.sleep(0.03)
        recorded = super().turn(run_id, results, intents, at)
        self.turns.append((len(results), len(intents)))
        return recorded


def test_answers_that_come_while_a_write_would_take_are_recorded_together(clock: Clock) -> None:
    class Staggered(Service):
        async def place(self, request: Request) -> Receipt:
            receipt = await super().place(request)
            await asyncio.sleep(0.002 * self.requests)
            return receipt

    store = Slow()
    bench = Bench(clock, Staggered(str), workers=4, store=store)
    assert set(bench.place([order(key) for key in "abcd"]).values()) == {EventKind.PLACED}
    assert store.turns == [(0, 4), (4, 0)]


def test_an_answer_does_not_wait_for_longer_than_a_write_takes(clock: Clock) -> None:
    class OneAfterAnother(Service):
        async def place(self, request: Request) -> Receipt:
            receipt = await super().place(request)
            for _ in range(1000):
                if len(bench.events) == int(receipt.call_id) - 1:
                    return receipt
                await asyncio.sleep(0.001)
            raise AssertionError("the answer before this one was never told")

    bench = Bench(clock, OneAfterAnother(str), workers=4, store=Slow())
    assert set(bench.place([order(key) for key in "abcd"]).values()) == {EventKind.PLACED}


def test_one_write_has_answers_and_the_intents_of_what_their_workers_send_next(clock: Clock) -> None:
    class Watched(Service):
        async def place(self, request: Request) -> Receipt:
            body: Any = request.body
            assert bench.statuses()[body["metadata"]["row"]] is Status.INTENDED, "its intent is durable"
            unknown = [status for status in bench.statuses().values() if status is Status.INTENDED]
            assert len(unknown) <= 2, "a crash now would leave no more unknowns than there are workers"
            return await super().place(request)

    store = Slow()
    bench = Bench(clock, Watched(str), workers=2, store=store)
    assert set(bench.place([order(key) for key in "abcdef"]).values()) == {EventKind.PLACED}
    assert store.turns[0] == (0, 2)
    assert all(intents in {answers, 0} for answers, intents in store.turns[1:])
    assert sum(intents for _, intents in store.turns) == 6


def test_intents_of_a_run_that_is_stopped_while_they_are_written_are_not_sent(clock: Clock) -> None:
    class Stopping(InMemoryStore):
        def turn(self, *args: Any) -> Sequence[Any]:
            recorded = super().turn(*args)
            bench.placement.stop("stopped by a signal")
            return recorded

    service = Service(str)
    bench = Bench(clock, service, store=Stopping(RUN))
    assert bench.place([order("a"), order("b")]) == {"a": EventKind.NOT_SENT, "b": EventKind.NOT_SENT}
    assert (bench.statuses(), service.requests) == ({"a": Status.RULED_OUT}, 0)


def test_a_run_that_is_cut_short_tells_what_was_in_flight(clock: Clock) -> None:
    class Hanging(Service):
        both = asyncio.Event()

        async def place(self, request: Request) -> Receipt:
            self.requests += 1
            if self.requests == 2:
                self.both.set()
            return await asyncio.get_running_loop().create_future()

    async def cut_short() -> None:
        task = asyncio.create_task(bench.placement.place([order("a"), order("b"), order("c")]))
        await service.both.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    service = Hanging(str)
    bench = Bench(clock, service, workers=2)
    asyncio.run(cut_short())
    assert bench.told() == {"a": EventKind.UNCERTAIN, "b": EventKind.UNCERTAIN, "c": EventKind.NOT_SENT}
    assert bench.statuses() == {"a": Status.INTENDED, "b": Status.INTENDED}


def test_five_unknowns_in_a_row_stop_a_run_before_more_is_intended(clock: Clock) -> None:
    def lost(number: int) -> str:
        raise OutcomeUnknown("HTTP 500")

    bench = Bench(clock, Service(lost))
    told = bench.place([order(key) for key in "abcdefg"])
    assert [key for key, kind in told.items() if kind is EventKind.UNCERTAIN] == list("abcde")
    assert bench.statuses() == dict.fromkeys("abcde", Status.UNCERTAIN)


class Passing:
    """A checkpoint that lets everything pass, and notes what."""

    def __init__(self) -> None:
        self.passed: list[Phase] = []

    async def carry(self, phase: Phase) -> None:
        self.passed.append(phase)


def test_a_batch_with_a_checkpoint_ends_before_the_next_and_nobody_is_asked_meanwhile(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneIsSlow(Service):
        async def place(self, request: Request) -> Receipt:
            receipt = await super().place(request)
            await asyncio.sleep(0.03 * (self.requests % 2))
            return receipt

    asked: list[float] = []
    wait = RateLimiter.wait
    monkeypatch.setattr(RateLimiter, "wait", lambda self: asked.append(wait(self)) or asked[-1])
    bench, checkpoint = Bench(clock, OneIsSlow(str), workers=2), Passing()
    bench.placement._checkpoint = checkpoint
    assert set(bench.place([order(key) for key in "abcd"]).values()) == {EventKind.PLACED}
    assert checkpoint.passed == [Phase.INTENDED, Phase.RECORDED] * 2
    assert len(asked) < 10, "it waits for answers, and does not look again and again"


def test_a_retry_uses_a_grant_too(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take = RateLimiter.take

    def counted(self: RateLimiter, count: int) -> None:
        taken.append(count)
        take(self, count)

    def third_time_lucky(number: int) -> str:
        if number < 3:
            raise NotSent("refused")
        return "call-1"

    monkeypatch.setattr(RateLimiter, "take", counted)
    service = Service(third_time_lucky)
    assert Bench(clock, service).place([order("a")]) == {"a": EventKind.PLACED}
    assert sum(taken) == service.requests == 3


class Sleeper(InMemoryStore):
    """Counts how often it is asked; the machine sleeps for an hour after each of the first ``sleeps`` answers."""

    def __init__(self, sleeps: int) -> None:
        super().__init__(RUN)
        self.sleeps = sleeps
        self.asked = 0
        self.hours = 0

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        super().prove(run_id, addresses)
        self.asked += 1
        self.hours = min(self.asked, self.sleeps)

    def elapsed(self) -> float:
        return self.hours * 3600.0


@pytest.mark.parametrize(("sleeps", "asked", "sent"), [(0, 1, 1), (1, 2, 1), (2, 3, 1), (9, 3, 0)])
def test_a_proof_from_before_the_machine_slept_is_no_proof(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, sleeps: int, asked: int, sent: int
) -> None:
    store = Sleeper(sleeps)
    monkeypatch.setattr(clock, "elapsed", store.elapsed)
    service = Service(str)
    kinds = Bench(clock, service, store=store).place([order("a")])
    assert (store.asked, service.requests) == (asked, sent)
    assert kinds == {"a": EventKind.PLACED if sent else EventKind.NOT_SENT}


def test_workers_that_leave_together_share_one_proof(clock: Clock) -> None:
    store = Sleeper(0)
    assert set(Bench(clock, Service(str), workers=4, store=store).place([order(key) for key in "abcd"])) == {
        *"abcd"
    }
    assert store.asked == 1
