"""Statements on PostgreSQL, each in a transaction that looks in one schema only: sessions may be shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, TypeAlias

from psycopg import Connection, Cursor, Pipeline

from reconciler.state.session import Value

Raw: TypeAlias = Connection[dict[str, Any]]


class Statements:
    """A ``Connection`` over one of psycopg's in autocommit mode. ``schema`` is where the state's tables are.

    ``lost`` is how the connection ended, once it has.
    """

    def __init__(self, raw: Raw, schema: str | None = None) -> None:
        self.raw = raw
        self.schema = schema
        self.lost: str | None = None
        self._inside = False

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor[dict[str, Any]]:
        """Run one statement; outside of a transaction in one of its own. What it found is at hand already."""
        if self._inside:
            return self.raw.execute(_placed(sql), values)
        with self.together():
            return self.raw.execute(_placed(sql), values)

    def executemany(self, sql: str, values: Iterable[Sequence[Value]], /) -> None:
        with self.raw.cursor() as cursor:
            cursor.executemany(_placed(sql), values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction: what a reader finds in it is as of one moment."""
        with self._within(), self.raw.transaction():
            if self.schema is not None:
                self.look_in(self.schema)
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything or nothing. Statements whose results nobody waits for travel together, ``commit`` with the
        last of them: what the server refuses is told when it ends.
        """
        try:
            with self._within(), self.raw.pipeline() if Pipeline.is_supported() else nullcontext():
                self.raw.execute(b"begin")
                yield
                self.raw.execute(b"commit")
        except BaseException:
            if not self.raw.closed:
                self.raw.rollback()
            raise

    @contextmanager
    def _within(self) -> Iterator[None]:
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

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
