"""One writer at a time: locks of the operating system, which die with their holder and never before.

There are two. One is on a file of its own beside the state, where it is in nobody's way. On Linux the state's file
itself is locked as well, so that a lock file that was deleted or replaced lets nobody in. Elsewhere that is not
possible: flock(2) there shares its table with fcntl(2), whose locks SQLite uses, and would lock SQLite out.

The descriptor of the state's file must be closed after SQLite's own: closing any descriptor of a file drops all of
the process's fcntl(2) locks on it (https://sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.system.failures import error_message, next_step

_POLL = 0.05  # seconds
_HEADER = 100  # bytes; see https://sqlite.org/fileformat2.html, 1.3


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a file looks like from outside, and its first bytes, in which SQLite counts the file's changes."""

    size: int
    changed: tuple[int, int]
    header: bytes

    @property
    def count(self) -> int:
        return int.from_bytes(self.header[24:28])


class HeldFile:
    """The state's file and its lock file, both locked by this run. ``descriptor`` is the state's file, open.

    ``beside``, the lock file, is None for a session that writes without the lock.
    """

    def __init__(self, path: Path, beside: Path | None, descriptor: int) -> None:
        self._state = (str(path), os.fstat(descriptor))
        self._lock = None if beside is None else (str(beside), beside.stat())
        self._descriptor = descriptor
        self._stamp: _Stamp | None = None

    def look(self) -> _Stamp:
        """How the state looks now.

        Raises:
            StateError: it or its lock file is not the one that this run holds any more.
        """
        now = _still("state", *self._state)
        if self._lock is not None:
            _still("lock file", *self._lock)
        return _Stamp(now.st_size, (now.st_mtime_ns, now.st_ctime_ns), os.pread(self._descriptor, _HEADER, 0))

    def untouched(self) -> bool:
        """Whether nobody has written the state since ``remember``. Takes some 10 µs.

        Raises:
            StateError: as for ``look``.
        """
        return self.look() == self._stamp

    def remember(self, stamp: _Stamp | None) -> None:
        """This is how the file looked when it was last read and found to be right; None where nobody knows."""
        self._stamp = stamp

    def committed(self) -> None:
        """This run has just written it. Where the count of changes says that somebody else has too, what is
        remembered is forgotten.
        """
        before, now = self._stamp, self.look()
        self._stamp = now if before is not None and now.count - before.count in {0, 1} else None


def _still(what: str, path: str, held: os.stat_result) -> os.stat_result:
    try:
        found = os.stat(path)  # noqa: PTH116 - before each request, and a Path is slower
    except OSError:
        found = None
    if found is None or not os.path.samestat(found, held):
        raise rules.lost(f"the {what} {path} was replaced or deleted while this run used it")
    return found


@contextmanager
def unlocked(path: Path) -> Iterator[HeldFile]:
    """The state's file without its locks. Raises ``StateError`` where it cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(
            f"the state {path} cannot be opened: {error_message(error)}", hint=next_step(error)
        ) from error
    try:
        yield HeldFile(path, None, descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, timeout: float, holder: Callable[[], str | None]) -> Iterator[HeldFile]:
    """Hold the locks of the state at ``path``; wait ``timeout`` seconds for them.

    The lock file lies beside the file itself, not beside a link to it: one state has one lock, whatever name it is
    opened by.

    Raises:
        StateLocked: another run holds one; ``holder`` tells who.
        StateError: they cannot be taken, or the file system has no locks that die with their holder.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 10 ms, and readers take no lock

    real = path.resolve()
    beside = real.with_name(f"{real.name}.lock")
    lock = FileLock(beside, mode=0o600, is_singleton=False, thread_local=False, fallback_to_soft=False)
    give_up_at = time.monotonic() + timeout
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        raise rules.locked(holder()) from error
    except (OSError, NotImplementedError) as error:
        raise _unusable(beside, error) from error
    descriptor = -1
    try:
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
            _lock_file(descriptor, give_up_at, holder)
            held = HeldFile(path, beside, descriptor)
        except OSError as error:
            raise _unusable(real, error) from error
        yield held
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        lock.release()


def _lock_file(descriptor: int, give_up_at: float, holder: Callable[[], str | None]) -> None:
    if sys.platform != "linux":
        return
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= give_up_at:
                raise rules.locked(holder()) from error
            time.sleep(_POLL)
        else:
            return


def _unusable(path: Path, error: OSError | NotImplementedError) -> StateError:
    reason, hint = (error_message(error), next_step(error)) if isinstance(error, OSError) else (error, None)
    return StateError(f"the lock {path} cannot be taken: {reason}", hint=hint)
