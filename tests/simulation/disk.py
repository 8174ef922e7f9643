"""A simulated disk with states in SQLite: the store of the product, on bytes instead of files.

A commit replaces the file's content, all of it or nothing: what SQLite and the file system make of a commit that
is cut short is measured with real files (``tests/crash``). Everything above the commit is the product's code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from reconciler.domain.ports import Run
from reconciler.errors import StateMissing
from reconciler.state import rules
from reconciler.state.ledger.audit import AuditResult, examine
from reconciler.state.migrations import MIGRATIONS, create_state
from reconciler.state.reader import Reader
from reconciler.state.sqlite.connection import transaction
from reconciler.state.sqlite.session import SqliteSession
from reconciler.state.store import Store
from reconciler.state.unlocked_store import UnlockedStore
from tests.simulation.machine import Machine

_SMALL_PAGES = "pragma page_size=512"  # the whole content is copied at each commit
LINEAGE = "00000000-0000-4000-8000-000000000001"


@dataclass
class StateFile:
    """A state's file. ``changes`` counts its writes, ``versions`` are its earlier contents, oldest first.

    ``writers`` are the machines that replaced each of them. ``paused`` are the plans that are paused in it, and
    since when. ``taken_from`` are the machines of which another program overwrote something, and when. ``failing``
    is how many of the next commits fail, because the disk is full.
    """

    content: bytes
    changes: int = 0
    locked: bool = False
    versions: list[bytes] = field(default_factory=list)
    paused: dict[str | None, float] = field(default_factory=dict)
    failing: int = 0
    writers: list[str] = field(default_factory=list)
    taken_from: dict[str, float] = field(default_factory=dict)

    def write(self, content: bytes, by: str) -> None:
        if self.content:
            self.versions.append(self.content)
            self.writers.append(by)
        self.content = content
        self.changes += 1

    def before(self, number: int) -> bytes:
        """The content of so many writes ago."""
        return self.versions[max(0, len(self.versions) - number)]

    def copy(self) -> StateFile:
        versions, writers = list(self.versions), list(self.writers)
        return StateFile(self.content, versions=versions, writers=writers, paused=dict(self.paused))


@dataclass
class Disk:
    """The state of one runner, None if it is missing. Replacing the file gives it another identity."""

    file: StateFile | None
    replaced_at: float | None = None

    @property
    def state(self) -> StateFile:
        if self.file is None:
            raise StateMissing("there is no state")
        return self.file


class _Connection(sqlite3.Connection):
    """A connection to the content of a file, as of its last transaction."""

    file: StateFile
    machine: Machine
    content: bytes  # what it has
    began: int  # changes of the file when the transaction began

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql == "commit":
            return self._commit()
        if sql == "begin immediate":
            if self.content is not self.file.content:
                self.deserialize(self.file.content)
                self.content = self.file.content
            self.began = self.file.changes
        return super().execute(sql, parameters)

    def _commit(self) -> sqlite3.Cursor:
        self.machine.step()
        if self.file.failing:
            self.file.failing -= 1
            raise sqlite3.OperationalError("database or disk is full")
        cursor = super().execute("commit")
        self.content = self.serialize()
        if self.file.changes == self.began:
            self.file.write(self.content, self.machine.name)
        else:  # another program wrote the whole file meanwhile, and its content is what is left
            self.file.changes += 1
        self.machine.step()
        return cursor


_POOL: list[_Connection] = []  # not in use: SQLite prepares a statement once for each connection


@contextmanager
def _connection(file: StateFile, machine: Machine) -> Iterator[_Connection]:
    """A connection that reads the file as it is now."""
    connection = _POOL.pop() if _POOL else _new_connection()
    if connection.content is not file.content:
        connection.deserialize(file.content)
        connection.content = file.content
    connection.file, connection.machine = file, machine
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
        _POOL.append(connection)


def _new_connection() -> _Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=_Connection, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    connection.execute(_SMALL_PAGES)
    connection.execute("pragma foreign_keys=on")
    connection.content = b""
    return connection


class _Held:
    """What ``sqlite.lock.HeldFile`` is for a real file."""

    def __init__(self, disk: Disk, file: StateFile) -> None:
        self.file = file
        self._disk = disk
        self._seen: int | None = None

    def look(self) -> int:
        if self._disk.file is not self.file:
            raise rules.lost("the state was replaced or deleted while this run used it")
        return self.file.changes

    def untouched(self) -> bool:
        return self.look() == self._seen

    def remember(self, stamp: int | None) -> None:
        self._seen = stamp

    def committed(self) -> None:
        now = self.look()
        self._seen = now if self._seen is not None and now - self._seen in {0, 1} else None


class _Session(SqliteSession):
    """A session that reads its file again from the simulated disk."""

    @contextmanager
    def rereading(self) -> Iterator[sqlite3.Connection]:
        held: Any = self._writable()
        with self.translated():
            stamp = held.look()
            with _connection(held.file, self.connection.machine) as connection:  # type: ignore[attr-defined]
                yield connection
            held.remember(stamp)


@dataclass(frozen=True)
class SimulatedState:
    """The state on a disk, as ``SqliteState`` opens it."""

    disk: Disk

    @contextmanager
    def reader(self, machine: Machine) -> Iterator[Reader]:
        machine.step()
        with _connection(self.disk.state, machine) as connection:
            reader = Reader(_Session(connection, Path("state.db")))
            rules.check_lineage(reader.lineage, LINEAGE)
            rules.check_not_moved("state.db", reader.moved_to)
            yield reader

    @contextmanager
    def store(self, run: Run, machine: Machine, moving_to: str | None = None) -> Iterator[Store]:
        machine.step()
        file = self.disk.state
        if file.locked:
            raise rules.locked(None)
        file.locked = True
        try:
            with self._writing(file, machine) as session:
                store = Store(session)
                rules.check_not_moved("state.db", store.moved_to, moving_to)
                store.begin_run(run)
                yield store
        finally:
            file.locked = False

    @contextmanager
    def unlocked(self, run: Run, machine: Machine) -> Iterator[UnlockedStore]:
        machine.step()
        with self._writing(self.disk.state, machine) as session:
            yield UnlockedStore(session, run, LINEAGE)

    @contextmanager
    def _writing(self, file: StateFile, machine: Machine) -> Iterator[SqliteSession]:
        with _connection(file, machine) as connection:
            held: Any = _Held(self.disk, file)
            session = _Session(connection, Path("state.db"), held)
            rules.check_lineage(Reader(session).lineage, LINEAGE)
            held.remember(held.look())
            yield session

    def verify(self, machine: Machine) -> AuditResult:
        with _connection(self.disk.state, machine) as connection:
            connection.execute("begin")
            return examine(connection, ())


class MovableState:
    """The state on a disk as a ``StateBackend``, as far as a migration needs one."""

    def __init__(self, disk: Disk, machine: Machine, name: str) -> None:
        self._disk = disk
        self._machine = machine
        self._name = name

    def __str__(self) -> str:
        return self._name

    def with_lineage(self, lineage: str) -> MovableState:
        assert lineage == LINEAGE
        return self

    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> Any:
        return SimulatedState(self._disk).store(run, self._machine, moving_to)

    def exists(self) -> bool:
        return self._disk.file is not None

    @contextmanager
    def receive(self, *, retry: bool) -> Iterator[sqlite3.Connection]:
        """Empty tables, and with its commit the new file."""
        file = StateFile(b"")
        with closing(_new_connection()) as connection:
            connection.file, connection.machine, connection.content = file, self._machine, file.content
            try:
                with transaction(connection):
                    for migrate in MIGRATIONS.values():
                        migrate(connection)
                    yield connection
            finally:
                if file.content:
                    self._disk.file = file


@cache
def empty_state() -> bytes:
    """The content of a new state, the same in each process."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(_SMALL_PAGES)
        with transaction(connection), patch("secrets.token_hex", lambda size: "5e" * size):
            for migrate in MIGRATIONS.values():
                migrate(connection)
            create_state(connection, LINEAGE, {})
        return connection.serialize()
