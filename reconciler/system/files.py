"""Open files that others name, without waiting for a device or a pipe, and with a size limit; make names durable.

There are two rules, by who named the file:

- A file that the project names (settings, plan files, sheets, lists, tables) may come from a pull request. It must
  be a regular file inside the project after all links are followed.
- A file that a person names on the command line may be anywhere, and links are followed. It must be a regular
    file,
  or a pipe such as ``<(pass show key)`` if it is read once.

Errors are ``OSError``: ``system.failures`` has their message and hint.
"""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path
from typing import IO

from reconciler.system.failures import FileRefused

MAX_KEY = 1 << 16
MAX_SETTINGS = 1 << 22
MAX_PLAN_FILE = 1 << 28
MAX_DOCUMENT = 1 << 32  # files held in memory: snapshots, ledgers, decisions
MAX_STREAM = 1 << 40  # files read line by line: saved plans, pushed states

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def exists(path: Path) -> bool:
    """Whether the name is in use, even by a link without a target.

    Raises:
        OSError: the folder cannot be searched.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a file's own sync does not cover its name (fsync(2)).

    Raises:
        OSError: the folder cannot be opened or synced.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_synced(path: Path, data: bytes, *, replace: bool) -> None:
    """Write a file and sync it; its name is durable after ``sync_folder``. A file that is replaced is overwritten.

    Raises:
        OSError: as ``FileExistsError`` if it exists, and is not to be replaced.
    """
    with path.open("wb" if replace else "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folders(folder: Path, mode: int = 0o777) -> bool:
    """Create a folder and the missing ones above it, all durable. Returns whether it was missing.

    ``mode`` is that of the folder itself. Raises ``OSError``.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)
    return bool(missing)


def open_in_project(root: Path, path: Path) -> int:
    """A descriptor of a regular file below ``root``, for a file that the project names.

    The resolved path is opened folder by folder without following links, so that nothing can be replaced between
    the check and the opening.

    Raises:
        OSError: as ``FileRefused`` if it is not a regular file, or if a link leads out of ``root``.
    """
    base, real = os.path.realpath(root, strict=True), os.path.realpath(path, strict=True)
    if real == base or not Path(real).is_relative_to(base):
        raise FileRefused("it leads out of the project", "copy the file into the project")
    _check_kind(Path(real).lstat().st_mode)
    *folders, name = Path(real).relative_to(base).parts
    within = os.open(base, _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=within)
            os.close(within)
            within = below
        handle = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=within)
    finally:
        os.close(within)
    return _checked(handle)


def read_in_project(root: Path, path: Path, limit: int) -> bytes:
    """The bytes of a file that the project names, at most ``limit``. Raises as ``open_in_project``."""
    with open(open_in_project(root, path), "rb") as file:
        return _read(file, limit)


def open_named(path: Path, limit: int = MAX_STREAM, *, pipe: bool = False) -> IO[bytes]:
    """A file that a person named, at its start and seekable. ``pipe``: a pipe is read to its end, in memory.

    A named pipe without a writer is empty.

    Raises:
        OSError: as ``FileRefused`` if it is another kind of file, or has more than ``limit`` bytes.
    """
    _check_kind(path.stat().st_mode, pipe=pipe)
    file = open(os.open(path, _READ), "rb")  # noqa: PTH123, SIM115 - a descriptor; the caller closes it
    try:
        status = os.fstat(file.fileno())
        _check_kind(status.st_mode, pipe=pipe)
        if stat.S_ISFIFO(status.st_mode):
            os.set_blocking(file.fileno(), True)
            with file:
                return BytesIO(_read(file, min(limit, MAX_DOCUMENT)))
        _check_size(status.st_size, limit)
    except BaseException:
        file.close()
        raise
    return file


def read_named(path: Path, limit: int = MAX_DOCUMENT, *, pipe: bool = True) -> bytes:
    """The bytes of a file that a person named. Raises as ``open_named``."""
    with open_named(path, limit, pipe=pipe) as file:
        return _read(file, limit)


def _checked(handle: int) -> int:
    """The same descriptor if it is a regular file; otherwise it is closed."""
    try:
        _check_kind(os.fstat(handle).st_mode)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _check_kind(mode: int, *, pipe: bool = False) -> None:
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), None)
    if kind is not None and not (pipe and stat.S_ISFIFO(mode)):
        raise FileRefused(f"{kind}, not a regular file", "use a regular file")


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise FileRefused(f"the file is larger than {limit:,} bytes", "check that it is the right file")


def _read(file: IO[bytes], limit: int) -> bytes:
    data = file.read(limit + 1)
    _check_size(len(data), limit)
    return data
