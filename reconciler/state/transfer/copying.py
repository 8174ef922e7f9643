"""Copies a state's tables from one database to another, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from reconciler.errors import StateError
from reconciler.state.ledger.statements import insert
from reconciler.state.session import PAGE, Connection, Value
from reconciler.state.tables import TABLES, columns, read_rows

Record: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class NestedSession:
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


def fill(connection: Connection, table: str, rows: Iterable[Record]) -> int:
    """Add rows to a table, and return how many. They may come from a file that anybody edited.

    Raises:
        StateError: there is no such table, or a row does not have its columns.
    """
    if table not in TABLES:
        raise StateError(f"a state has no table {table!r}")
    names = tuple(columns(connection, table))
    count, batch = 0, list[list[Value]]()
    for row in rows:
        if row.keys() != set(names):
            raise StateError(f"a row of the table {table} does not have the columns of this version")
        batch.append([row[name] for name in names])
        if len(batch) == PAGE:
            connection.executemany(insert(table, names), batch)
            count, batch = count + len(batch), []
    if batch:
        connection.executemany(insert(table, names), batch)
    return count + len(batch)


def copy(source: Connection, target: Connection) -> dict[str, int]:
    """Fill the empty tables of ``target`` in the caller's transaction, and count the rows by table."""
    return {table: fill(target, table, read_rows(source, table)) for table in TABLES}


def first_difference(source: Connection, target: Connection) -> str | None:
    """Where two states differ first; None if they are equal."""
    for table in TABLES:
        rows = zip_longest(read_rows(source, table), read_rows(target, table))
        for number, (source_row, target_row) in enumerate(rows, start=1):
            if source_row != target_row:
                return f"{table}, row {number}"
    return None
