"""A state in PostgreSQL: a schema of its own, written by the session that holds its lock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psycopg import IsolationLevel, errors

from reconciler.domain.facts import PauseStore
from reconciler.domain.ledger import Head
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import Run
from reconciler.errors import StateError, StateMissing
from reconciler.state import rules
from reconciler.state.backend import DurabilityRisk, LockStatus, describe_holder
from reconciler.state.checks import anomalies
from reconciler.state.ledger.audit import AuditResult, examine
from reconciler.state.migrations import create_state
from reconciler.state.postgres import advisory, schemas
from reconciler.state.postgres.joint import PostgresJointStore, live_runs, runners
from reconciler.state.postgres.server import Server
from reconciler.state.postgres.session import (
    PostgresSession,
    check_server,
    commit_synchronously,
    configure_writer,
    connected,
    durability_risks,
    server_problems,
    translated,
)
from reconciler.state.postgres.statements import Raw, Statements
from reconciler.state.reader import Reader
from reconciler.state.store import Store
from reconciler.state.transfer.copying import NestedSession
from reconciler.state.unlocked_store import UnlockedStore


@dataclass(frozen=True, slots=True)
class PostgresState:
    """A ``StateBackend``. ``lineage`` is the one that the state must have, if any."""

    server: Server
    lineage: str | None = None

    def __str__(self) -> str:
        return str(self.server)

    def with_lineage(self, lineage: str) -> PostgresState:
        return replace(self, lineage=lineage)

    def create(self, by: JsonObject) -> str:
        lineage = self.lineage or str(uuid.uuid4())
        with self._new_schema(lineage) as statements:
            create_state(statements, lineage, by)
        return lineage

    @contextmanager
    def _new_schema(self, lineage: str) -> Iterator[Statements]:
        """A new schema with a state's tables, in one transaction."""
        schema = self.server.schema or schemas.schema_of(lineage)
        with connected(self.server, writer=True) as raw, translated(f"in {self.server}", Statements(raw)):
            check_server(raw)
            statements = Statements(raw)
            try:
                with statements.transaction():
                    commit_synchronously(raw)  # inside: a pooler may give each transaction another session
                    schemas.create(statements, schema)
                    yield statements
            except errors.DuplicateSchema as error:
                raise StateError(f"the schema {schema} exists already, and is never overwritten") from error

    def refuse_existing(self) -> None:
        if self.exists():
            raise StateError(f"there is a state in {self.server} already, and it is never overwritten")

    @contextmanager
    def new_store(self, run: Run, by: JsonObject) -> Iterator[Store]:
        """All in one transaction. The caller asks the service for nothing in the meantime."""
        with self._new_schema(self.lineage or "") as statements:
            create_state(statements, self.lineage or "", by)
            store = Store(NestedSession(statements, str(self)))
            store.begin_run(run)
            yield store

    def exists(self) -> bool:
        try:
            with self.reader():
                return True
        except StateMissing:
            return False

    @contextmanager
    def receive(self, *, retry: bool) -> Iterator[Statements]:  # noqa: ARG002 - a server leaves nothing unfinished
        if self.lineage is None:
            raise StateError("the lineage of the state to receive is missing")
        with self._new_schema(self.lineage) as statements:
            yield statements

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with self._reading() as session:
            reader = Reader(session)
            rules.check_not_moved(session.name, reader.moved_to)
            yield reader

    @contextmanager
    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> Iterator[Store]:
        with self._writing(run, lock_timeout) as session:
            store = Store(session)
            rules.check_not_moved(session.name, store.moved_to, moving_to)
            store.begin_run(run)
            yield store

    @contextmanager
    def join(self, run: Run, lock_timeout: float) -> Iterator[PostgresJointStore]:
        """As ``store``, but shared with other runners of the same plan.

        Raises:
            StateLocked: a run that does not share the lock holds it, or runners of another plan do.
        """
        with self._writing(run, lock_timeout, joint=True) as session:
            store = PostgresJointStore(session, run)
            rules.check_not_moved(session.name, store.moved_to)
            store.begin_run(run)
            yield store

    @contextmanager
    def unlocked(self, run: Run) -> Iterator[PauseStore]:
        with connected(self.server, writer=True) as raw:
            session = self._open(raw)
            with session.translated():
                check_server(raw)
                configure_writer(raw, run)
                session = replace(session, held=advisory.unlocked(raw))
            _refuse_outdated(session)
            yield UnlockedStore(session, run, self.lineage)

    @contextmanager
    def _writing(self, run: Run, lock_timeout: float, *, joint: bool = False) -> Iterator[PostgresSession]:
        """A session that holds the lock, with the tables of this version."""
        with connected(self.server, writer=True) as raw, ExitStack() as stack:
            session = self._open(raw)
            lineage = Reader(session).lineage
            with session.translated():
                check_server(raw)
                configure_writer(raw, run)
                lock = advisory.locked(
                    session.connection, lineage, run.id, lock_timeout, lambda: _holder(session), shared=joint
                )
                held = stack.enter_context(lock)
            session = replace(session, held=held)
            _upgrade(session)
            yield session

    def lock(self) -> LockStatus:
        with self._reading() as session:
            reader = Reader(session)
            scope = advisory.scope_of(reader.lineage)
            with session.translated():
                if not advisory.is_held(session.connection, scope):
                    return LockStatus(held=False)
                sharing = tuple(runners(session.connection))
            return LockStatus(True, sharing[0].run if sharing else reader.holder(), sharing)

    def verify(self, anchors: Iterable[Head]) -> AuditResult:
        with self._reading() as session, session.translated(), session.connection.together():
            return examine(session.connection, anchors)

    def durability_risks(self) -> list[DurabilityRisk]:
        with self._reading() as session, session.translated():
            return durability_risks(session.connection.raw)

    def check(self, now: datetime) -> list[str]:
        with self._reading() as session, session.translated(), session.connection.together():
            problems = [error.message for error in server_problems(session.connection.raw)]
            problems += anomalies(session.connection, now)
            found_by_audit = examine(session.connection, ()).problems
            return problems + [problem for problem in found_by_audit if problem not in problems]

    @contextmanager
    def _reading(self) -> Iterator[PostgresSession]:
        """A session that cannot write; what it reads ``together`` is as of one moment."""
        with connected(self.server) as raw:
            raw.read_only = True
            raw.isolation_level = IsolationLevel.REPEATABLE_READ
            session = self._open(raw)
            _refuse_outdated(session)
            yield session

    def _open(self, raw: Raw) -> PostgresSession:
        """Find the state. Raises ``StateMissing``, or ``StateError`` if it has another lineage than the pinned
        one."""
        with translated(f"in {self.server}", Statements(raw)):
            schema = schemas.find(Statements(raw), self.server, self.lineage)
        session = PostgresSession(Statements(raw, schema), f"{schema} in {self.server}")
        rules.check_lineage(Reader(session).lineage, self.lineage)
        return session


def _holder(session: PostgresSession) -> str | None:
    sharing = live_runs(session.connection)
    run = sharing[0] if sharing else Reader(session).holder()
    others = len(sharing) - 1
    more = f" and {others} other{'' if others == 1 else 's'} of the same plan" if others > 0 else ""
    return None if run is None else describe_holder(run, datetime.now(UTC)) + more


def _is_outdated(session: PostgresSession) -> bool:
    with session.translated():
        return bool(schemas.pending(session.connection, session.name))


def _refuse_outdated(session: PostgresSession) -> None:
    if _is_outdated(session):
        raise rules.older_version(session.name)


def _upgrade(session: PostgresSession) -> None:
    """Apply the pending migrations in one transaction. Asks again in it, because another runner may have been
    faster."""
    if _is_outdated(session):
        with session.writing():
            schemas.upgrade(session.connection, schemas.pending(session.connection, session.name))
