"""Creates a state's file: complete, or not at all, and never over another."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state.sqlite import connection as connections
from reconciler.state.sqlite import schema
from reconciler.state.sqlite.connection import translated
from reconciler.state.sqlite.files import check_location, make_folder
from reconciler.state.sqlite.lost_state import record_file
from reconciler.system.files import sync_folder


def refuse_existing(path: Path) -> None:
    """Raises ``StateError`` if anything is at the path of a new state."""
    if path.exists() or path.is_symlink():
        hint = "if it is damaged, move it away first, and keep it"
        raise StateError(f"the state {path} exists already, and is never overwritten", hint=hint)


@contextmanager
def new_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A new file with a state's tables, mode 0600, in a transaction that is committed at the end. If that fails,
    the file is removed.

    Raises:
        StateError: something exists at the path, it is on a network file system, or it cannot be written.
    """
    with translated(path):
        refuse_existing(path)
        make_folder(path.parent)
        check_location(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(connections.connect(path, "rw")) as connection:
                connections.make_durable(connection)
                with connections.transaction(connection):
                    connection.execute(f"pragma application_id = {schema.APPLICATION_ID}")
                    schema.migrate(connection)
                    yield connection
            sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def is_unfinished(path: Path) -> bool:
    """Whether there is a file without any table, as ``new_file`` leaves it if it is killed."""
    with translated(path):
        if not path.is_file() or path.is_symlink():
            return False
        with closing(connections.connect_reader(path)) as connection:
            (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    return bool(tables == 0)


def put_in_place(new: Path, path: Path) -> None:
    """Move a complete new file to its path, which is reserved first: somebody else may have been faster."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        refuse_existing(path)
        raise
    new.replace(path)
    sync_folder(path.parent)  # first: until the new state is durable, an older copy must stay refused
    record_file(path).unlink(missing_ok=True)
    sync_folder(path.parent)
