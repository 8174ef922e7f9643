"""The state in PostgreSQL: a schema of its own, written by the one session that holds its lock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import IsolationLevel, errors
from psycopg.rows import dict_row

from reconciler.chain import Head
from reconciler.errors import StateError
from reconciler.model import JsonObject
from reconciler.ports import Run
from reconciler.state import audit, care, rules
from reconciler.state.place import Lock, told
from reconciler.state.postgres import advisory, schemas
from reconciler.state.postgres.server import Server
from reconciler.state.postgres.statements import Raw, Statements
from reconciler.state.reader import Reader
from reconciler.state.store import Store
from reconciler.system import DISK_FULL

# What libpq is told where nobody says otherwise: a server that is gone is noticed within a minute.
_PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# The same for the server: a lock is gone soon after the machine that held it. Timeouts are in milliseconds.
_SETTINGS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "statement_timeout": "0",
    "lock_timeout": "60000",
    "idle_in_transaction_session_timeout": "0",
}
_DURABLE = """
select current_setting('fsync') as fsync, current_setting('synchronous_commit') as level,
       current_setting('server_encoding') as encoding
"""
_TABLES = ("calls", "attempts", "decisions", "cleared", "ledger_texts")
_ASK = (
    "is it running, and are host, port, user and database right? A password comes from PGPASSWORD, PGPASSFILE or "
    "a service file"
)
_RIGHTS = "apply needs a role that may write the state's tables; to plan, one that may read them is enough"


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """One connection to the server. ``held`` is None where it only reads."""

    connection: Statements
    name: str
    held: advisory.Held | None = None

    @contextmanager
    def translated(self) -> Iterator[None]:
        with _translated(self.name, self.connection.raw):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.translated():
            raw, schema = self.connection.raw, self.connection.schema
            if self.held is None or schema is None:
                raise StateError("the state is open for reading only")
            with raw.transaction():
                self.held.check(raw, schema)
                yield

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """The tables are written anew. The server's write-ahead log, its backups and its replicas are not."""
        yield
        with self.translated():
            for table in _TABLES:
                sql = f'vacuum (full) "{self.connection.schema}".{table}'
                self.connection.raw.execute(sql.encode())


@dataclass(frozen=True, slots=True)
class PostgresState:
    """A state on a server: a ``Place``. ``lineage`` is the one it must have, if any."""

    server: Server
    lineage: str | None = None

    def __str__(self) -> str:
        return str(self.server)

    def create(self, by: JsonObject) -> str:
        lineage = self.lineage or str(uuid.uuid4())
        schema = self.server.schema or schemas.schema_of(lineage)
        with _connected(self.server) as raw, _translated(str(self), raw):
            _check_server(raw)
            try:
                with raw.transaction():
                    schemas.make(Statements(raw), schema, lineage, by)
            except errors.DuplicateSchema as error:
                raise StateError(f"the schema {schema} exists already: it is never overwritten") from error
        return lineage

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with self._reading() as session:
            yield Reader(session)

    @contextmanager
    def store(self, run: Run, lock_timeout: float) -> Iterator[Store]:
        with _connected(self.server, writer=True) as raw:
            with _translated(str(self), raw):
                _check_server(raw)
                _settle_in(raw, run)
                session = self._open(raw)
                reader = Reader(session)
                lineage = reader.lineage
            with ExitStack() as stack:
                with session.translated():
                    held = stack.enter_context(advisory.locked(raw, lineage, lock_timeout, lambda: _told(reader)))
                session = PostgresSession(session.connection, session.name, held)
                _upgrade(session)
                store = Store(session)
                store.begin_run(run)
                yield store

    def lock(self) -> Lock:
        with self._reading() as session:
            reader = Reader(session)
            with session.translated():
                held = advisory.is_held(session.connection.raw, reader.lineage)
            return Lock(held, reader.holder() if held else None)

    def verify(self, anchors: Iterable[Head]) -> audit.Verdict:
        with self._reading() as session, session.translated(), session.connection.together():
            return audit.examine(session.connection, anchors)

    def check(self, now: datetime) -> list[str]:
        with self._reading() as session, session.translated(), session.connection.together():
            found = care.anomalies(session.connection, now)
            problems = audit.examine(session.connection, ()).problems
            return found + [problem for problem in problems if problem not in found]

    @contextmanager
    def _reading(self) -> Iterator[PostgresSession]:
        with _connected(self.server) as raw:
            with _translated(str(self), raw):
                raw.read_only = True
                raw.isolation_level = IsolationLevel.REPEATABLE_READ
                session = self._open(raw)
                if schemas.pending(session.connection, session.name):
                    raise rules.of_older(session.name)
            yield session

    def _open(self, raw: Raw) -> PostgresSession:
        """Find the state. Raises ``StateMissing``, or ``StateError`` where it is not the one that is meant."""
        schema = schemas.find(Statements(raw), self.server, self.lineage)
        session = PostgresSession(Statements(raw, schema), f"{schema} in {self.server}")
        rules.check_lineage(Reader(session).lineage, self.lineage)
        return session


