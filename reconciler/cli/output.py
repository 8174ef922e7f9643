"""Writing what a person names on the command line. A file is written whole or not at all.

- A regular file is replaced at once by a new one. Outside the project, a link to it is followed.
- A device or a pipe (``/dev/null``, ``/dev/stdout``, ``/dev/fd/3``) is written to as it is.
- A link that stands in the project is refused: whoever may send a pull request may have put it there, and it would
  choose the file that is overwritten.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from reconciler.errors import ReconcilerError
from reconciler.source.settings.project import find_project
from reconciler.system.failures import FileRefused, next_step, told

_DESCRIPTOR = re.compile(r"/dev/(?:fd/([0-9]{1,6})|(stdout)|(stderr))|/proc/self/fd/([0-9]{1,6})", re.ASCII)


def write_private(directory: Path, file: str | Path, data: bytes) -> None:
    """Write ``data`` as ``writing_private`` does."""
    with writing_private(directory, file) as opened:
        opened.write(data)


def writing_private(directory: Path, file: str | Path) -> AbstractContextManager[IO[bytes]]:
    """A file to write to, of mode 0600. It takes the place of ``file`` once the block ends without an error.

    Raises:
        ReconcilerError: it cannot be written.
    """
    return _writing(file, lambda: _opened(directory, file))


def write_text(directory: Path, file: str | Path, text: str, *, replace: bool) -> None:
    """Write a text that others may read, as the umask says. Without ``replace`` nothing may be there.

    Raises:
        ReconcilerError: it cannot be written.
    """

    def opening() -> AbstractContextManager[IO[bytes]]:
        path = output_path(directory, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(directory, file, 0o666) if replace else _creating(path, 0o666)

    with _writing(file, opening) as opened:
        opened.write(text.encode())


def output_path(directory: Path, file: str | Path) -> Path:
    """Where the file really stands that a person named, links followed.

    Raises:
        ReconcilerError: a link of the project is on the way.
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
    """The system's errors as ``ReconcilerError``."""
    try:
        with opening() as opened:
            yield opened
    except OSError as error:
        raise ReconcilerError(f"cannot write {file}: {told(error)}", hint=next_step(error)) from error


def _opened(directory: Path, file: str | Path, new_mode: int | None = None) -> AbstractContextManager[IO[bytes]]:
    """A stream, a device or a pipe as it is, or a file that is replaced: of mode 0600, or where ``new_mode`` is
    given of its own mode, and of that one where it is new."""
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
        raise FileRefused("it is a folder, a socket or a disk", "name a file")
    return _replacing(path, stat.S_IMODE(mode) if new_mode else 0o600)


@contextlib.contextmanager
def _replacing(path: Path, mode: int) -> Iterator[IO[bytes]]:
    """A new file beside ``path`` that takes its place at the end."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    with _creating(temporary, mode) as file:
        yield file
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _creating(path: Path, mode: int) -> Iterator[IO[bytes]]:
    """A new file, whole on the disk at the end; none is left where that fails."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):  # what kept it from being written may keep it from being removed
            path.unlink(missing_ok=True)
        raise
