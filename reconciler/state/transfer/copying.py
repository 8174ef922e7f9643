"""A state's tables from one database to another, row by row: whatever keeps them, they are the same tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from reconciler.state import fact_reader as facts
from reconciler.state.session import Connection, Value

Record: TypeAlias = dict[str, Value]

# Each table and the columns that order it; a table stands behind those that it refers to.
TABLES: Mapping[str, tuple[str, ...]] = {
    "meta": ("id",),
    "runs": ("rowid",),
    "approvals": ("run_id", "plan_id"),
    "overrides": ("run_id", "number"),
    "preflights": ("run_id",),
    "seen": ("run_id", "call_id"),
    "calls": ("plan", "key", "revision"),
    "attempts": ("number",),
    "decisions": ("number",),
    "cleared": ("plan", "key", "revision"),
    "renames": ("number",),
    **facts.KEYS,
    "ledger": ("number",),
    "ledger_texts": ("number",),
    "ledger_head": ("id",),
}
# What runners share while they place one plan: of no meaning once they are gone.
TRANSIENT = ("joint", "claims")
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Within:
    """A ``Session`` inside of a transaction that its caller ends."""

    connection: Connection
    name: str

    def translated(self) -> AbstractContextManager[None]:
        return nullcontext()

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def writing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def untouched(self) -> bool:
        return False

    def rereading(self) -> AbstractContextManager[Connection]:
        return nullcontext(self.connection)

    def redacting(self) -> AbstractContextManager[None]:
        return nullcontext()


def records(connection: Connection, table: str) -> Iterator[Record]:
    """The rows of a table in their order, some at a time: a state may be longer than memory."""
    order = TABLES[table]
    named, places = ", ".join(order), ", ".join("?" * len(order))
    numbered = "rowid, *" if order == ("rowid",) else "*"
    first = f"select {numbered} from {table} order by {named} limit {_AT_ONCE}"  # noqa: S608 - from the table above
    after = f"select {numbered} from {table} where ({named}) > ({places}) order by {named} limit {_AT_ONCE}"  # noqa: S608
    rows = connection.execute(first).fetchall()
    while rows:
        for row in rows:
            yield {name: row[name] for name in row.keys() if name != "rowid"}  # noqa: SIM118 - an sqlite3.Row's values
        last = rows[-1]
        rows = connection.execute(after, [last[name] for name in order]).fetchall()


def fill(connection: Connection, table: str, rows: Iterable[Record]) -> int:
    """Add rows to a table, all of the same columns; the result is how many."""
    count, some = 0, []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            count += _add(connection, table, some)
            some = []
    return count + _add(connection, table, some)


def _add(connection: Connection, table: str, rows: list[Record]) -> int:
    if rows:
        names = list(rows[0])
        sql = f"insert into {table} ({', '.join(names)}) values ({', '.join('?' * len(names))})"  # noqa: S608 - our own names
        connection.executemany(sql, [tuple(row.values()) for row in rows])
    return len(rows)


def copy(source: Connection, target: Connection) -> dict[str, int]:
    """Fill the empty tables of ``target``, in the caller's transaction; the result counts rows by table."""
    return {table: fill(target, table, records(source, table)) for table in TABLES}


def clear(connection: Connection) -> None:
    """Take every row out, in the caller's transaction."""
    for table in (*TRANSIENT, *reversed(list(TABLES))):
        connection.execute(f"delete from {table}")  # noqa: S608 - from the table above


def first_difference(source: Connection, target: Connection) -> str | None:
    """Where two states are not the same, row by row; None where they are."""
    for table in TABLES:
        for number, (ours, theirs) in enumerate(
            zip_longest(records(source, table), records(target, table)), start=1
        ):
            if ours != theirs:
                return f"{table}, row {number}"
    return None
