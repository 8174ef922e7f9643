"""A SQLite state in memory: the store of the product, for tests that need no file."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.domain.ledger import EntryKind, Note
from reconciler.domain.ports import Run
from reconciler.domain.times import format_instant
from reconciler.state import copying, files, ledger
from reconciler.state.steps import STEPS, new_secret
from reconciler.state.store import Store


@dataclass(frozen=True, slots=True)
class InMemorySession(copying.Within):
    """Transactions as in a file, with nobody else to lock out."""

    connection: sqlite3.Connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        with files.transaction(self.connection):
            yield


class InMemoryStore(Store):
    """A new state. ``run``, if any, is recorded as begun."""

    def __init__(self, run: Run | None = None, lineage: str = "lineage") -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma foreign_keys=on")
        for step in STEPS.values():
            step(connection)
        now = datetime.now(UTC)
        connection.execute(
            "insert into meta (id, lineage, serial, created_at, secret) values (1, ?, 0, ?, ?)",
            (lineage, format_instant(now), new_secret()),
        )
        ledger.append(connection, [Note(EntryKind.CREATED, now, None, {"state": ledger.about(connection)})])
        super().__init__(InMemorySession(connection, ":memory:"))
        if run is not None:
            self.begin_run(run)
