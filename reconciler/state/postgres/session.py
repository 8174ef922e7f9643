"""A connection to a state's server, as a ``Session``. It never reconnects by itself."""

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
from reconciler.state.backend import DurabilityRisk
from reconciler.state.postgres.advisory import Held
from reconciler.state.postgres.server import Server
from reconciler.state.postgres.statements import Raw, Statements, quoted
from reconciler.system.failures import DISK_FULL

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # it also raises what it warns about

# Defaults for libpq: a lost server is noticed within a minute.
_CLIENT_SETTINGS = {
    "application_name": "reconciler",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# For the server: the lock of a lost machine is released soon. Timeouts are in milliseconds.
_SERVER_SETTINGS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "statement_timeout": "0",
    "lock_timeout": "60000",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",  # who waited for a row must see what was written since
}
_CAPABILITIES = "select current_setting('fsync') as fsync, current_setting('server_encoding') as encoding"
_FSYNC_OFF = "the server runs with fsync = off: if it crashes, it loses calls that were placed"
_FSYNC_HINT = "set fsync = on, and restart the server"
_TORN_PAGES = (
    "the server runs with full_page_writes = off: a power cut may damage the state, unless the server's file "
    "system writes pages of 8 kB completely or not at all, as ZFS does"
)
_REDACTED = ("calls", "attempts", "decisions", "cleared", "conflicts", "ledger_texts")
_CONNECTION_HINT = (
    "is it running, and are host, port, user and database right? The password is read from PGPASSWORD, PGPASSFILE "
    "or a service file"
)
_RIGHTS_HINT = "apply needs a role that can write the state's tables; plan needs one that can read them"


@dataclass(frozen=True, slots=True)
class PostgresSession:
    """``held`` is None if the session only reads."""

    connection: Statements
    name: str
    held: Held | None = None

    def translated(self) -> AbstractContextManager[None]:
        return translated(self.name, self.connection)

    def together(self) -> AbstractContextManager[None]:
        return self.connection.together()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._locked(writing=True):
            yield

    def untouched(self) -> bool:
        return False

    def rereading(self) -> AbstractContextManager[Statements]:
        return self._locked(writing=False)

    @contextmanager
    def _locked(self, *, writing: bool) -> Iterator[Statements]:
        """A transaction that begins with a check of the lock."""
        with self.translated():
            raw, schema = self.connection.raw, self.connection.schema
            if self.held is None or schema is None:
                raise StateError("the state is open for reading only")
            with self.connection.transaction():
                self.held.check(raw, schema, writing=writing)
                yield self.connection

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """Rewrites the tables. The server's write-ahead log, backups and replicas still have the removed data."""
        yield
        with self.translated():
            for table in _REDACTED:
                self.connection.raw.execute(
                    f"vacuum (full) {quoted(self.connection.schema or '')}.{table}".encode()
                )


@contextmanager
def connected(server: Server, *, writer: bool = False) -> Iterator[Raw]:
    """A connection in autocommit mode, closed at the end; for a ``writer``, to a server that accepts writes."""
    options: dict[str, Any] = _CLIENT_SETTINGS | dict(server.options)
    options["target_session_attrs"] = "read-write" if writer else "any"
    try:
        raw = psycopg.connect(
            **options, autocommit=True, prepare_threshold=5 if writer else None, row_factory=dict_row
        )
    except psycopg.Error as error:
        raise StateError(f"the state's server cannot be used: {_message(error)}", hint=_CONNECTION_HINT) from error
    try:
        yield raw
    finally:
        raw.close()


def server_problems(raw: Raw) -> list[StateError]:
    """Why this server cannot have a state: commits are not durable, or not all texts can be stored."""
    row = raw.execute(_CAPABILITIES.encode()).fetchone() or {}
    problems: list[StateError] = []
    if row["fsync"] != "on":
        problems.append(StateError(_FSYNC_OFF, hint=_FSYNC_HINT))
    if row["encoding"] != "UTF8":
        message = f"the database's encoding is {row['encoding']}, but a state needs UTF8"
        problems.append(StateError(message, hint="create database calls encoding 'UTF8' template template0"))
    return problems


def durability_risks(raw: Raw) -> list[DurabilityRisk]:
    """Which of the server's settings let a power cut undo or damage commits.

    Not ``synchronous_commit``, which each writing session sets for itself. Source: PostgreSQL's documentation,
    "Write Ahead Log" in "Server Configuration", and "Reliability".
    """
    sql = b"select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes"
    row, risks = raw.execute(sql).fetchone() or {}, []
    if row["fsync"] != "on":
        risks.append(DurabilityRisk(_FSYNC_OFF, _FSYNC_HINT, refused=True))
    if row["full_page_writes"] != "on":
        risks.append(DurabilityRisk(_TORN_PAGES, "set full_page_writes = on, and reload the server"))
    return risks


def check_server(raw: Raw) -> None:
    """Raises ``StateError`` if the server cannot have a state."""
    for error in server_problems(raw):
        raise error


def configure_writer(raw: Raw, run: Run) -> None:
    """Settings for a session that writes: synchronous commits, a name, and no timeout while it waits for
    answers."""
    commit_synchronously(raw)
    settings = _SERVER_SETTINGS | {"application_name": f"reconciler {run.command} on {run.host}"[:63]}
    if raw.info.server_version >= 140000:
        settings["idle_session_timeout"] = "0"
    for name, value in settings.items():
        raw.execute("select set_config(%s, %s, false)", (name, value))


def commit_synchronously(raw: Raw) -> None:
    """Have each commit of this session wait until it is on disk, whatever the server, the database or the role
    have as their default: any of them may set ``off``, with which a crash undoes commits of the last moments.
    """
    level = raw.execute(b"show synchronous_commit").fetchone() or {}
    if level.get("synchronous_commit") != "remote_apply":  # this waits for even more
        raw.execute(b"set synchronous_commit = on")


@contextmanager
def translated(name: str, connection: Statements) -> Iterator[None]:
    """Translates PostgreSQL's errors to ``StateError``, so that none of psycopg's leaves this package."""
    try:
        yield
    except psycopg.Error as error:
        if not connection.raw.closed:
            raise StateError(f"the state {name} cannot be used: {_message(error)}", hint=_hint(error)) from error
        connection.lost = connection.lost or _message(error)
        raise StateError(
            f"the connection to the state {name} was lost ({connection.lost}): nothing more is written or sent",
            hint="run this again when the server is available: it first settles what was sent",
        ) from error
    except UnicodeEncodeError as error:
        raise StateError(f"the state {name} cannot store {error.object!a}: it is not valid Unicode") from error


def _hint(error: psycopg.Error) -> str | None:
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return _RIGHTS_HINT
    return DISK_FULL if isinstance(error, errors.DiskFull) else None


def _message(error: psycopg.Error) -> str:
    """The server's message, or the first line of the error."""
    return (error.diag.message_primary or str(error) or type(error).__name__).partition("\n")[0].strip()
