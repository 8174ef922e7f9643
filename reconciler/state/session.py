"""What the state needs of a database, in SQL that both SQLite and PostgreSQL understand.

Placeholders are ``?``. The tables and rules are the same in both. Connecting, locking, committing and translating
errors differ, and are in ``sqlite/`` and ``postgres/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = str | int | None
PAGE = 1000  # rows or keys of one statement


class Row(Protocol):
    """A row; its values by column name."""

    def __getitem__(self, name: str, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """One sequence for each column, starting with its name."""
        ...

    def fetchone(self) -> Row | None: ...

    def fetchall(self) -> Sequence[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    """Runs statements: inside of a transaction, or each in its own."""

    def execute(self, sql: str, values: Sequence[Value] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Value]], /) -> object: ...


class Session(Protocol):
    """One connection to a state, and how to use it safely."""

    @property
    def name(self) -> str:
        """The state's name in messages, never with a password."""
        ...

    @property
    def connection(self) -> Connection: ...

    def translated(self) -> AbstractContextManager[None]:
        """Translates the database's own errors to ``StateError``."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Everything that is read inside is as of one moment."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """One durable transaction: everything or nothing.

        Raises:
            StateError: this session does not hold the state's lock, or the state cannot be written.
        """
        ...

    def untouched(self) -> bool:
        """Whether this session holds the lock and nobody else has written since; False if only a query could tell.

        Raises:
            StateError: this session has lost the lock.
        """
        ...

    def rereading(self) -> AbstractContextManager[Connection]:
        """Reads the state again as it is now, as of one moment.

        Raises:
            StateError: this session has lost the lock, or the state is damaged.
        """
        ...

    def redacting(self) -> AbstractContextManager[None]:
        """Surrounds a redaction, and leaves as little as possible of the removed data on disk."""
        ...


def select_by_keys(
    connection: Connection, select: str, columns: Sequence[str], keys: Sequence[Sequence[Value]], *values: Value
) -> Iterator[Row]:
    """The rows whose columns equal one of these keys, with many keys per query because a server may be far away.

    ``select`` joins a table with the keys, which are named ``wanted``, so that the table's index is used;
    ``values`` are its own.
    """
    place = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(keys), PAGE):
        some = keys[start : start + PAGE]
        sql = f"with wanted ({', '.join(columns)}) as (values {', '.join([place] * len(some))}) {select}"
        yield from connection.execute(sql, (*(value for key in some for value in key), *values))


def in_pages(connection: Connection, select: str, key: Sequence[str]) -> Iterator[Row]:
    """The rows of a query without conditions, ordered by a unique key, page by page: a state may not fit into
    memory."""
    names = ", ".join(key)
    in_order = f" order by {names} limit {PAGE}"
    rows = connection.execute(select + in_order).fetchall()
    following = f"{select} where ({names}) > ({', '.join('?' * len(key))}){in_order}"
    while rows:
        yield from rows
        last = rows[-1]
        rows = connection.execute(following, [last[name] for name in key]).fetchall() if len(rows) == PAGE else []
