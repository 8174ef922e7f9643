"""The state's file: where it may be, and who may read it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from reconciler.domain.settings import STATE_FOLDER
from reconciler.errors import StateError, StateMissing
from reconciler.state.sqlite.connection import translated
from reconciler.state.sqlite.mounts import mounted_alone, network_filesystem
from reconciler.system.files import make_folders, write_synced

_HEADER = b"SQLite format 3\x00"
MOUNTS = Path("/proc/self/mountinfo")
_MISSING_HINT = (
    "restore a backup of it, or rebuild it from the service: reconciler state rebuild. If nothing was placed yet: "
    "reconciler state init. To look only: reconciler plan --no-state. "
    "A missing state is never treated as an empty one"
)


def check_file(path: Path) -> None:
    """Check that the file can be a state, before SQLite opens it.

    Raises:
        StateMissing: there is no file.
        StateError: it is empty, not an SQLite file, not a regular file, or where file locks are unreliable.
    """
    with translated(path):
        if not path.exists():
            raise StateMissing(f"no state at {path}", hint=_MISSING_HINT)
        if not path.is_file():
            raise StateError(f"the state {path} is not a regular file")
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
        check_location(path)
    if not head:
        raise StateError(f"the state {path} is an empty file, which is not an empty state", hint=_MISSING_HINT)
    if head != _HEADER:
        raise StateError(
            f"{path} is not an SQLite file", hint="is this the right file? See state.path and --state"
        )


def check_location(path: Path) -> None:
    """Refuse network file systems and files that are mounted alone. Does nothing if the system has no list of
    mounts.

    Raises:
        StateError: the path is refused.
    """
    if sys.platform != "linux" or not MOUNTS.exists():
        return
    table = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    real = str(path.resolve())
    if mounted_alone(real, table):
        raise StateError(
            f"the state {path} is mounted as a single file, without its lock and its journal",
            hint="mount its folder instead",
        )
    kind = network_filesystem(real, table)
    if kind is not None:
        raise StateError(
            f"the state {path} is on a network file system ({kind}), where file locks are unreliable",
            hint="keep it on a local disk",
        )


def make_private(path: Path) -> None:
    """Remove all rights of others to the file.

    Raises:
        StateError: it has several hard links, each of which would have its own lock and journal.
    """
    status = path.stat()
    if status.st_nlink > 1:
        raise StateError(
            f"the state {path} has {status.st_nlink} names (hard links), and each would have its own lock",
            hint="keep one of them. To copy a state: reconciler state backup",
        )
    if status.st_mode & 0o077:
        path.chmod(status.st_mode & 0o600)


def make_folder(folder: Path) -> None:
    """Create the folder if needed. Git ignores it if it was created here, or has the default name. The caller
    syncs it.
    """
    is_new = make_folders(folder, 0o700)
    ignore = folder / ".gitignore"
    if is_new or folder.name == STATE_FOLDER:
        with suppress(FileExistsError):
            write_synced(ignore, b"*\n", replace=False)
