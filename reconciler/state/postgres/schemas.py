"""States in one database, each in a schema of its own: found by lineage, made, and brought up to date."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.model import JsonObject
from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateMissing
from reconciler.state import ledger, rules
from reconciler.state.database import Connection, Cursor, Value
from reconciler.state.postgres.statements import Statements, quoted
from reconciler.state.steps import STEPS, new_secret

if TYPE_CHECKING:
    from reconciler.state.postgres.server import Server

PREFIX = "reconciler"
_MADE = re.compile(rf"{PREFIX}_([0-9a-f]{{32}})")
_STATES = """
select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
where c.relname = 'meta' and n.nspname like ? and has_schema_privilege(n.oid, 'usage') order by 1
"""
_THERE = "select 1 as there from pg_namespace where nspname = ?"
_OURS = """
select 1 as there from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = ? and c.relname = 'steps'
"""
_HINT = (
    "restore it, or name the schema it is in (?schema=NAME); in a new project: reconciler init, or reconciler "
    "state init; to look only: plan --no-state. A missing state is never taken for an empty one"
)


def schema_of(lineage: str) -> str:
    """The schema that a state is made in."""
    return f"{PREFIX}_{uuid.UUID(lineage).hex}"


def find(connection: Connection, server: Server, lineage: str | None) -> str:
    """The schema of a state: the one the URL names, that of the lineage, or the only one in the database.

    Raises:
        StateMissing: there is none.
        StateError: there are several, and nothing says which is meant; or it is another program's.
    """
    if server.schema is None and lineage is None:
        schema = _only(connection, server)
    else:
        schema = server.schema or _pinned(server, lineage or "")
        if not connection.execute(_THERE, (schema,)).fetchone():
            of = "" if lineage is None else f" {lineage}"
            raise StateMissing(f"no state{of} in {server} (schema {schema})", hint=_HINT)
    if not connection.execute(_OURS, (schema,)).fetchone():
        raise StateError(f"the schema {schema} in {server} is no state of reconciler")
    return schema


def _only(connection: Connection, server: Server) -> str:
    rows = connection.execute(_STATES, (f"{PREFIX}\\_%",)).fetchall()
    found = {row["name"]: str(uuid.UUID(match[1])) for row in rows if (match := _MADE.fullmatch(row["name"]))}
    if not found:
        raise StateMissing(f"no state in {server}", hint=_HINT)
    if len(found) > 1:
        raise StateError(
            f"{server} holds {len(found)} states, and nothing says which is meant: {', '.join(found.values())}",
            hint="pin one: state.lineage in reconciler.yaml, or RECONCILER_LINEAGE",
        )
    [schema] = found
    return str(schema)


def _pinned(server: Server, lineage: str) -> str:
    try:
        return schema_of(lineage)
    except ValueError:
        hint = "a lineage is what reconciler init prints; or name the schema: ?schema=NAME"
        raise StateMissing(f"no state {lineage} in {server}", hint=hint) from None


def pending(connection: Connection, name: str) -> Sequence[str]:
    """The steps that its tables lack. Raises ``StateError`` where some were made by a newer version."""
    applied = [row["name"] for row in connection.execute("select name from steps")]
    newer = set(applied) - set(STEPS)
    if newer:
        raise rules.of_newer(name, newer)
    return [step for step in STEPS if step not in applied]


def make(statements: Statements, schema: str) -> None:
    """Make a schema with a state's tables, inside a transaction that the caller ends."""
    statements.execute(f"create schema {quoted(schema)}")
    statements.look_in(schema)
    statements.execute('create table steps (name text collate "C" primary key, applied_at text not null)')
    upgrade(statements, STEPS)


def begin(statements: Statements, lineage: str, by: JsonObject) -> None:
    """Make an empty state of new tables, in the same transaction."""
    now = datetime.now(UTC)
    statements.execute(
        "insert into meta (id, lineage, serial, created_at, secret) values (1, ?, 0, ?, ?)",
        (lineage, format_instant(now), new_secret()),
    )
    ledger.append(statements, [Note(EntryKind.CREATED, now, None, {"state": ledger.about(statements), **by})])


def upgrade(connection: Connection, steps: Iterable[str]) -> None:
    """Apply these steps, inside a transaction that the caller ends."""
    for step in steps:
        STEPS[step](_Maker(connection))
        connection.execute(
            "insert into steps (name, applied_at) values (?, ?)", (step, format_instant(datetime.now(UTC)))
        )


class _Maker:
    """Makes tables as PostgreSQL has them: texts are compared byte by byte, and runs keep their order."""

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
