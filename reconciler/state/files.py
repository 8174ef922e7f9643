"""The state's file: made once, opened with care, and refused where it cannot be trusted."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import JsonObject
from reconciler.domain.settings import STATE_FOLDER
from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateMissing
from reconciler.state import ledger, migrations, rules
from reconciler.state.migrations import APPLICATION_ID
from reconciler.state.mounts import mounted_alone, network_filesystem
from reconciler.state.steps import STEPS, new_secret
from reconciler.system.failures import DISK_FULL, NOT_ALLOWED, error_message, next_step

if TYPE_CHECKING:
    from sqlite_utils import Database

_BUSY_SECONDS = 60
_HEADER = b"SQLite format 3\x00"
_MOUNTS = Path("/proc/self/mountinfo")
_RECOVER = frozenset({"SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN"})
_MISSING_HINT = (
    "restore it, or make it again from the service: reconciler state rebuild; in a new project: reconciler init, "
    "or reconciler state init; to look only: plan --no-state. "
    "A missing state is never taken for an empty one"
)


# SQLite's name of an error starts with -> what to do about it.
_STEPS = {
    "SQLITE_FULL": DISK_FULL,
    "SQLITE_READONLY": NOT_ALLOWED,
    "SQLITE_CANTOPEN": NOT_ALLOWED,
    "SQLITE_PERM": NOT_ALLOWED,
    "SQLITE_IOERR": "the disk reports an error, or is full: look at the system's log, then reconciler state check",
    "SQLITE_BUSY": "another program has it open: close that, and run this again",
    "SQLITE_LOCKED": "another program has it open: close that, and run this again",
}


def _step(name: str) -> str | None:
    return next((step for start, step in _STEPS.items() if name.startswith(start)), None)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ``StateError``: nothing of SQLite leaves this package."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or name.startswith("SQLITE_CORRUPT"):
            raise StateError(f"the state {path} is damaged: {error}", hint="restore a backup of it") from error
        raise StateError(f"the state {path} cannot be used: {error}", hint=_step(name)) from error
    except OSError as error:
        raise StateError(
            f"the state {path} cannot be used: {error_message(error)}", hint=next_step(error)
        ) from error
    except UnicodeEncodeError as error:
        raise StateError(f"the state {path} holds Unicode only, and {error.object!a} is none") from error


def create(path: Path, *, lineage: str | None = None, by: JsonObject | None = None) -> str:
    """Make an empty state, mode 0600, in a folder that git ignores; the result is its lineage.

    ``by`` tells the ledger who made it.

    Raises:
        StateError: something is there already, the place is a network file system, or it cannot be written.
    """
    lineage, now = lineage or str(uuid.uuid4()), datetime.now(UTC)
    with making(path) as connection:
        connection.execute(
            "insert into meta (id, lineage, serial, created_at, secret) values (1, ?, 0, ?, ?)",
            (lineage, format_instant(now), new_secret()),
        )
        note = Note(EntryKind.CREATED, now, None, {"state": ledger.about(connection), **(by or {})})
        ledger.append(connection, [note])
    return lineage


@contextmanager
def making(path: Path) -> Iterator[sqlite3.Connection]:
    """A new file with a state's tables, in a transaction that is committed at the end; no file where that fails.

    Raises:
        StateError: as for ``create``.
    """
    with translated(path):
        if path.exists() or path.is_symlink():
            raise StateError(f"the state {path} exists already: it is never overwritten")
        make_folder(path.parent)
        _refuse_place(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(connect(path, "rw")) as connection:
                make_durable(connection)
                with transaction(connection):
                    connection.execute(f"pragma application_id = {APPLICATION_ID}")
                    migrations.migrate(connection)
                    yield connection
            sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything or nothing; nobody else writes meanwhile."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def is_unfinished(path: Path) -> bool:
    """Whether there is a file without a single table: what is left where ``making`` was killed."""
    with translated(path):
        if not path.is_file() or path.is_symlink():
            return False
        with closing(connect_reader(path)) as connection:
            (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    return bool(tables == 0)


def make_folder(folder: Path) -> None:
    """Git ignores the folder where it is ours: made here, or of the name we give it."""
    made = not folder.exists()
    if made:
        folder.mkdir(mode=0o700, parents=True)
        sync_folder(folder.parent)
    ignore = folder / ".gitignore"
    if made or folder.name == STATE_FOLDER:
        with suppress(FileExistsError), ignore.open("x", encoding="utf-8") as file:
            file.write("*\n")


def check_file(path: Path) -> None:
    """Whether the file can be a state at all, before SQLite touches it.

    Raises:
        StateMissing: there is no file.
        StateError: it is empty, no SQLite file, no regular file, or in a place where locks cannot be relied on.
    """
    with translated(path):
        if not path.exists():
            raise StateMissing(f"no state at {path}", hint=_MISSING_HINT)
        if not path.is_file():
            raise StateError(f"the state {path} is not a regular file")
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
        _refuse_place(path)
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
    newer = set(migrations.applied(connection)) - STEPS.keys()
    if newer:
        raise rules.of_newer(path, newer)
    (found,) = connection.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise StateError(f"the state {path} is damaged: {found}", hint="restore a backup of it")


def refuse_outdated(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ``StateError`` where the tables are those of an older version: readers change nothing."""
    if migrations.pending(connection):
        raise rules.of_older(path)


