"""Calls in a SQLite file: written before they are answered, and read at the next start."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import astuple
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


class Journal:
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
        """Every call, in the order it was recorded."""
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
        """Close the file."""
        self._db.close()
