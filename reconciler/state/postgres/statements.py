"""Statements on PostgreSQL, each in a transaction that looks in one schema only: sessions may be shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus

from reconciler.state.database import Value

Raw: TypeAlias = Connection[dict[str, Any]]


class Statements:
    """A ``Connection`` over one of psycopg's in autocommit mode. ``schema`` is where the state's tables are.

    ``lost`` is how the connection ended, once it has.
    """

    def __init__(self, raw: Raw, schema: str | None = None) -> None:
        self.raw = raw
        self.schema = schema
        self.lost: str | None = None

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor[dict[str, Any]]:
        """Run one statement; outside of a transaction in one of its own. What it found is at hand already."""
        if self.raw.info.transaction_status is TransactionStatus.IDLE:
            with self.together():
                return self.raw.execute(_placed(sql), values)
        return self.raw.execute(_placed(sql), values)

    def executemany(self, sql: str, values: Iterable[Sequence[Value]], /) -> None:
        with self.raw.cursor() as cursor:
            cursor.executemany(_placed(sql), values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction: what a reader finds in it is as of one moment."""
        with self.raw.transaction():
            if self.schema is not None:
                self.look_in(self.schema)
            yield

    def look_in(self, schema: str) -> None:
        """Find tables in this schema, until the transaction ends: behind a pooler a session is somebody else's."""
        self.raw.execute("select set_config('search_path', %s, true)", (path_to(schema),))


def path_to(schema: str) -> str:
    """What ``search_path`` is set to."""
    return f"{quoted(schema)}, pg_temp"


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=256)
def _placed(sql: str) -> bytes:
    """A statement with psycopg's places for values."""
    return sql.replace("%", "%%").replace("?", "%s").encode()
