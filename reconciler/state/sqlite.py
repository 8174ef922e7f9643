"""The state in SQLite: the face of this package."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.domain.facts import PauseStore
from reconciler.domain.ledger import Head
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Run
from reconciler.errors import StateError, StateLocked
from reconciler.state import audit, care, files, migrations, rules
from reconciler.state.files import create, translated
from reconciler.state.lock import HeldFile, locked, unlocked
from reconciler.state.loss import Loss, is_lost, note_loss, refuse_older_copy
from reconciler.state.place import Lock, describe_holder
from reconciler.state.reader import Reader
from reconciler.state.store import Store
from reconciler.state.unlocked import UnlockedStore

__all__ = ["Lock", "SqliteState", "create", "look_at_lock", "open_reader", "open_store", "open_unlocked"]


@dataclass(frozen=True, slots=True)
class SqliteState:
    """A state in a file: a ``Place``. ``lineage`` is the one it must have, if any."""

    path: Path
    lineage: str | None = None

    def __str__(self) -> str:
        return str(self.path)

    def with_lineage(self, lineage: str) -> SqliteState:
        return replace(self, lineage=lineage)

    def create(self, by: JsonObject) -> str:
        return create(self.path, lineage=self.lineage, by=by)

    def refuse_existing(self) -> None:
        from reconciler.state.founding import refuse_existing  # noqa: PLC0415 - it opens what it made, here

        refuse_existing(self.path)

    def founded(self, run: Run, by: JsonObject) -> AbstractContextManager[Store]:
        from reconciler.state.founding import founded  # noqa: PLC0415 - as above

        return founded(self.path, run, lineage=self.lineage or "", by=by)

    def reader(self) -> AbstractContextManager[Reader]:
        return open_reader(self.path, lineage=self.lineage)

    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> AbstractContextManager[Store]:
        return open_store(self.path, run, lineage=self.lineage, lock_timeout=lock_timeout, moving_to=moving_to)

    def unlocked(self, run: Run) -> AbstractContextManager[PauseStore]:
        return open_unlocked(self.path, run, lineage=self.lineage)

    def is_there(self) -> bool:
        if not self.path.exists() or files.is_unfinished(self.path):
            return False
        with self.reader():
            return True

    @contextmanager
    def receive(self, *, again: bool) -> Iterator[sqlite3.Connection]:
        if again and files.is_unfinished(self.path):
            self.path.unlink()
        with files.making(self.path) as connection:
            yield connection

    def lock(self) -> Lock:
        return look_at_lock(self.path)

    def verify(self, anchors: Iterable[Head]) -> audit.Verdict:
        found = audit.verify(self.path, anchors)
        rules.check_lineage(found.lineage, self.lineage)
        return found

    def check(self, now: datetime) -> list[str]:
        return care.check(self.path, now)


@dataclass(frozen=True, slots=True)
class SqliteSession:
    """A connection to the file. ``held`` is None where it only reads."""

    connection: sqlite3.Connection
    path: Path
    held: HeldFile | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def translated(self) -> AbstractContextManager[None]:
        return translated(self.path)

    @contextmanager
    def together(self) -> Iterator[None]:
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")

    @contextmanager
    def writing(self) -> Iterator[None]:
        with translated(self.path):
            if self.held is None:
                raise StateError("the state is open for reading only")
            if not self.held.untouched():
                with self.rereading():
                    pass
            try:
                with files.transaction(self.connection):
                    yield
            except BaseException:
                self.held.remember(None)  # it may have failed because of what is in the file
                raise
            self.held.committed()

    def untouched(self) -> bool:
        return self.held is not None and self.held.untouched()

    @contextmanager
    def rereading(self) -> Iterator[sqlite3.Connection]:
        """Over a connection of its own, since the other one may have kept pages of a file that was overwritten."""
        if self.held is None:
            raise StateError("the state is open for reading only")
        with translated(self.path):
            stamp = self.held.look()
            with closing(files.connect(self.path, "ro")) as connection:
                try:
                    connection.execute("begin")
                    files.check_schema(connection, self.path)
                except (sqlite3.Error, StateError) as error:
                    told = f"the state {self.path} cannot be read any more ({error})"
                    raise rules.lost(told) from error
                yield connection
            self.held.remember(stamp)

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """SQLite overwrites what it frees, and the file is written anew: nothing is left in free pages."""
        with translated(self.path):
            self.connection.execute("pragma secure_delete = on")
            yield
            self.connection.execute("vacuum")


@contextmanager
def open_reader(path: Path, *, lineage: str | None = None) -> Iterator[Reader]:
    """Read the state. ``lineage`` is the pinned one.

    Raises:
        StateMissing: there is no file.
        StateLocked: another process is in the middle of a write, and stays there: it was stopped, perhaps.
        StateError: it cannot be trusted, is of another lineage, or needs its tables brought up to date.
    """
    files.check_file(path)
    try:
        with translated(path):
            connection = files.connect_reader(path)
    except StateError as error:
        if not files.is_busy(error.__cause__):
            raise
        raise StateLocked(error.message, hint="a run that is writing it was stopped, or is very slow") from error
    with closing(connection):
        with translated(path):
            files.check_schema(connection, path)
            files.refuse_outdated(connection, path)
        reader = Reader(SqliteSession(connection, path))
        rules.check_lineage(reader.lineage, lineage)
        rules.check_here(path, reader.moved_to)
        yield reader


@contextmanager
def open_store(
    path: Path,
    run: Run,
    *,
    lineage: str | None = None,
    lock_timeout: float = 0.0,
    moving_to: str | None = None,
) -> Iterator[Store]:
    """Lock the state and write it; ``run`` is recorded as begun, and the caller ends it.

    ``moving_to`` is where a state may have gone that is opened all the same.

    Raises:
        StateLocked: another run holds it.
        StateMissing, StateError: as for ``open_reader``, or it cannot be written.
    """
    files.check_file(path)
    with locked(path, lock_timeout, lambda: _holder(path)) as held:
        with translated(path):
            connection = files.connect(path, "rw")
        with closing(connection):
            stamp = held.look()
            _prepare(connection, path, lineage)
            held.remember(stamp)
            store = Store(SqliteSession(connection, path, held))
            rules.check_here(path, store.moved_to, moving_to)
            refuse_older_copy(path, connection)
            store.begin_run(run)
            with _noticing_loss(path, run, store):
                yield store


@contextmanager
def _noticing_loss(path: Path, run: Run, store: Store) -> Iterator[None]:
    """Where the state turns out to lack what this run wrote: name its calls, and have older copies refused."""
    try:
        yield
    except StateError as error:
        if store.latest is None or not is_lost(path, store.latest):
            raise
        note_loss(path, Loss(run.id, store.latest))
        raise StateError(f"{error.message} {store.placed.describe()}", hint=rules.LOST_HINT) from error


@contextmanager
def open_unlocked(path: Path, run: Run, *, lineage: str | None = None) -> Iterator[PauseStore]:
    """Write one pause, or the end of one, also while another run holds the lock.

    Two transactions never overlap: each waits for the other, and both read the end of the ledger in their own.

    Raises:
        StateMissing, StateError: as for ``open_reader``, or it cannot be written.
    """
    files.check_file(path)
    with unlocked(path) as held:
        with translated(path):
            connection = files.connect(path, "rw")
        with closing(connection):
            stamp = held.look()
            with translated(path):
                files.check_schema(connection, path)
                files.refuse_outdated(connection, path)
                files.make_private(path)
                files.make_durable(connection)
            held.remember(stamp)
            store = UnlockedStore(SqliteSession(connection, path, held), run, lineage)
            rules.check_lineage(store.lineage, lineage)
            yield store


def _prepare(connection: sqlite3.Connection, path: Path, lineage: str | None) -> None:
    with translated(path):
        files.check_schema(connection, path)
        rules.check_lineage(Reader(SqliteSession(connection, path)).lineage, lineage)
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
    with files.transaction(connection):
        migrations.migrate(connection)


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
    return None if run is None else describe_holder(run, datetime.now(UTC))


def _holding(path: Path) -> Run | None:
    try:
        with translated(path), closing(files.connect_reader(path, busy=1.0)) as connection:
            return Reader(SqliteSession(connection, path)).holder()
    except StateError:  # a write is under way, or what there is cannot be read
        return None
