"""The states in a database, each in its own schema: finds them by lineage, creates and upgrades them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateMissing
from reconciler.state import rules
from reconciler.state.migrations import MIGRATIONS
from reconciler.state.postgres.statements import Statements, quoted
from reconciler.state.session import Connection, Cursor, Value

if TYPE_CHECKING:
    from reconciler.state.postgres.server import Server

PREFIX = "reconciler"
_NAME = re.compile(rf"{PREFIX}_([0-9a-f]{{32}})")
_STATES = """
select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
where c.relname = 'meta' and n.nspname like ? and has_schema_privilege(n.oid, 'usage') order by 1
"""
_SCHEMA_EXISTS = "select 1 as there from pg_namespace where nspname = ?"
_HAS_STATE = """
select 1 as there from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = ? and c.relname = 'steps'
"""
_HINT = (
    "restore it, or add its schema to the URL (?schema=NAME). In a new project: reconciler init, or reconciler "
    "state init. To look only: plan --no-state. A missing state is never treated as an empty one"
)


def schema_of(lineage: str) -> str:
    """The schema in which a state is created."""
    return f"{PREFIX}_{uuid.UUID(lineage).hex}"


def find(connection: Connection, server: Server, lineage: str | None) -> str:
    """The schema of a state: the one in the URL, that of the lineage, or the only one in the database.

    Raises:
        StateMissing: there is none.
        StateError: it is ambiguous, or the schema is another program's.
    """
    if server.schema is None and lineage is None:
        schema = _only(connection, server)
    else:
        schema = server.schema or _pinned(server, lineage or "")
        if not connection.execute(_SCHEMA_EXISTS, (schema,)).fetchone():
            named = "" if lineage is None else f" {lineage}"
            raise StateMissing(f"no state{named} in {server} (schema {schema})", hint=_HINT)
    if not connection.execute(_HAS_STATE, (schema,)).fetchone():
        raise StateError(f"the schema {schema} in {server} is not a state of reconciler")
    return schema


def _only(connection: Connection, server: Server) -> str:
    rows = connection.execute(_STATES, (f"{PREFIX}\\_%",)).fetchall()
    states = {row["name"]: str(uuid.UUID(match[1])) for row in rows if (match := _NAME.fullmatch(row["name"]))}
    if not states:
        raise StateMissing(f"no state in {server}", hint=_HINT)
    if len(states) > 1:
        raise StateError(
            f"{server} has {len(states)} states, and none is pinned: {', '.join(states.values())}",
            hint="pin one with state.lineage in reconciler.yaml, or RECONCILER_LINEAGE",
        )
    [schema] = states
    return str(schema)


def _pinned(server: Server, lineage: str) -> str:
    try:
        return schema_of(lineage)
    except ValueError:
        hint = "reconciler init prints the lineage; or add the schema to the URL: ?schema=NAME"
        raise StateMissing(f"no state {lineage} in {server}", hint=hint) from None


def pending(connection: Connection, name: str) -> Sequence[str]:
    """The migrations that the tables still need. Raises ``StateError`` if some are from a newer version."""
    applied = [row["name"] for row in connection.execute("select name from steps")]
    if newer := set(applied) - set(MIGRATIONS):
        raise rules.newer_version(name, newer)
    return [migration for migration in MIGRATIONS if migration not in applied]


def create(statements: Statements, schema: str) -> None:
    """Create a schema with a state's tables, in the caller's transaction."""
    statements.execute(f"create schema {quoted(schema)}")
    statements.use_schema(schema)
    statements.execute('create table steps (name text collate "C" primary key, applied_at text not null)')
    upgrade(statements, MIGRATIONS)


def upgrade(connection: Connection, migrations: Iterable[str]) -> None:
    """Apply these migrations, in the caller's transaction."""
    for name in migrations:
        MIGRATIONS[name](_Translator(connection))
        connection.execute(
            "insert into steps (name, applied_at) values (?, ?)", (name, format_instant(datetime.now(UTC)))
        )


class _Translator:
    """Translates table definitions to PostgreSQL: texts are compared byte by byte, and runs keep their order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.executemany = connection.executemany

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor:
        return self._connection.execute(_translated(sql) if not values else sql, values)


def _translated(sql: str) -> str:
    sql = sql.replace(") without rowid", ")").replace(
        "create table runs (", "create table runs (rowid integer generated always as identity,"
    )
    sql = re.sub(r"\binteger\b", "bigint", sql)
    return re.sub(r"\btext\b", 'text collate "C"', sql)