@contextmanager
def _connected(server: Server, *, writer: bool = False) -> Iterator[Raw]:
    """A connection in autocommit mode, closed at the end. A writer's is to a server that takes writes."""
    options: dict[str, Any] = _PATIENCE | {"application_name": "reconciler"} | dict(server.options)
    options["target_session_attrs"] = "read-write" if writer else "any"
    try:
        raw = psycopg.connect(
            **options, autocommit=True, prepare_threshold=5 if writer else None, row_factory=dict_row
        )
    except psycopg.Error as error:
        raise StateError(f"the state's server cannot be used: {_words(error)}", hint=_ASK) from error
    try:
        yield raw
    finally:
        raw.close()


def _check_server(raw: Raw) -> None:
    """Raises ``StateError`` where what is committed could be lost, or some text could not be kept."""
    row = raw.execute(_DURABLE.encode()).fetchone() or {}
    if row["fsync"] != "on":
        raise StateError(
            "the server runs with fsync = off: it forgets calls that were placed when it crashes",
            hint="set fsync = on, and restart it",
        )
    if row["encoding"] != "UTF8":
        raise StateError(
            f"the database's encoding is {row['encoding']}, and a state needs UTF8",
            hint="create database calls encoding 'UTF8' template template0",
        )
    if row["level"] not in {"on", "remote_apply"}:
        raw.execute("set synchronous_commit = on")


def _settle_in(raw: Raw, run: Run) -> None:
    """The session of a writer: named, and neither cut off while it waits for answers nor held up by others."""
    settings = _SETTINGS | {"application_name": f"reconciler {run.command} on {run.host}"[:63]}
    if raw.info.server_version >= 140000:
        settings["idle_session_timeout"] = "0"
    for name, value in settings.items():
        raw.execute("select set_config(%s, %s, false)", (name, value))


def _told(reader: Reader) -> str | None:
    """Who holds the lock, in words."""
    run = reader.holder()
    return None if run is None else told(run, datetime.now(UTC))


def _upgrade(session: PostgresSession) -> None:
    with session.translated():
        steps = schemas.pending(session.connection, session.name)
    if steps:
        with session.writing():
            schemas.upgrade(session.connection, steps)


@contextmanager
def _translated(name: str, raw: Raw) -> Iterator[None]:
    """PostgreSQL's errors as ``StateError``: nothing of psycopg leaves this package."""
    try:
        yield
    except psycopg.Error as error:
        if raw.closed:
            raise StateError(
                f"the connection to the state {name} was lost ({_words(error)}): nothing more is sent",
                hint="run this again once the server is back: what was sent is settled first",
            ) from error
        raise StateError(f"the state {name} cannot be used: {_words(error)}", hint=_step(error)) from error
    except UnicodeEncodeError as error:
        raise StateError(f"the state {name} holds Unicode only, and {error.object!a} is none") from error


def _step(error: psycopg.Error) -> str | None:
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return _RIGHTS
    return DISK_FULL if isinstance(error, errors.DiskFull) else None


def _words(error: psycopg.Error) -> str:
    """What the server said, in one line."""
    return " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
