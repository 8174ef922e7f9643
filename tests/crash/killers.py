"""What kills a command: at a step of its journal, at a statement or a commit of SQLite, or at a moment in time.

All of them are SIGKILL. Steps and statements are exact: the same seed dies at the same instruction. The others use
a timer of the kernel (timer_create(2) with ``sigev_signo`` SIGKILL), which strikes wherever the process is: in
Python, in C, or in the middle of a system call.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reconciler.contactship.client import ContactShip
from reconciler.evidence import settle
from reconciler.placing import schedule_check
from reconciler.state.checkpoint import CommandCheckpoint
from reconciler.state.sqlite import connection as connections
from reconciler.state.store import Store
from reconciler.state.unlocked_store import UnlockedStore

MOMENT, STATEMENT, COMMIT = BY_CHANCE = ("moment", "statement", "commit")
IN_A_COMMIT = 100  # microseconds that a commit takes on a file system in memory
# How many statements and commits of SQLite a command passes; measured. One that passes fewer survives.
PASSES = {
    "apply": (165, 5),
    "init": (174, 1),
    "status": (55, 0),
    "plan": (23, 0),
    "resolve": (30, 2),
    "pause": (49, 1),
    "resume": (71, 1),
    "state backup": (5, 0),
    "state push": (35, 0),
    "state pull": (240, 2),
    "state migrate": (351, 4),
    "state redact": (85, 3),
    "state rebuild": (334, 4),
}


@dataclass(frozen=True)
class Kill:
    """Where a command dies: at the ``nth`` pass of a named point, before the ``nth`` statement of SQLite,
    ``microseconds`` after the ``nth`` commit of changes began, or ``microseconds`` after the command began.
    """

    kind: str
    nth: int = 1
    microseconds: int = 0

    def __str__(self) -> str:
        if self.kind == MOMENT:
            return f"{self.microseconds:,} µs after the start"
        after = f" + {self.microseconds} µs" if self.kind == COMMIT else ""
        return f"{self.kind} {self.nth}{after}"

    def spec(self, fired: Path) -> dict[str, Any]:
        """The part of a victim's specification that arms it."""
        if self.kind in BY_CHANCE:
            return {"kill": asdict(self)}
        return {"point": self.kind, "nth": self.nth, "fired": str(fired)}


def draw_kill(draw: random.Random, command: str, took: int, kind: str | None = None) -> Kill:
    """A moment, a statement or a commit of a command that takes about ``took`` microseconds."""
    statements, commits = PASSES[command]
    kind = kind or draw.choice(BY_CHANCE if commits else (MOMENT, STATEMENT))
    if kind == MOMENT:
        return Kill(kind, microseconds=draw.randrange(1, took))
    if kind == STATEMENT:
        return Kill(kind, draw.randint(1, statements))
    return Kill(kind, draw.randint(1, commits), draw.randrange(IN_A_COMMIT))


class Killer:
    """Dies at the nth pass of one point, after noting that it does."""

    def __init__(self, point: str, nth: int, fired: Path) -> None:
        self.point = point
        self.left = nth
        self.fired = fired

    def pass_by(self, point: str) -> None:
        if point != self.point:
            return
        self.left -= 1
        if self.left == 0:
            self.fired.write_text(point)
            os.kill(os.getpid(), signal.SIGKILL)


def around(owner: Any, name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call ``before`` and ``after`` around a method."""
    original = getattr(owner, name)
    if asyncio.iscoroutinefunction(original):

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            before()
            try:
                return await original(*args, **kwargs)
            finally:
                after()
    else:

        def wrapped(*args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
            before()
            try:
                return original(*args, **kwargs)
            finally:
                after()

    setattr(owner, name, wrapped)


def arm(killer: Killer) -> None:
    """Put the killer at every step."""

    def at(point: str) -> Callable[[], None]:
        return lambda: killer.pass_by(point)

    turn = Store.turn

    def watched(self: Store, run_id: str, results: Any, intents: Any, moment: Any) -> Any:
        written = [name for name, items in (("answer", results), ("intent", intents)) if items]
        for name in written:
            killer.pass_by(f"before-{name}")
        recorded = turn(self, run_id, results, intents, moment)
        for name in written:
            killer.pass_by(f"after-{name}")
        return recorded

    Store.turn = watched  # type: ignore[method-assign]
    around(Store, "_open", lambda: None, at("inside-intent"))
    around(ContactShip, "_post", at("before-send"), at("after-send"))
    around(Store, "_close", lambda: None, at("inside-answer"))
    around(Store, "adopt", at("before-adoption"), at("after-adoption"))
    around(settle.matching, "match", at("before-lookup"), lambda: None)
    around(Store, "end_run", at("before-end"), lambda: None)
    around(schedule_check.ScheduleCheck, "_look", lambda: None, at("before-verdict"))
    around(UnlockedStore, "pause", at("before-pause"), at("after-pause"))
    around(UnlockedStore, "_write", lambda: None, at("inside-pause"))
    around(UnlockedStore, "_end_run", lambda: None, at("before-pause-commit"))
    around(CommandCheckpoint, "carry", at("before-checkpoint"), at("after-checkpoint"))


def arm_by_chance(kill: Kill) -> None:
    """Die at a moment, a statement or a commit."""
    if kill.kind == MOMENT:
        _strike_in(kill.microseconds)
        return
    left, changes = kill.nth, dict[Any, int]()
    execute = connections._PollingConnection.execute

    def writes(connection: Any) -> bool:
        before, changes[connection] = changes.get(connection, 0), connection.total_changes
        return changes[connection] > before

    def counted(self: Any, sql: str, parameters: Any = (), /) -> Any:
        nonlocal left
        if kill.kind == STATEMENT or (sql == "commit" and writes(self)):
            left -= 1
            if left == 0:
                _strike_in(kill.microseconds)
        return execute(self, sql, parameters)

    connections._PollingConnection.execute = counted  # type: ignore[method-assign]


class _SignalEvent(ctypes.Structure):
    """``struct sigevent`` of Linux (64 bytes), of which the first fields are used."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    )


def _strike_in(microseconds: int) -> None:
    """Have the kernel kill this process in so many microseconds; at once if there are none."""
    if microseconds == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    libc = ctypes.CDLL(None, use_errno=True)
    timer = ctypes.c_void_p()
    event = _SignalEvent(signal=signal.SIGKILL, notify=0)  # SIGEV_SIGNAL
    seconds, rest = divmod(microseconds, 1_000_000)
    when = (ctypes.c_long * 4)(0, 0, seconds, rest * 1_000)  # struct itimerspec: once
    if libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
        raise OSError(ctypes.get_errno(), "timer_create")
    if libc.timer_settime(timer, 0, ctypes.byref(when), None):
        raise OSError(ctypes.get_errno(), "timer_settime")
