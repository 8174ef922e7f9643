"""Backs up a state's file, even while an apply runs."""

from __future__ import annotations

import fcntl
import glob
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state.sqlite import connection as connections
from reconciler.state.sqlite.files import check_file
from reconciler.system.files import exists, sync_folder


def backup(path: Path, target: Path) -> None:
    """Copy the state with SQLite's backup API, complete even while an apply writes. ``target`` must not exist.

    Raises:
        StateError: the state cannot be trusted, or the copy cannot be written.
    """
    check_file(path)
    if exists(target):
        raise StateError(f"{target} exists already")
    with connections.translated(target):
        _remove_leftovers(target)
        temporary = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            with closing(connections.connect_reader(path)) as source, closing(sqlite3.connect(temporary)) as copy:
                connections.check_schema(source, path, up_to_date=False)
                source.backup(copy)
            temporary.rename(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
            os.close(handle)


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of killed backups, which have personal data. A running backup locks its file."""
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.????????.tmp"):
        try:
            handle = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # already removed, or not made by a backup
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink(missing_ok=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)
