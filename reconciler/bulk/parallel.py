"""Work on long sequences in parts, in as many processes as there are processors; the results come in order.

The workers are forks of this process, made when the work begins: they have all its objects, and only results are
sent. Where processes cannot be forked safely, this process does all the work.
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
_MOST = 8  # with more, the process that takes their results is the slowest
_HEAD = struct.Struct("!cQ")
_PIPE = 1 << 20
# Microseconds of processor time that a container has in a period of so many (Linux, Documentation/admin-guide:
# cgroup-v2.rst, "cpu.max"; scheduler/sched-bwc.rst for version 1).
_SHARES = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
_LAST = frozenset({b"!", b"."})
_Kind = Literal[b"=", b"+", b"!", b"."]  # bytes, another result, an exception, the end of the work


def processes() -> int:
    """The number of processes for long work; 1 is this process alone.

    Raises:
        UsageError: the environment variable is not a number above 0.
    """
    asked = environment.variable(VARIABLE)
    try:
        wanted = None if asked is None else parse_integer(asked, 1)
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: {error}", hint="a number of processes, such as 1") from error
    if sys.platform != "linux" or threading.active_count() > 1:  # a fork keeps the locks of other threads
        return 1
    return min(_MOST, _processors() if wanted is None else wanted)


def _processors() -> int:
    """The number of processors that this process may use: its CPU affinity, or its container's limit."""
    granted = len(os.sched_getaffinity(0))
    for files in _SHARES:
        with suppress(OSError, ValueError):  # there is no such limit
            quota, period = map(int, " ".join(Path(file).read_text(encoding="ascii") for file in files).split())
            if quota > 0 < period:
                granted = min(granted, -(-quota // period))
    return granted


def spread(make: Callable[[int], R | None]) -> Iterator[R]:
    """The results of ``make`` for 0, 1, 2 ..., until it returns None.

    In a worker, changes to objects are lost, results are pickled, and ``make`` is not called for every number, but
    still in ascending order. Its exceptions are raised in the place of the result.

    Raises:
        ReconcilerError: the system ended one of the workers.
    """
    workers = _start_workers(make, processes())
    if not workers:
        numbers = count()
        while (made := make(next(numbers))) is not None:
            yield made
        return
    try:
        for worker in cycle(workers):
            kind, data = worker.receive()
            if kind == b".":
                return
            result = data if kind == b"=" else pickle.loads(data)  # noqa: S301 - from a fork of this process
            if kind == b"!":
                raise result
            yield result
    finally:
        for worker in workers:
            worker.end()


@dataclass(slots=True)
class _Worker:
    """A forked process, and the pipe in which its results arrive."""

    pid: int
    results: IO[bytes]

    def receive(self) -> tuple[bytes, Any]:
        """The kind and the bytes of the next result. Raises ``ReconcilerError`` if the process has ended."""
        head = self.results.read(_HEAD.size)
        if len(head) == _HEAD.size:
            kind, size = _HEAD.unpack(head)
            data = self.results.read(size)
            if len(data) == size:
                return kind, data
        hint = f"was memory short? {VARIABLE}=1 needs less of it"
        raise ReconcilerError("the system ended a process that this run had started", hint=hint)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.results.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _start_workers(make: Callable[[int], object], wanted: int) -> list[_Worker]:
    """As many workers as wanted; none if that is one, or if the system has no room for them."""
    workers: list[_Worker] = []
    try:
        for number in range(wanted if wanted > 1 else 0):
            workers.append(_start(make, number, wanted, workers))
    except OSError:
        for worker in workers:
            worker.end()
        return []
    return workers


def _start(make: Callable[[int], object], first: int, step: int, others: Iterable[_Worker]) -> _Worker:
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
    with suppress(OSError):  # a smaller pipe works too
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE)
    return _Worker(pid, open(reading, "rb", buffering=_PIPE))  # noqa: PTH123 - a pipe; closed in end()


def _work(make: Callable[[int], object], first: int, step: int, writing: int, unused: Iterable[int]) -> NoReturn:
    """Run a worker. It ends with its work, or when nobody reads its results any more."""
    try:
        for ending in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):  # the parent gets it too, and decides
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
    """The exception, or one with the same text if it cannot be pickled."""
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
