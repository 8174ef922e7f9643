"""Writes beside the loop: others go on meanwhile, a cut waits for them, and only what is durable is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.cli.app import SystemClock
from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Status
from reconciler.domain.ports import Intent, Result, Run
from reconciler.errors import StateError
from reconciler.placing.journal import Journal
from tests.memory import InMemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", NOW, "host", 1, "me", "0")
A = Address("june", "a")
CALL = Call("agent", "number", contact_id="contact")
INTENT = Intent(A, CALL, identity.digest(CALL), "single-contact-call", NOW)


class Slow(InMemoryStore):
    """A state whose writes of intents end when the test says so, by what ``ending`` does."""

    def __init__(self, ending: Callable[[], None] = lambda: None) -> None:
        super().__init__(RUN)
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.ending = ending
        self.threads: set[int] = set()

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.may_end.wait(30)
        self.ending()
        return super().turn(run_id, results, intents, at)


def nothing(*_: object) -> None:
    """What follows where a test does not care."""


def intend(store: InMemoryStore, then: Callable[[], None]) -> asyncio.Task[None]:
    return asyncio.create_task(Journal(store, RUN.id, SystemClock()).turn([], [INTENT], NOW, nothing, then))


def statuses(store: InMemoryStore) -> list[Status]:
    return [entry.status for entry in store.entries()]


def test_the_loop_goes_on_while_the_disk_is_busy() -> None:
    async def both() -> None:
        writing = intend(store, lambda: told.append("durable"))
        assert await asyncio.to_thread(store.begun.wait, 30)
        told.append("meanwhile")
        store.may_end.set()
        await writing

    store, told = Slow(), list[str]()
    asyncio.run(both())
    assert told == ["meanwhile", "durable"]
    assert store.threads.isdisjoint({threading.get_ident()})


@pytest.mark.parametrize("cuts", [1, 3])
def test_a_cut_waits_for_the_write_and_tells_it(cuts: int) -> None:
    async def cut() -> None:
        writing = intend(store, lambda: told.append(INTENT))
        assert await asyncio.to_thread(store.begun.wait, 30)
        for _ in range(cuts):
            writing.cancel()
            await asyncio.sleep(0.001)
            assert not writing.done()
        store.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await writing

    store, told = Slow(), list[Intent]()
    asyncio.run(cut())
    assert (told, statuses(store)) == ([INTENT], [Status.INTENDED])


@pytest.mark.parametrize("cut", [False, True])
def test_what_could_not_be_written_is_not_told(cut: bool) -> None:
    def full() -> None:
        raise StateError("disk full")

    async def fail() -> None:
        writing = intend(store, lambda: told.append(INTENT))
        assert await asyncio.to_thread(store.begun.wait, 30)
        if cut:
            writing.cancel()
        store.may_end.set()
        with pytest.raises(StateError, match="disk full"):
            await writing

    store, told = Slow(full), list[Intent]()
    asyncio.run(fail())
    assert (told, statuses(store)) == ([], [])


def test_every_kind_of_write_is_of_its_run_and_timed() -> None:
    async def write() -> None:
        journal = Journal(store, RUN.id, SystemClock())
        await journal.turn([], [INTENT], NOW, nothing, nothing)
        await journal.turn([Result(A, Status.RULED_OUT, NOW)], [], NOW, nothing, nothing)
        await journal.record_missed([INTENT], NOW, nothing)
        assert journal.took > 0

    store = Slow()
    store.may_end.set()
    asyncio.run(write())
    assert [attempt.status for attempt in store.attempts(A)] == [Status.RULED_OUT, Status.MISSED]


def test_answers_are_kept_where_the_intents_beside_them_are_refused() -> None:
    async def refused() -> None:
        journal = Journal(store, RUN.id, SystemClock())
        await journal.turn([], [INTENT], NOW, nothing, nothing)
        with pytest.raises(StateError, match="june/a is already placed"):
            await journal.turn([answer], [INTENT], NOW, told.extend, lambda: told.append("b"))

    store, told = Slow(), list[Result | str]()
    store.may_end.set()
    answer = Result(A, Status.PLACED, NOW, "call-1")
    asyncio.run(refused())
    assert (told, statuses(store)) == ([answer], [Status.PLACED])


def test_what_goes_wrong_with_telling_is_no_failure_of_the_write() -> None:
    def tell(_: object) -> None:
        raise StateError("the connection was lost")

    async def turn() -> None:
        journal = Journal(store, RUN.id, SystemClock())
        await journal.turn([], [INTENT], NOW, nothing, nothing)
        with pytest.raises(StateError, match="connection was lost"):
            await journal.turn([answer], [other], NOW, tell, lambda: told.append("intended"))

    store, told = Slow(), list[str]()
    store.may_end.set()
    answer, other = Result(A, Status.PLACED, NOW, "call-1"), replace(INTENT, address=Address("june", "b"))
    asyncio.run(turn())
    assert (told, statuses(store)) == (["intended"], [Status.PLACED, Status.INTENDED])
