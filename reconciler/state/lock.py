"""One writer at a time: an operating-system lock beside the file, which dies with its holder and never before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import StateError, StateLocked
from reconciler.system import next_step, told


@contextmanager
def locked(path: Path, timeout: float, holder: Callable[[], str | None]) -> Iterator[Callable[[], None]]:
    """Hold the lock of the state at ``path``; wait ``timeout`` seconds for it.

    It lies beside the file itself, not beside a link to it: one state has one lock, whatever name it is opened by.
    Yields a check that raises ``StateError`` where the lock's file or the state's was replaced meanwhile: then
    another process may hold a lock too, and nothing more may be written.

    Raises:
        StateLocked: another run holds it; ``holder`` tells who.
        StateError: it cannot be taken, or the file system has no locks that die with their holder.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - 10 ms, and readers take no lock

    real = path.resolve()
    beside = real.with_name(f"{real.name}.lock")
    lock = FileLock(beside, mode=0o600, is_singleton=False, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        who = holder()
        raise StateLocked(
            f"the state is locked by {who or 'another run'}",
            hint="wait for it, or pass --lock-timeout; the lock is gone as soon as that process is",
        ) from error
    except (OSError, NotImplementedError) as error:
        reason, hint = (told(error), next_step(error)) if isinstance(error, OSError) else (error, None)
        raise StateError(f"the lock {beside} cannot be taken: {reason}", hint=hint) from error
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