def make_private(path: Path) -> None:
    """Take everybody else's rights to the file away.

    Raises:
        StateError: it has another name too, under which it would have another lock and another journal.
    """
    found = path.stat()
    if found.st_nlink > 1:
        raise StateError(
            f"the state {path} has {found.st_nlink} names (hard links), and each would have its own lock",
            hint="keep one of them; to copy a state: reconciler state backup",
        )
    if found.st_mode & 0o077:
        path.chmod(found.st_mode & 0o600)


def is_busy(error: BaseException | None) -> bool:
    """Whether another process holds SQLite's own locks, for longer than anybody waits for them."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorname.startswith("SQLITE_BUSY")


class _PollingConnection(sqlite3.Connection):
    """Waits ``patience`` seconds for locks of other processes, and asks for them every millisecond or two.

    SQLite itself asks less and less often, down to every 100 ms (``sqliteDefaultBusyCallback`` in its main.c).
    Beside a journal that commits back to back, whose locks are free for less than a millisecond at a time, it
    hardly ever gets one. A statement that failed with SQLITE_BUSY has done nothing, and may be run again.
    """

    patience: float = _BUSY_SECONDS

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
        give_up_at = time.monotonic() + self.patience
        while True:
            time.sleep(random.uniform(0.001, 0.002))  # noqa: S311 - no secret
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= give_up_at:
                    raise


def connect(path: Path, mode: str, busy: float | None = None) -> sqlite3.Connection:
    """A connection in autocommit mode; ``mode`` is ``ro`` or ``rw``, and neither creates a file.

    ``busy`` is how many seconds each statement waits for another process's transaction (None: a minute).
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=0, check_same_thread=False, factory=_PollingConnection
    )
    connection.patience = _BUSY_SECONDS if busy is None else busy
    connection.row_factory = sqlite3.Row
    return connection


def connect_reader(path: Path, busy: float | None = None) -> sqlite3.Connection:
    """A read-only connection; what a killed writer left half done is rolled back first, as SQLite would."""
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
    from sqlite_utils import Database  # noqa: PLC0415 - 30 ms, and readers never need it

    return Database(connection, execute_plugins=False)


def _refuse_place(path: Path) -> None:
    """Where the kernel does not tell what is mounted, nothing is refused."""
    if sys.platform != "linux" or not _MOUNTS.exists():
        return
    table = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    real = str(path.resolve())
    if mounted_alone(real, table):
        raise StateError(
            f"the state {path} is mounted as a single file: its lock and its journal would stay behind",
            hint="mount the folder that holds it",
        )
    kind = network_filesystem(real, table)
    if kind is not None:
        raise StateError(
            f"the state {path} is on a network file system ({kind}), where file locks cannot be relied on",
            hint="keep it on a local disk",
        )


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
