"""One writer at a time: an operating-system lock beside the file, which dies with its holder and never before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reconciler.errors import StateError, StateLocked


@contextmanager
def locked(path: Path, timeout: float, holder: Callable[[], str | None]) -> Iterator[Callable[[], None]]:
    """Hold the lock of the state at ``path``; wait ``timeout`` seconds for it.

    Yields a check that raises ``StateError`` where the lock's file or the state's was replaced meanwhile: then
    another process may hold a lock too, and nothing more may be written.

    Raises:
        StateLocked: another run holds it; ``holder`` tells who.
    """
    beside = path.with_name(f"{path.name}.lock")
    lock = FileLock(beside, mode=0o600, is_singleton=False, thread_local=False)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        who = holder()
        raise StateLocked(
            f"the state is locked by {who or 'another run'}",
            hint="wait for it, or pass --lock-timeout; the lock is gone as soon as that process is",
        ) from error
    except OSError as error:
        raise StateError(f"the lock {beside} cannot be taken: {error.strerror or error}") from error
    try:
        held = (_identity(path), _identity(beside))

        def check() -> None:
            if (_identity(path), _identity(beside)) != held:
                raise StateError(
                    "the state or its lock was replaced while this run held it: nothing more is written"
                )

        yield check
    finally:
        lock.release()


def _identity(path: Path) -> tuple[int, int]:
    """Which file a name stands for."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
