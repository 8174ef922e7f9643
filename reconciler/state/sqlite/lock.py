"""Locks that allow only one writer. The operating system releases them when their holder ends, and never earlier.

There are two. One is on a lock file beside the state. On Linux the state's file is locked too, so that deleting or
replacing the lock file does not let a second run in. On other systems flock(2) and fcntl(2) share one table, and
SQLite uses fcntl(2), so this lock would lock SQLite out.

The descriptor of the state's file must be closed after SQLite's own, because closing any descriptor of a file
drops all of the process's fcntl(2) locks on it (https://sqlite.org/howtocorrupt.html, 2.2).
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
    """A file's size and times, and its first bytes, in which SQLite counts changes."""

    size: int
    changed: tuple[int, int]
    header: bytes

    @property
    def count(self) -> int:
        return int.from_bytes(self.header[24:28])


class HeldFile:
    """The state's file (open as ``descriptor``) and its lock file, both locked by this run.

    ``lock_file`` is None for a session that writes without the lock.
    """

    def __init__(self, path: Path, lock_file: Path | None, descriptor: int) -> None:
        self._state = (str(path), os.fstat(descriptor))
        self._lock = None if lock_file is None else (str(lock_file), lock_file.stat())
        self._descriptor = descriptor
        self._stamp: _Stamp | None = None

    def look(self) -> _Stamp:
        """The state's file now.

        Raises:
            StateError: it or its lock file is no longer the one that this run locked.
        """
        now = _same_file("state", *self._state)
        if self._lock is not None:
            _same_file("lock file", *self._lock)
        return _Stamp(now.st_size, (now.st_mtime_ns, now.st_ctime_ns), os.pread(self._descriptor, _HEADER, 0))

    def untouched(self) -> bool:
        """Whether nobody has written the state since ``remember``. Takes about 10 µs.

        Raises:
            StateError: as for ``look``.
        """
        return self.look() == self._stamp

    def remember(self, stamp: _Stamp | None) -> None:
        """Store how the file looked when it was last read and was correct; None if unknown."""
        self._stamp = stamp

    def committed(self) -> None:
        """Called after each write of this run. If the change count shows that somebody else has also written, the
        stored look is discarded.
        """
        before, now = self._stamp, self.look()
        self._stamp = now if before is not None and now.count - before.count in {0, 1} else None


def _same_file(name: str, path: str, locked_file: os.stat_result) -> os.stat_result:
    try:
        now = os.stat(path)  # noqa: PTH116 - before each request, and a Path is slower
    except OSError:
        now = None
    if now is None or not os.path.samestat(now, locked_file):
        raise rules.lost(f"the {name} {path} was replaced or deleted while this run used it")
    return now


@contextmanager
def unlocked(path: Path) -> Iterator[HeldFile]:
    """The state's file without its locks. Raises ``StateError`` if it cannot be opened."""
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

    The lock file is beside the file itself, not beside a link to it, so that one state has one lock.

    Raises:
        StateLocked: another run holds one; ``holder`` describes it.
        StateError: they cannot be taken, or the file system does not support such locks.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 10 ms, and readers take no lock

    real = path.resolve()
    lock_file = real.with_name(f"{real.name}.lock")
    lock = FileLock(lock_file, mode=0o600, is_singleton=False, thread_local=False, fallback_to_soft=False)
    give_up_at = time.monotonic() + timeout
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        raise rules.locked(holder()) from error
    except (OSError, NotImplementedError) as error:
        raise _unusable(lock_file, error) from error
    descriptor = -1
    try:
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
            _lock_file(descriptor, give_up_at, holder)
            held = HeldFile(path, lock_file, descriptor)
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
