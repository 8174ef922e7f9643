"""The state's file: made once, opened with care, and refused where it cannot be trusted."""

from __future__ import annotations

import os
import sqlite3
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from reconciler.errors import StateError, StateMissing
from reconciler.state.migrations import APPLICATION_ID, known_steps, migrations, new_secret
from reconciler.state.mounts import network_filesystem
from reconciler.times import format_instant

_BUSY_SECONDS = 60
_HEADER = b"SQLite format 3\x00"
_RECOVER = frozenset({"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN"})
_MISSING_HINT = (
    "restore it; in a new project: reconciler init, or reconciler state init; to look only: plan --no-state. "
    "A missing state is never taken for an empty one"
)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ``StateError``: nothing of SQLite leaves this package."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or name.startswith("SQLITE_CORRUPT"):
            raise StateError(f"the state {path} is damaged: {error}", hint="restore a backup of it") from error
        raise StateError(f"the state {path} cannot be used: {error}") from error
    except OSError as error:
        raise StateError(f"the state {path} cannot be used: {error.strerror or error}") from error


def create(path: Path, *, lineage: str | None = None) -> str:
    """Make an empty state, mode 0600, in a folder that git ignores; the result is its lineage.

    Raises:
        StateError: something is there already, the place is a network file system, or it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise StateError(f"the state {path} exists already: it is never overwritten")
    lineage = lineage or str(uuid.uuid4())
    with translated(path):
        _make_folder(path.parent)
        _refuse_network(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(connect(path, "rw")) as connection:
                make_durable(connection)
                _fill(connection, lineage)
            _sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return lineage


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir(mode=0o700, parents=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def _fill(connection: sqlite3.Connection, lineage: str) -> None:
    db = database(connection)
    connection.execute("begin immediate")
    migrations.apply(db)
    connection.execute(
        "insert into meta (id, lineage, serial, created_at, secret) values (1, ?, 0, ?, ?)",
        (lineage, format_instant(datetime.now(UTC)), new_secret()),
    )
    connection.execute("commit")


def check_file(path: Path) -> None:
    """Whether the file can be a state at all, before SQLite touches it.

    Raises:
        StateMissing: there is no file.
        StateError: it is empty, no SQLite file, no regular file, or on a network file system.
    """
    if not path.exists():
        raise StateMissing(f"no state at {path}", hint=_MISSING_HINT)
    if not path.is_file():
        raise StateError(f"the state {path} is not a regular file")
    with translated(path):
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
        _refuse_network(path)
    if not head:
        raise StateError(f"the state {path} is an empty file, which is not an empty state", hint=_MISSING_HINT)
    if head != _HEADER:
        raise StateError(
            f"{path} is not an SQLite file", hint="is this the right file? see state.path and --state"
        )


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Whether the database is a state of a version that this one knows.

    Raises:
        StateError: it is another program's, newer, or damaged.
    """
    (application_id,) = connection.execute("pragma application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise StateError(f"{path} is an SQLite file, but no state of reconciler")
    newer = {step.name for step in migrations.applied(database(connection))} - known_steps()
    if newer:
        raise StateError(f"the state {path} was written by a newer version ({', '.join(sorted(newer))})")
    (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise StateError(f"the state {path} is damaged: {found}", hint="restore a backup of it")


def pending(connection: sqlite3.Connection) -> bool:
    """Whether the tables are those of an older version."""
    return bool(migrations.pending(database(connection)))


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit mode; ``mode`` is ``ro`` or ``rw``, and neither creates a file."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; what a killed writer left half done is rolled back first, as SQLite would."""
    connection = connect(path, "ro")
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorname not in _RECOVER:
            raise
        with closing(connect(path, "rw")) as writer:
            writer.execute("select count(*) from sqlite_master").fetchone()
        return connect(path, "ro")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """A rollback journal that is truncated, and every commit synced: survives power loss, and a copy of the closed
    file is whole.

    Raises:
        StateError: SQLite did not take the settings.
    """
    (mode,) = connection.execute("pragma journal_mode=truncate").fetchone()
    connection.execute("pragma synchronous=full")
    (level,) = connection.execute("pragma synchronous").fetchone()
    connection.execute("pragma foreign_keys=on")
    if mode != "truncate" or level != 2:
        raise StateError(f"SQLite refuses durable settings (journal_mode={mode}, synchronous={level})")


def database(connection: sqlite3.Connection) -> Database:
    """The connection as sqlite-utils has it, without plugins."""
    return Database(connection, execute_plugins=False)


def _refuse_network(path: Path) -> None:
    if sys.platform != "linux":
        return
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    kind = network_filesystem(str(path.resolve()), table)
    if kind is not None:
        raise StateError(
            f"the state {path} is on a network file system ({kind}), where file locks cannot be relied on",
            hint="keep it on a local disk",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
