"""Write to the paths that a person names on the command line. A file is written completely or not at all.

- A regular file is atomically replaced by a new one. Links outside the project are followed.
- A device or a pipe (``/dev/null``, ``/dev/stdout``, ``/dev/fd/3``) is written to directly.
- A link in the project is refused: a pull request may have added it to choose which file is overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from reconciler.errors import ReconcilerError
from reconciler.source.settings.project import find_project
from reconciler.system.failures import FileRefused, error_message, next_step
from reconciler.system.files import make_folders, sync_folder

_CANNOT_SYNC = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP})
_DESCRIPTOR = re.compile(r"/dev/(?:fd/([0-9]{1,6})|(stdout)|(stderr))|/proc/self/fd/([0-9]{1,6})", re.ASCII)


def write_private(directory: Path, file: str | Path, data: bytes) -> None:
    """Write ``data`` with ``writing_private``."""
    with writing_private(directory, file) as opened:
        opened.write(data)


def writing_private(directory: Path, file: str | Path) -> AbstractContextManager[IO[bytes]]:
    """A file to write to, with mode 0600. It replaces ``file`` when the block ends without an error.

    Raises:
        ReconcilerError: it cannot be written.
    """
    return _writing(file, lambda: _opened(directory, file))


def write_text(directory: Path, file: str | Path, text: str, *, replace: bool) -> None:
    """Write a text file with the permissions of the umask. Without ``replace``, the file must not exist.

    Raises:
        ReconcilerError: it cannot be written.
    """

    def opening() -> AbstractContextManager[IO[bytes]]:
        path = output_path(directory, file)
        make_folders(path.parent)
        return _opened(directory, file, 0o666) if replace else _creating(path, 0o666)

    with _writing(file, opening) as opened:
        opened.write(text.encode())


def output_path(directory: Path, file: str | Path) -> Path:
    """The real path of the named file, with links resolved.

    Raises:
        ReconcilerError: the path contains a link in the project.
    """
    named = Path(os.path.abspath(directory / file))  # noqa: PTH100 - links are compared with this
    real = Path(os.path.realpath(named))
    if real != named and named.is_relative_to(find_project(directory)):
        link = next(part for part in (*reversed(named.parents), named) if part.is_symlink())
        hint = f"name the file itself, or remove the link {link}"
        raise ReconcilerError(f"cannot write {file}: a link in the project leads to {real}", hint=hint)
    return real


@contextlib.contextmanager
def _writing(file: str | Path, opening: Callable[[], AbstractContextManager[IO[bytes]]]) -> Iterator[IO[bytes]]:
    """Convert the system's errors to ``ReconcilerError``."""
    try:
        with opening() as opened:
            yield opened
    except OSError as error:
        raise ReconcilerError(f"cannot write {file}: {error_message(error)}", hint=next_step(error)) from error


def _opened(directory: Path, file: str | Path, new_mode: int | None = None) -> AbstractContextManager[IO[bytes]]:
    """A stream, a device or a pipe directly, or a file that is replaced: with mode 0600, or with ``new_mode`` the
    mode of the existing file, and ``new_mode`` for a new one.
    """
    if match := _DESCRIPTOR.fullmatch(str(directory / file)):
        number = match[1] or match[4]
        return os.fdopen(os.dup(int(number) if number else 1 if match[2] else 2), "wb")
    path = output_path(directory, file)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return _replacing(path, new_mode or 0o600)
    if stat.S_ISCHR(mode) or stat.S_ISFIFO(mode):
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC), "wb")
    if not stat.S_ISREG(mode):
        raise FileRefused("it is a folder, a socket or a disk", "use the name of a file")
    return _replacing(path, stat.S_IMODE(mode) if new_mode else 0o600)


@contextlib.contextmanager
def _replacing(path: Path, mode: int) -> Iterator[IO[bytes]]:
    """A new file next to ``path`` that replaces it at the end."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    with _creating(temporary, mode) as file:
        yield file
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_name(path)


@contextlib.contextmanager
def _creating(path: Path, mode: int) -> Iterator[IO[bytes]]:
    """A new file, synced to disk with its name at the end; it is removed on failure."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _sync_name(path)
    except BaseException:
        with contextlib.suppress(OSError):  # the cause of the failed write may also prevent the removal
            path.unlink(missing_ok=True)
        raise


def _sync_name(path: Path) -> None:
    """Sync the folder, where that is possible: it may be writable but not readable, or its file system may have no
    such sync.
    """
    try:
        sync_folder(path.parent)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
