"""What the state needs of a database, in SQL that SQLite and PostgreSQL both understand.

Values stand for ``?``. Tables are the same in both, and so is every rule: what differs is how one connects, locks,
commits and tells an error (``sqlite.py``, ``postgres/``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

Value: TypeAlias = str | int | None
_AT_ONCE = 1000


class Row(Protocol):
    """A row, by its columns' names."""

    def __getitem__(self, name: str, /) -> Any: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    """What a statement found."""

    def fetchone(self) -> Row | None: ...

    def fetchall(self) -> Sequence[Row]: ...

    def __iter__(self) -> Iterator[Row]: ...


class Connection(Protocol):
    """Runs statements, inside of a transaction or, outside, each in its own."""

    def execute(self, sql: str, values: Sequence[Value] = ..., /) -> Cursor: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Value]], /) -> object: ...


class Session(Protocol):
    """One connection to a state, and how it is used safely."""

    @property
    def name(self) -> str:
        """How messages name the state; never with a password."""
        ...

    @property
    def connection(self) -> Connection: ...

    def translated(self) -> AbstractContextManager[None]:
        """The database's own errors as ``StateError``."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Around what is read as of one moment."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """One durable transaction: everything or nothing.

        Raises:
            StateError: this session does not hold the state's lock (any more), or it cannot be written.
        """
        ...

    def untouched(self) -> bool:
        """Whether this session holds the lock, and nobody else has written since it did; False where finding that
        out takes a question.

        Raises:
            StateError: it does not hold the lock (any more).
        """
        ...

    def rereading(self) -> AbstractContextManager[Connection]:
        """Around what is read again of the state, as it is now and as of one moment.

        Raises:
            StateError: this session does not hold the lock (any more), or what is there is damaged.
        """
        ...

    def redacting(self) -> AbstractContextManager[None]:
        """Around a redaction: as little as can be is left of what it takes out."""
        ...


def among(
    connection: Connection, select: str, columns: Sequence[str], keys: Sequence[Sequence[Value]], *values: Value
) -> Iterator[Row]:
    """The rows whose columns are one of these keys, asked for many at once: a server may be far away.

    ``select`` joins a table with these keys, as ``wanted``, so that each of them is looked up in its index;
    ``values`` are its own.
    """
    place = f"({', '.join('?' * len(columns))})"
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        sql = f"with wanted ({', '.join(columns)}) as (values {', '.join([place] * len(some))}) {select}"
        yield from connection.execute(sql, (*(value for key in some for value in key), *values))
