"""A connection to a state's server: it is used by one, and never made again behind anybody's back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from reconciler.domain.ports import Run
from reconciler.errors import StateError
from reconciler.state.postgres.advisory import Held
from reconciler.state.postgres.server import Server
from reconciler.state.postgres.statements import Raw, Statements, quoted
from reconciler.system.failures import DISK_FULL

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it warns of, it raises too

# What libpq is told where nobody says otherwise: a server that is gone is noticed within a minute.
_PATIENCE = {
    "application_name": "reconciler",
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
    "default_transaction_isolation": "read committed",  # who waited for a row must see what was written meanwhile
}
_FIT = "select current_setting('fsync') as fsync, current_setting('server_encoding') as encoding"
_REDACTED = ("calls", "attempts", "decisions", "cleared", "conflicts", "ledger_texts")
_ASK = (
    "is it running, and are host, port, user and database right? A password comes from PGPASSWORD, PGPASSFILE or "
    "a service file"
)
_RIGHTS = "apply needs a role that may write the state's tables; to plan, one that may read them is enough"


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """One connection, as a state is read and written over it. ``held`` is None where it only reads."""

    connection: Statements
    name: str
    held: Held | None = None

    def translated(self) -> AbstractContextManager[None]:
        return translated(self.name, self.connection)

    def together(self) -> AbstractContextManager[None]:
        return self.connection.together()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.translated():
            raw, schema = self.connection.raw, self.connection.schema
            if self.held is None or schema is None:
                raise StateError("the state is open for reading only")
            with self.connection.transaction():
                self.held.check(raw, schema)
                yield

    def untouched(self) -> bool:
        return False

    @contextmanager
    def rereading(self) -> Iterator[Statements]:
        with self.translated():
            raw, schema = self.connection.raw, self.connection.schema
            if self.held is None or schema is None:
                raise StateError("the state is open for reading only")
            with self.connection.transaction():
                self.held.check(raw, schema, writing=False)
                yield self.connection

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """The tables are written anew. The server's write-ahead log, its backups and its replicas are not."""
        yield
        with self.translated():
            for table in _REDACTED:
                self.connection.raw.execute(
                    f"vacuum (full) {quoted(self.connection.schema or '')}.{table}".encode()
                )


@contextmanager
def connected(server: Server, *, writer: bool = False) -> Iterator[Raw]:
    """A connection in autocommit mode, closed at the end. A writer's is to a server that takes writes."""
    options: dict[str, Any] = _PATIENCE | dict(server.options)
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


def unfit(raw: Raw) -> list[StateError]:
    """Why a state must not be written here: commits would not be durable, or some text could not be kept."""
    row = raw.execute(_FIT.encode()).fetchone() or {}
    found: list[StateError] = []
    if row["fsync"] != "on":
        said = "the server runs with fsync = off: when it crashes, it forgets calls that were placed"
        found.append(StateError(said, hint="set fsync = on, and restart it"))
    if row["encoding"] != "UTF8":
        said = f"the database's encoding is {row['encoding']}, and a state needs UTF8"
        found.append(StateError(said, hint="create database calls encoding 'UTF8' template template0"))
    return found


def check_server(raw: Raw) -> None:
    """Raises ``StateError`` where the server is unfit."""
    for error in unfit(raw):
        raise error


def settle_in(raw: Raw, run: Run) -> None:
    """The session of a writer: its commits are on disk when they are done; it is named, and neither cut off while
    it waits for answers nor held up by others.
    """
    settings = _SETTINGS | {"application_name": f"reconciler {run.command} on {run.host}"[:63]}
    if raw.info.server_version >= 140000:
        settings["idle_session_timeout"] = "0"
    level = raw.execute(b"show synchronous_commit").fetchone() or {}
    if level.get("synchronous_commit") != "remote_apply":  # which waits for even more
        settings["synchronous_commit"] = "on"
    for name, value in settings.items():
        raw.execute("select set_config(%s, %s, false)", (name, value))


@contextmanager
def translated(name: str, connection: Statements) -> Iterator[None]:
    """PostgreSQL's errors as ``StateError``: nothing of psycopg leaves this package."""
    try:
        yield
    except psycopg.Error as error:
        if not connection.raw.closed:
            raise StateError(f"the state {name} cannot be used: {_words(error)}", hint=_step(error)) from error
        connection.lost = connection.lost or _words(error)
        raise StateError(
            f"the connection to the state {name} was lost ({connection.lost}): nothing more is written or sent",
            hint="run this again once the server is back: what was sent is settled first",
        ) from error
    except UnicodeEncodeError as error:
        raise StateError(f"the state {name} holds Unicode only, and {error.object!a} is none") from error


def _step(error: psycopg.Error) -> str | None:
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return _RIGHTS
    return DISK_FULL if isinstance(error, errors.DiskFull) else None


def _words(error: psycopg.Error) -> str:
    """What the server said, or what its first line is."""
    return (error.diag.message_primary or str(error) or type(error).__name__).partition("\n")[0].strip()
