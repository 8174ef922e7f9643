"""A SQLite state in memory: the store of the product, for tests that need no file."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.domain.ports import Run
from reconciler.state.migrations import MIGRATIONS, create_state
from reconciler.state.sqlite.connection import transaction
from reconciler.state.store import Store
from reconciler.state.transfer import copying


@dataclass(frozen=True, slots=True)
class InMemorySession(copying.NestedSession):
    """Transactions as in a file, with nobody else to lock out."""

    connection: sqlite3.Connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        with transaction(self.connection):
            yield


class InMemoryStore(Store):
    """A new state. ``run``, if any, is recorded as begun."""

    def __init__(self, run: Run | None = None, lineage: str = "lineage") -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma foreign_keys=on")
        for migrate in MIGRATIONS.values():
            migrate(connection)
        create_state(connection, lineage, {})
        super().__init__(InMemorySession(connection, ":memory:"))
        if run is not None:
            self.begin_run(run)
