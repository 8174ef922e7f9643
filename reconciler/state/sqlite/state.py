"""A state in a SQLite file."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.domain.facts import PauseStore
from reconciler.domain.ledger import Head
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Run
from reconciler.errors import StateError, StateLocked
from reconciler.state import rules
from reconciler.state.backend import DurabilityRisk, LockStatus, describe_holder
from reconciler.state.checks import anomalies
from reconciler.state.ledger.audit import AuditResult, examine
from reconciler.state.migrations import create_state
from reconciler.state.reader import Reader
from reconciler.state.sqlite import connection as connections
from reconciler.state.sqlite import create, schema
from reconciler.state.sqlite.connection import check_schema, make_durable, transaction, translated
from reconciler.state.sqlite.durability import durability_risks
from reconciler.state.sqlite.files import check_file, make_folder, make_private
from reconciler.state.sqlite.lock import HeldFile, locked, unlocked
from reconciler.state.sqlite.lost_state import LostState, is_lost, record_lost, refuse_older_copy
from reconciler.state.sqlite.session import SqliteSession
from reconciler.state.store import Store
from reconciler.state.unlocked_store import UnlockedStore


@dataclass(frozen=True, slots=True)
class SqliteState:
    """A ``StateBackend``. ``lineage`` is the one that the state must have, if any."""

    path: Path
    lineage: str | None = None

    def __str__(self) -> str:
        return str(self.path)

    def with_lineage(self, lineage: str) -> SqliteState:
        return replace(self, lineage=lineage)

    def create(self, by: JsonObject) -> str:
        lineage = self.lineage or str(uuid.uuid4())
        with create.new_file(self.path) as connection:
            create_state(connection, lineage, by)
        return lineage

    def refuse_existing(self) -> None:
        create.refuse_existing(self.path)

    @contextmanager
    def new_store(self, run: Run, by: JsonObject) -> Iterator[Store]:
        """Made in a folder of its own, and moved to its path at the end."""
        self.refuse_existing()
        with translated(self.path):
            make_folder(self.path.parent)
            folder = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
        try:
            new = SqliteState(folder / self.path.name, self.lineage)
            new.create(by)
            with new.store(run) as store:
                yield store
            with translated(self.path):
                create.put_in_place(new.path, self.path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with self._reading() as connection:
            reader = Reader(SqliteSession(connection, self.path))
            rules.check_lineage(reader.lineage, self.lineage)
            rules.check_not_moved(self.path, reader.moved_to)
            yield reader

    @contextmanager
    def store(self, run: Run, lock_timeout: float = 0.0, moving_to: str | None = None) -> Iterator[Store]:
        check_file(self.path)
        with locked(self.path, lock_timeout, self._describe_holder) as held, self._writing(held) as session:
            store = Store(session)
            rules.check_not_moved(self.path, store.moved_to, moving_to)
            refuse_older_copy(self.path, session.connection)
            store.begin_run(run)
            with self._detecting_loss(run, store):
                yield store

    @contextmanager
    def unlocked(self, run: Run) -> Iterator[PauseStore]:
        """Two transactions never overlap: each waits for the other, and reads the end of the ledger itself."""
        check_file(self.path)
        with unlocked(self.path) as held, self._writing(held, upgrade=False) as session:
            yield UnlockedStore(session, run, self.lineage)

    @contextmanager
    def _writing(self, held: HeldFile, *, upgrade: bool = True) -> Iterator[SqliteSession]:
        """A session that can write, with the tables of this version."""
        with translated(self.path):
            connection = connections.connect(self.path, "rw")
        with closing(connection):
            stamp = held.look()
            session = SqliteSession(connection, self.path, held)
            with translated(self.path):
                check_schema(connection, self.path, up_to_date=not upgrade)
                rules.check_lineage(Reader(session).lineage, self.lineage)
                make_private(self.path)
                make_durable(connection)
                if schema.pending(connection):
                    self._upgrade(connection)
            held.remember(stamp)
            yield session

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Apply the pending migrations in one transaction, after copying the file."""
        copy = self.path.with_name(f"{self.path.name}.before-{schema.pending(connection)[0]}")
        copy.touch(mode=0o600)
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
        with transaction(connection):
            schema.migrate(connection)

    @contextmanager
    def _detecting_loss(self, run: Run, store: Store) -> Iterator[None]:
        """If the state no longer has what this run wrote: name the run's calls, and have older copies refused."""
        try:
            yield
        except StateError as error:
            if store.latest is None or not is_lost(self.path, store.latest):
                raise
            record_lost(self.path, LostState(run.id, store.latest))
            raise StateError(f"{error.message} {store.placed.describe()}", hint=rules.LOST_HINT) from error

    def exists(self) -> bool:
        if not self.path.exists() or create.is_unfinished(self.path):
            return False
        with self.reader():
            return True

    @contextmanager
    def receive(self, *, retry: bool) -> Iterator[sqlite3.Connection]:
        if retry and create.is_unfinished(self.path):
            self.path.unlink()
        with create.new_file(self.path) as connection:
            yield connection

    def lock(self) -> LockStatus:
        """Takes the lock for a moment to find out whether it is free."""
        check_file(self.path)
        try:
            with locked(self.path, 0.0, lambda: None):
                return LockStatus(held=False)
        except StateLocked:
            return LockStatus(held=True, run=self._holder())

    def _describe_holder(self) -> str | None:
        run = self._holder()
        return None if run is None else describe_holder(run, datetime.now(UTC))

    def _holder(self) -> Run | None:
        try:
            with translated(self.path), closing(connections.connect_reader(self.path, busy=1.0)) as connection:
                return Reader(SqliteSession(connection, self.path)).holder()
        except StateError:  # a write is in progress, or the file cannot be read
            return None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write.

        Raises:
            StateLocked: another process does not finish a write; it may have been stopped.
        """
        check_file(self.path)
        try:
            with translated(self.path):
                connection = connections.connect_reader(self.path)
        except StateError as error:
            if not connections.is_busy(error.__cause__):
                raise
            raise StateLocked(error.message, hint="the run that is writing it was stopped, or is slow") from error
        with closing(connection):
            with translated(self.path):
                check_schema(connection, self.path)
            yield connection

    def verify(self, anchors: Iterable[Head] = ()) -> AuditResult:
        result = self._audit(anchors)
        rules.check_lineage(result.lineage, self.lineage)
        return result

    def _audit(self, anchors: Iterable[Head]) -> AuditResult:
        with self._reading() as connection, translated(self.path):
            connection.text_factory = _to_text
            connection.execute("begin")
            return examine(connection, anchors)

    def durability_risks(self) -> list[DurabilityRisk]:
        return durability_risks(self.path)

    def check(self, now: datetime) -> list[str]:
        with self._reading() as connection, translated(self.path):
            problems = [row[0] for row in connection.execute("pragma integrity_check") if row[0] != "ok"]
            problems += [
                f"{row['table']}: row {row['rowid']} refers to a row of {row['parent']} that does not exist"
                for row in connection.execute("pragma foreign_key_check").fetchall()
            ]
            problems += anomalies(connection, now)
        return problems + [problem for problem in self._audit(()).problems if problem not in problems]


def _to_text(data: bytes) -> str:
    """Invalid UTF-8 is a problem to report, not an error."""
    return data.decode("utf-8", "surrogateescape")
