"""Connections to a state's file: how they wait, what makes them durable, and what their errors mean."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.sqlite import schema
from reconciler.system.failures import DISK_FULL, NOT_ALLOWED, error_message, next_step

_BUSY_SECONDS = 60
_RECOVER = frozenset({"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN"})
_IN_USE = "close the other program that uses it, and run this again"
# What to do about an error, by the start of SQLite's name for it.
_HINTS = {
    "SQLITE_FULL": DISK_FULL,
    "SQLITE_READONLY": NOT_ALLOWED,
    "SQLITE_CANTOPEN": NOT_ALLOWED,
    "SQLITE_PERM": NOT_ALLOWED,
    "SQLITE_IOERR": "the disk is full or has an error: see the system's log, then run: reconciler state check",
    "SQLITE_BUSY": _IN_USE,
    "SQLITE_LOCKED": _IN_USE,
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translates errors of SQLite and the system to ``StateError``, so that none of SQLite's leaves this
    package."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_NOTADB" or name.startswith("SQLITE_CORRUPT"):
            raise StateError(f"the state {path} is damaged: {error}", hint="restore a backup") from error
        hint = next((hint for start, hint in _HINTS.items() if name.startswith(start)), None)
        raise StateError(f"the state {path} cannot be used: {error}", hint=hint) from error
    except OSError as error:
        raise StateError(
            f"the state {path} cannot be used: {error_message(error)}", hint=next_step(error)
        ) from error
    except UnicodeEncodeError as error:
        raise StateError(f"the state {path} cannot store {error.object!a}: it is not valid Unicode") from error


class _PollingConnection(sqlite3.Connection):
    """Waits ``patience`` seconds for the locks of other processes, and tries every one or two milliseconds.

    SQLite itself tries less and less often, down to every 100 ms (``sqliteDefaultBusyCallback`` in its main.c).
    While an apply commits without a break, its locks are free for less than a millisecond at a time, so SQLite
    would hardly ever get one. A statement that failed with SQLITE_BUSY has done nothing, and can be run again.
    """

    patience: float = _BUSY_SECONDS

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        give_up_at = 0.0
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                give_up_at = give_up_at or now + self.patience
                if not is_busy(error) or now >= give_up_at:
                    raise
            time.sleep(random.uniform(0.001, 0.002))  # noqa: S311 - not a secret


def is_busy(error: BaseException | None) -> bool:
    """Whether another process still holds SQLite's own locks."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname.startswith("SQLITE_BUSY")


def connect(path: Path, mode: str, busy: float | None = None) -> sqlite3.Connection:
    """A connection in autocommit mode; ``mode`` is ``ro`` or ``rw``, and neither creates a file.

    ``busy`` is how many seconds each statement waits for a transaction of another process (None: a minute).
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=0, check_same_thread=False, factory=_PollingConnection
    )
    connection.patience = _BUSY_SECONDS if busy is None else busy
    connection.row_factory = sqlite3.Row
    return connection


def connect_reader(path: Path, busy: float | None = None) -> sqlite3.Connection:
    """A read-only connection. First rolls back what a killed writer left half done, as SQLite itself would."""
    connection = connect(path, "ro", busy)
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname not in _RECOVER:
            raise
        with closing(connect(path, "rw", busy)) as writer:
            writer.execute("select count(*) from sqlite_master").fetchone()
        return connect(path, "ro", busy)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """Use a truncated rollback journal and sync every commit: this survives power loss, and a copy of the closed
    file is complete.

    Raises:
        StateError: SQLite did not accept the settings.
    """
    (mode,) = connection.execute("pragma journal_mode=truncate").fetchone()
    connection.execute("pragma synchronous=full")
    connection.execute("pragma fullfsync=on")  # macOS: also empty the drive's cache; elsewhere this is always done
    (level,) = connection.execute("pragma synchronous").fetchone()
    connection.execute("pragma foreign_keys=on")
    if mode != "truncate" or level != 2:
        raise StateError(f"SQLite refused durable settings (journal_mode={mode}, synchronous={level})")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything or nothing; nobody else writes in the meantime."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def check_schema(connection: sqlite3.Connection, path: Path, *, up_to_date: bool = True) -> None:
    """Check that the database is a state that this version can read, and that it is not damaged.

    Raises:
        StateError: it is another program's, from a newer version, damaged, or not ``up_to_date``.
    """
    (application_id,) = connection.execute("pragma application_id").fetchone()
    if application_id != schema.APPLICATION_ID:
        raise StateError(f"{path} is an SQLite file, but not a state of reconciler")
    if newer := schema.unknown(connection):
        raise rules.newer_version(path, newer)
    (result,) = connection.execute("pragma quick_check(1)").fetchone()
    if result != "ok":
        raise StateError(f"the state {path} is damaged: {result}", hint="restore a backup")
    if up_to_date and schema.pending(connection):
        raise rules.older_version(path)
