"""A connection to a state's file, as a ``Session``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import StateError
from reconciler.state import rules
from reconciler.state.sqlite import connection as connections
from reconciler.state.sqlite.lock import HeldFile


@dataclass(frozen=True, slots=True)
class SqliteSession:
    """``held`` is None if the session only reads."""

    connection: sqlite3.Connection
    path: Path
    held: HeldFile | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def translated(self) -> AbstractContextManager[None]:
        return connections.translated(self.path)

    @contextmanager
    def together(self) -> Iterator[None]:
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")

    def _writable(self) -> HeldFile:
        if self.held is None:
            raise StateError("the state is open for reading only")
        return self.held

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.translated():
            held = self._writable()
            if not held.untouched():
                with self.rereading():
                    pass
            try:
                with connections.transaction(self.connection):
                    yield
            except BaseException:
                held.remember(None)  # the content of the file may be the cause
                raise
            held.committed()

    def untouched(self) -> bool:
        return self.held is not None and self.held.untouched()

    @contextmanager
    def rereading(self) -> Iterator[sqlite3.Connection]:
        """On a new connection, because the other one may have cached pages of a file that was overwritten."""
        held = self._writable()
        with self.translated():
            stamp = held.look()
            with closing(connections.connect(self.path, "ro")) as connection:
                try:
                    connection.execute("begin")
                    connections.check_schema(connection, self.path, up_to_date=False)
                except (sqlite3.Error, StateError) as error:
                    raise rules.lost(f"the state {self.path} can no longer be read ({error})") from error
                yield connection
            held.remember(stamp)

    @contextmanager
    def redacting(self) -> Iterator[None]:
        """Overwrites freed pages and rewrites the file, so that no removed data remains in it."""
        with self.translated():
            self.connection.execute("pragma secure_delete = on")
            yield
            self.connection.execute("vacuum")
