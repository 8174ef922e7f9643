"""The state in PostgreSQL: a schema of its own, written by the one session that holds its lock."""

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
from reconciler.state import audit, care, rules
from reconciler.state.copying import Within
from reconciler.state.place import Lock, describe_holder
from reconciler.state.postgres import advisory, schemas
from reconciler.state.postgres.joint import PostgresJointStore, living, runners
from reconciler.state.postgres.server import Server
from reconciler.state.postgres.session import (
    PostgresSession,
    check_server,
    connected,
    settle_in,
    translated,
    unfit,
)
from reconciler.state.postgres.statements import Raw, Statements
from reconciler.state.reader import Reader
from reconciler.state.store import Store
from reconciler.state.unlocked import UnlockedStore


@dataclass(frozen=True, slots=True)
class PostgresState:
    """A state on a server: a ``Place``. ``lineage`` is the one it must have, if any."""

    server: Server
    lineage: str | None = None

    def __str__(self) -> str:
        return str(self.server)

    def with_lineage(self, lineage: str) -> PostgresState:
        return replace(self, lineage=lineage)

    def create(self, by: JsonObject) -> str:
        lineage = self.lineage or str(uuid.uuid4())
        with self._making(lineage) as statements:
            schemas.begin(statements, lineage, by)
        return lineage

    @contextmanager
    def _making(self, lineage: str) -> Iterator[Statements]:
        """A new schema with a state's tables, in one transaction."""
        schema = self.server.schema or schemas.schema_of(lineage)
        with connected(self.server, writer=True) as raw, translated(f"in {self.server}", Statements(raw)):
            check_server(raw)
            statements = Statements(raw)
            try:
                with statements.transaction():
                    schemas.make(statements, schema)
                    yield statements
            except errors.DuplicateSchema as error:
                raise StateError(f"the schema {schema} exists already: it is never overwritten") from error

    def refuse_existing(self) -> None:
        if self.is_there():
            raise StateError(f"there is a state in {self.server} already: it is never overwritten")

    @contextmanager
    def founded(self, run: Run, by: JsonObject) -> Iterator[Store]:
        """All of it in one transaction: a server is asked for nothing else meanwhile."""
        with self._making(self.lineage or "") as statements:
            schemas.begin(statements, self.lineage or "", by)
            store = Store(Within(statements, str(self)))
            store.begin_run(run)
            yield store

    def is_there(self) -> bool:
        try:
            with self.reader():
                return True
        except StateMissing:
            return False

    @contextmanager
    def receive(self, *, again: bool) -> Iterator[Statements]:  # noqa: ARG002 - a server leaves nothing unfinished
        if self.lineage is None:
            raise StateError("nothing says which state is received")
        with self._making(self.lineage) as statements:
            yield statements

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with self._reading() as session:
            reader = Reader(session)
            rules.check_here(session.name, reader.moved_to)
            yield reader

    @contextmanager
    def store(self, run: Run, lock_timeout: float, moving_to: str | None = None) -> Iterator[Store]:
        with self._writing(run, lock_timeout) as session:
            store = Store(session)
            rules.check_here(session.name, store.moved_to, moving_to)
            store.begin_run(run)
            yield store

    @contextmanager
    def join(self, run: Run, lock_timeout: float) -> Iterator[PostgresJointStore]:
        """As ``store``, beside other runners of the same plan.

        Raises:
            StateLocked: a run that writes alone holds it, or runners of another plan do.
        """
        with self._writing(run, lock_timeout, joint=True) as session:
            store = PostgresJointStore(session, run)
            rules.check_here(session.name, store.moved_to)
            store.begin_run(run)
            yield store

    @contextmanager
    def unlocked(self, run: Run) -> Iterator[PauseStore]:
        with connected(self.server, writer=True) as raw:
            session = self._open(raw)
            with session.translated():
                check_server(raw)
                settle_in(raw, run)
                session = replace(session, held=advisory.unlocked(raw))
                outdated = schemas.pending(session.connection, session.name)
            if outdated:
                raise rules.of_older(session.name)
            yield UnlockedStore(session, run, self.lineage)

    @contextmanager
    def _writing(self, run: Run, lock_timeout: float, *, joint: bool = False) -> Iterator[PostgresSession]:
        """A session that holds the lock, of a state that is up to date."""
        with connected(self.server, writer=True) as raw, ExitStack() as stack:
            session = self._open(raw)
            lineage = Reader(session).lineage
            with session.translated():
                check_server(raw)
                settle_in(raw, run)
                lock = advisory.locked(
                    session.connection, lineage, run.id, lock_timeout, lambda: _holder(session), shared=joint
                )
                held = stack.enter_context(lock)
            session = replace(session, held=held)
            _upgrade(session)
            yield session

    def lock(self) -> Lock:
        with self._reading() as session:
            reader = Reader(session)
            scope = advisory.scope_of(reader.lineage)
            with session.translated():
                if not advisory.is_held(session.connection, scope):
                    return Lock(held=False)
                found = tuple(runners(session.connection))
            return Lock(True, found[0].run if found else reader.holder(), found)

    def verify(self, anchors: Iterable[Head]) -> audit.Verdict:
        with self._reading() as session, session.translated(), session.connection.together():
            return audit.examine(session.connection, anchors)

    def check(self, now: datetime) -> list[str]:
        with self._reading() as session, session.translated(), session.connection.together():
            found = [error.message for error in unfit(session.connection.raw)]
            found += care.anomalies(session.connection, now)
            problems = audit.examine(session.connection, ()).problems
            return found + [problem for problem in problems if problem not in found]

    @contextmanager
    def _reading(self) -> Iterator[PostgresSession]:
        """A session that cannot write, and sees all that is found together as of one moment."""
        with connected(self.server) as raw:
            raw.read_only = True
            raw.isolation_level = IsolationLevel.REPEATABLE_READ
            session = self._open(raw)
            with session.translated():
                outdated = schemas.pending(session.connection, session.name)
            if outdated:
                raise rules.of_older(session.name)
            yield session

    def _open(self, raw: Raw) -> PostgresSession:
        """Find the state. Raises ``StateMissing``, or ``StateError`` where it is not the one that is meant."""
        with translated(f"in {self.server}", Statements(raw)):
            schema = schemas.find(Statements(raw), self.server, self.lineage)
        session = PostgresSession(Statements(raw, schema), f"{schema} in {self.server}")
        rules.check_lineage(Reader(session).lineage, self.lineage)
        return session


def _holder(session: PostgresSession) -> str | None:
    """Who holds the lock, in words."""
    found = living(session.connection)
    run = found[0] if found else Reader(session).holder()
    more = f" and {len(found) - 1} more of the same plan" if len(found) > 1 else ""
    return None if run is None else describe_holder(run, datetime.now(UTC)) + more


def _upgrade(session: PostgresSession) -> None:
    """Bring the tables up to date, in one transaction: asked again in it, for another runner may have."""
    with session.translated():
        outdated = schemas.pending(session.connection, session.name)
    if outdated:
        with session.writing():
            schemas.upgrade(session.connection, schemas.pending(session.connection, session.name))
