"""Runs statements on PostgreSQL, each in a transaction that sees one schema only, because a pooler may share
sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, TypeAlias

from psycopg import Connection, Cursor, Pipeline

from reconciler.state.session import Value

Raw: TypeAlias = Connection[dict[str, Any]]


class Statements:
    """A ``Connection`` on one of psycopg's in autocommit mode. ``schema`` has the state's tables.

    ``lost`` is the error that ended the connection, if it has ended.
    """

    def __init__(self, raw: Raw, schema: str | None = None) -> None:
        self.raw = raw
        self.schema = schema
        self.lost: str | None = None
        self._inside = False

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> Cursor[dict[str, Any]]:
        """Run one statement; outside of a transaction, in its own. All rows are fetched at once."""
        if self._inside:
            return self.raw.execute(_with_placeholders(sql), values)
        with self.together():
            return self.raw.execute(_with_placeholders(sql), values)

    def executemany(self, sql: str, values: Iterable[Sequence[Value]], /) -> None:
        with self.raw.cursor() as cursor:
            cursor.executemany(_with_placeholders(sql), values)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction; a reader sees everything as of one moment."""
        with self._within(), self.raw.transaction():
            if self.schema is not None:
                self.use_schema(self.schema)
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything or nothing. Statements whose results are not read are sent together in a pipeline, with
        ``commit`` at the end. An error of the server is raised at the end, too.
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

    def use_schema(self, schema: str) -> None:
        """Use this schema until the transaction ends; behind a pooler, the session may then be used by others."""
        self.raw.execute("select set_config('search_path', %s, true)", (path_to(schema),))


def path_to(schema: str) -> str:
    """The value of ``search_path``."""
    return f"{quoted(schema)}, pg_temp"


def quoted(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=256)
def _with_placeholders(sql: str) -> bytes:
    """A statement with psycopg's placeholders."""
    return sql.replace("%", "%%").replace("?", "%s").encode()
