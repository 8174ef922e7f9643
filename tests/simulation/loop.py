"""An event loop whose time is simulated: it jumps to the next timer, and nothing ever waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

from tests.simulation.machine import Crash, Machine

MACHINE: ContextVar[Machine | None] = ContextVar("machine", default=None)
"""The machine whose code runs now; None for the service and the network."""

SLOWEST_WRITE = 0.02  # seconds


class Stuck(Exception):  # noqa: N818 - an outcome
    """Something waits, and nothing will ever happen."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in one thread, in the order of simulated time. ``random`` decides how long writes take.

    What asyncio runs in a thread (``run_in_executor``) is run here at a later moment of the same time, so that
    everything that other tasks may do meanwhile is tried too.
    """

    def __init__(self, source: random.Random) -> None:
        super().__init__()
        self.random = source
        self._now = 0.0
        self._selector = self
        self.set_task_factory(_task)
        self.set_exception_handler(lambda loop, context: None)  # an abandoned task of a machine that crashed

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """What a selector does: wait for the next timer. There are no sockets."""
        if timeout is None:
            raise Stuck
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """No sockets, no events."""

    def _write_to_self(self) -> None:
        """Nobody needs to be woken up."""

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        result: asyncio.Future[Any] = self.create_future()
        machine = MACHINE.get()

        def run() -> None:
            try:
                if machine is not None:
                    machine.check_alive()
                value = func(*args)
            except (StopIteration, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                if not result.done():
                    result.set_exception(error)
            else:
                suspended = 0.0 if machine is None else machine.delayed(0.0)
                self.call_later(suspended, deliver, value)

        def deliver(value: Any) -> None:
            if not result.done():
                result.set_result(value)

        self.call_later(self.random.uniform(0, SLOWEST_WRITE), run)
        return result

    def in_world(self, delay: float, func: Callable[[], None]) -> None:
        """Call ``func`` later, in no machine: what has left a machine happens, whatever becomes of it."""
        token = MACHINE.set(None)
        try:
            self.call_later(delay, func)
        finally:
            MACHINE.reset(token)


def _task(
    loop: asyncio.AbstractEventLoop, coro: Generator[Any, None, Any] | Any, **options: Any
) -> asyncio.Task[Any]:
    machine = MACHINE.get()
    task = asyncio.Task(coro, loop=loop, **options)
    if machine is not None:
        machine.tasks.append(task)
    return task


async def run_on(machine: Machine, coro: Any) -> Any:
    """The result of a coroutine that runs on a machine, until its end or the machine's.

    Raises:
        Crash: the machine ended.
    """
    token = MACHINE.set(machine)
    try:
        task = asyncio.get_running_loop().create_task(coro)
    finally:
        MACHINE.reset(token)
    await asyncio.wait([task])
    if machine.dead:
        await _let_die(machine)
        raise Crash
    return task.result()


async def _let_die(machine: Machine) -> None:
    """Let the tasks of a machine that crashed end. Nothing that they still do has an effect."""
    while left := [task for task in machine.tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left)
    for task in machine.tasks:
        if not task.cancelled():
            task.exception()
