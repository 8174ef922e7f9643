"""The state in SQLite: the face of this package."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.errors import StateError, StateLocked
from reconciler.ports import Run
from reconciler.state import files, migrations, rules
from reconciler.state.files import create, translated
from reconciler.state.lock import locked
from reconciler.state.reader import SqliteReader
from reconciler.state.store import SqliteStore
from reconciler.times import format_instant

__all__ = ["Lock", "create", "look_at_lock", "open_reader", "open_store", "told"]


@contextmanager
def open_reader(path: Path, *, lineage: str | None = None) -> Iterator[SqliteReader]:
    """Read the state. ``lineage`` is the pinned one.

    Raises:
        StateMissing: there is no file.
        StateError: it cannot be trusted, is of another lineage, or needs its tables brought up to date.
    """
    files.check_file(path)
    with translated(path):
        connection = files.connect_reader(path)
    with closing(connection):
        with translated(path):
            files.check_schema(connection, path)
            files.refuse_outdated(connection, path)
        reader = SqliteReader(connection, path)
        rules.check_lineage(reader.lineage, lineage)
        yield reader


@contextmanager
def open_store(
    path: Path, run: Run, *, lineage: str | None = None, lock_timeout: float = 0.0
) -> Iterator[SqliteStore]:
    """Lock the state and write it; ``run`` is recorded as begun, and the caller ends it.

    Raises:
        StateLocked: another run holds it.
        StateMissing, StateError: as for ``open_reader``, or it cannot be written.
    """
    files.check_file(path)
    with locked(path, lock_timeout, lambda: _holder(path)) as still_held:
        with translated(path):
            connection = files.connect(path, "rw")
        with closing(connection):
            _prepare(connection, path, lineage)
            store = SqliteStore(connection, path, still_held)
            store.begin_run(run)
            yield store


def _prepare(connection: sqlite3.Connection, path: Path, lineage: str | None) -> None:
    with translated(path):
        files.check_schema(connection, path)
        rules.check_lineage(SqliteReader(connection, path).lineage, lineage)
        files.make_private(path)
        files.make_durable(connection)
        if migrations.pending(connection):
            _migrate(connection, path)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables up to date in one transaction, with a copy beside the file first."""
    copy = path.with_name(f"{path.name}.before-{migrations.pending(connection)[0]}")
    copy.touch(mode=0o600)
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)
    connection.execute("begin immediate")
    try:
        migrations.migrate(connection)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@dataclass(frozen=True, slots=True)
class Lock:
    """Whether the state's lock is held, and by which run, as far as the state tells."""

    held: bool
    run: Run | None = None


def look_at_lock(path: Path) -> Lock:
    """Who holds the lock. It is taken for a moment to find out, and given back at once.

    Raises:
        StateMissing, StateError: as for ``open_reader``, or the lock's file cannot be used.
    """
    files.check_file(path)
    try:
        with locked(path, 0.0, lambda: None):
            return Lock(held=False)
    except StateLocked:
        return Lock(held=True, run=_holding(path))


def _holder(path: Path) -> str | None:
    """Who holds the lock, in words."""
    run = _holding(path)
    return None if run is None else told(run, datetime.now(UTC))


def told(run: Run, now: datetime) -> str:
    """A run for whoever waits for its end."""
    age = (now - run.started_at).total_seconds()
    since = format_instant(run.started_at)
    return f"{run.command} (host {run.host}, pid {run.pid}, {run.actor}, since {since}, {age:.0f} s ago)"


def _holding(path: Path) -> Run | None:
    try:
        with translated(path), closing(files.connect_reader(path, busy=1.0)) as connection:
            return SqliteReader(connection, path).holder()
    except StateError:
        return None
