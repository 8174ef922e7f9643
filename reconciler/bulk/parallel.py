"""Work on long sequences in parts, shared among as many processes as there are processors; in order all the same.

The processes are copies of this one (``fork``), made when the work begins: they have all that it has, without a
word about it, and only what they make travels. Where a copy cannot be made well, this process does all of it.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import IO, Any, Literal, NoReturn, TypeVar

from reconciler.errors import ReconcilerError, UsageError
from reconciler.quantities import parse_integer
from reconciler.system import environment

R = TypeVar("R")

VARIABLE = environment.PROCESSES
_MOST = 8  # the one process that puts everything in order is busy with so many
_HEAD = struct.Struct("!cQ")
_PIPE = 1 << 20
# Microseconds of processor time that a container has in a period of so many (Linux, Documentation/admin-guide:
# cgroup-v2.rst, "cpu.max"; scheduler/sched-bwc.rst for version 1).
_SHARES = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
_LAST = frozenset({b"!", b"."})
_Kind = Literal[b"=", b"+", b"!", b"."]  # bytes, another result, an exception, the end


def processes() -> int:
    """How many processes share long work: 1 is this one alone.

    Raises:
        UsageError: the variable that says so holds no number above 0.
    """
    asked = environment.variable(VARIABLE)
    try:
        wanted = None if asked is None else parse_integer(asked, 1)
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: {error}", hint="a number of processes, such as 1") from error
    if sys.platform != "linux" or threading.active_count() > 1:  # a copy has one thread, and others' locks
        return 1
    return min(_MOST, _processors() if wanted is None else wanted)


def _processors() -> int:
    """How many processors this process may keep busy: those it may run on, or its container's share of them."""
    granted = len(os.sched_getaffinity(0))
    for files in _SHARES:
        with suppress(OSError, ValueError):  # no such limit, or none that is a number
            quota, period = map(int, " ".join(Path(file).read_text(encoding="ascii") for file in files).split())
            if quota > 0 < period:
                granted = min(granted, -(-quota // period))
    return granted


def spread(make: Callable[[int], R | None]) -> Iterator[R]:
    """What ``make`` makes of 0, 1, 2 ..., until it makes None.

    Where it runs in copies of this process, all that it changes there is lost, what it makes is pickled, and one
    copy is not asked for every number, but still in ascending order. What it raises is raised in its place.

    Raises:
        ReconcilerError: the system ended one of the processes.
    """
    copies = _copies(make, processes())
    if not copies:
        yield from _alone(make)
        return
    try:
        for copy in cycle(copies):
            kind, data = copy.receive()
            if kind == b".":
                return
            found = data if kind == b"=" else pickle.loads(data)  # noqa: S301 - from a copy of this process
            if kind == b"!":
                raise found
            yield found
    finally:
        for copy in copies:
            copy.end()


def _alone(make: Callable[[int], R | None]) -> Iterator[R]:
    for number in count():
        made = make(number)
        if made is None:
            return
        yield made


@dataclass(slots=True)
class _Copy:
    """A process that works, and the pipe in which its results arrive."""

    pid: int
    results: IO[bytes]

    def receive(self) -> tuple[bytes, Any]:
        """The kind of what comes next, and it. Raises ``ReconcilerError`` where the process is no more."""
        head = self.results.read(_HEAD.size)
        if len(head) == _HEAD.size:
            kind, size = _HEAD.unpack(head)
            data = self.results.read(size)
            if len(data) == size:
                return kind, data
        hint = f"was memory short? {VARIABLE}=1 needs less of it"
        raise ReconcilerError("the system ended a process that this run had started", hint=hint)

    def end(self) -> None:
        """Let it go, wherever it is."""
        self.results.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _copies(make: Callable[[int], object], wanted: int) -> list[_Copy]:
    """As many as wanted at work; none where that would be one, or there is no room for them."""
    copies: list[_Copy] = []
    try:
        for number in range(wanted if wanted > 1 else 0):
            copies.append(_start(make, number, wanted, copies))
    except OSError:
        for copy in copies:
            copy.end()
        return []
    return copies


def _start(make: Callable[[int], object], first: int, step: int, others: Iterable[_Copy]) -> _Copy:
    import fcntl  # noqa: PLC0415 - not every system has it

    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        _work(make, first, step, writing, [reading, *(other.results.fileno() for other in others)])
    os.close(writing)
    with suppress(OSError):  # it works with a smaller one, too
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE)
    return _Copy(pid, open(reading, "rb", buffering=_PIPE))  # noqa: PTH123 - a pipe; closed in end()


def _work(make: Callable[[int], object], first: int, step: int, writing: int, unused: Iterable[int]) -> NoReturn:
    """The life of a copy. It ends when its work does, or when nobody reads what it makes any more."""
    try:
        for ending in (
            signal.SIGHUP,
            signal.SIGINT,
            signal.SIGTERM,
        ):  # sent to the whole group: the parent decides
            signal.signal(ending, signal.SIG_IGN)
        for pipe in unused:
            os.close(pipe)
        with open(writing, "wb", buffering=0) as results:
            for number in count(first, step):
                kind, data = _made(make, number)
                _send(results, kind, data)
                if kind in _LAST:
                    break
    finally:
        os._exit(0)


def _made(make: Callable[[int], object], number: int) -> tuple[_Kind, bytes]:
    try:
        made = make(number)
        if made is None or isinstance(made, bytes):
            return (b".", b"") if made is None else (b"=", made)
        return b"+", pickle.dumps(made, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - raised again where the result would be
        return b"!", _pickled(error)


def _pickled(error: Exception) -> bytes:
    """The exception, or its words where it cannot travel."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - just written
    except Exception:  # noqa: BLE001 - exceptions choose how they are pickled
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return data


def _send(results: IO[bytes], kind: _Kind, data: bytes) -> None:
    for part in (_HEAD.pack(kind, len(data)), data):
        waiting = memoryview(part)
        while waiting:
            waiting = waiting[results.write(waiting) :]
