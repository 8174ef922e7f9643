"""The recorded calls, in memory and in a SQLite file, from which the next start reads them."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

from reconciler.domain import times
from reconciler.sandbox.config import SandboxError
from reconciler.sandbox.recorded import RecordedCall
from reconciler.sandbox.refusal import Refusal
from reconciler.sandbox.seeds import Contact

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  number INTEGER PRIMARY KEY,
  call_id TEXT NOT NULL UNIQUE,
  endpoint TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at TEXT NOT NULL,
  rings_at TEXT NOT NULL,
  answered TEXT NOT NULL,
  status INTEGER,
  sender TEXT NOT NULL,
  contact TEXT NOT NULL
) STRICT
"""
_COLUMNS = "call_id, endpoint, body, created_at, rings_at, answered, status, sender, contact"


class CallFile:
    """One file, used by one sandbox at a time: a second one is refused until the first has ended."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ``SandboxError`` if that fails."""
        try:
            self._db = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise SandboxError(f"cannot open {path}: {error}") from error
        try:
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = TRUNCATE", "synchronous = FULL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute(_SCHEMA)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._db.close()
            raise SandboxError(f"cannot use {path}: {error}") from error

    def load(self) -> Iterator[RecordedCall]:
        for row in self._db.execute(f"SELECT {_COLUMNS} FROM calls ORDER BY number"):  # noqa: S608 - our own names
            call_id, endpoint, body, created_at, rings_at, answered, status, sender, contact = row
            yield RecordedCall(
                call_id=call_id,
                endpoint=endpoint,
                body=json.loads(body),
                created_at=times.parse_instant(created_at),
                rings_at=times.parse_instant(rings_at),
                answered=answered,
                status=status,
                sender=sender,
                contact=Contact(*json.loads(contact)),
            )

    def append(self, call: RecordedCall) -> None:
        """Make one call durable. Raises ``Refusal`` 500 if that fails."""
        row = (
            call.call_id,
            call.endpoint,
            json.dumps(call.body),
            times.format_instant(call.created_at),
            times.format_instant(call.rings_at),
            call.answered,
            call.status,
            call.sender,
            json.dumps(astuple(call.contact)),
        )
        try:
            self._db.execute(f"INSERT INTO calls ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", row)  # noqa: S608
        except sqlite3.Error as error:
            raise Refusal(500, f"the call could not be recorded: {error}") from error

    def close(self) -> None:
        self._db.close()


class Ledger:
    """All calls of a sandbox. With a file, a call is in its file before ``add`` returns."""

    def __init__(self, file: CallFile | None = None) -> None:
        self._file = file
        self._calls: list[RecordedCall] = []
        self._by_creation: list[RecordedCall] = []
        self._by_id: dict[str, RecordedCall] = {}
        for call in file.load() if file else ():
            self._keep(call)

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: RecordedCall) -> None:
        """Record a call. Raises ``Refusal`` 500 if it cannot be written to its file; then it is not recorded."""
        if self._file is not None:
            self._file.append(call)
        self._keep(call)

    def _keep(self, call: RecordedCall) -> None:
        self._calls.append(call)
        insort(self._by_creation, call, key=_creation)
        self._by_id[call.call_id] = call

    def all(self) -> tuple[RecordedCall, ...]:
        """Every call in the order it was recorded. May be called from another thread."""
        return tuple(self._calls)

    def find(self, call_id: str) -> RecordedCall | None:
        return self._by_id.get(call_id)

    @property
    def last_answered(self) -> str | None:
        """The id that was last returned to a client."""
        return next((call.call_id for call in reversed(self._calls) if call.answered == "ok"), None)

    def created(self, first: datetime | None, last: datetime | None) -> Sequence[RecordedCall]:
        """Calls created from ``first`` to ``last``, both inclusive, oldest first."""
        start = 0 if first is None else bisect_left(self._by_creation, first, key=_creation)
        end = len(self._by_creation) if last is None else bisect_right(self._by_creation, last, key=_creation)
        return self._by_creation[start:end]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _creation(call: RecordedCall) -> datetime:
    return call.created_at
