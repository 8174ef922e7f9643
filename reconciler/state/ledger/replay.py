"""Replays a ledger into the state's tables, in an in-memory database."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache
from typing import Any, ClassVar

from reconciler.domain.blinding import REDACTED
from reconciler.domain.ledger import EntryKind, LedgerRecord, promised_texts
from reconciler.domain.model import JsonValue
from reconciler.state import tables
from reconciler.state.ledger import statements
from reconciler.state.ledger.projection import LedgerEntry, project
from reconciler.state.migrations import MIGRATIONS
from reconciler.state.session import Row
from reconciler.state.tables import TABLES


class Replay:
    """The tables as of the latest replayed entry, with hashes in place of what the ledger has no text of.

    ``state`` is what the first entry says about the state. ``redacted`` are the entries whose texts must be gone.
    ``texts_of`` are the entries that have texts: their numbers and times, by the address that each has now.
    """

    COMPUTED: ClassVar = frozenset({"calls", "digest"})
    """Columns of ``preflights`` that exist only here: how many calls one saw, and their hash."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.deserialize(_empty_tables())
        self.connection.execute("begin")  # faster than one transaction per statement
        self.state: JsonValue = None
        self.redacted: set[int] = set()
        self.texts_of: defaultdict[str, dict[int, str]] = defaultdict(dict)

    def close(self) -> None:
        self.connection.close()

    def step(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """Replay one entry.

        Raises:
            ValueError, TypeError, LookupError: it does not fit the entries before it.
        """
        self._follow_texts(record)
        try:
            SPECIAL.get(record.kind, Replay._project)(self, record, texts)
        except (sqlite3.Error, OverflowError) as error:
            raise ValueError(str(error)) from error

    def _follow_texts(self, record: LedgerRecord) -> None:
        address = str(record.content.get("address", ""))
        if address and promised_texts(record):
            self.texts_of[address][record.number] = record.at
        if record.kind == EntryKind.MOVED:
            self.texts_of[address] |= self.texts_of.pop(str(record.content["from"]), {})
        if record.kind == EntryKind.REDACTED:
            self.redacted |= self.texts_of.pop(address, {}).keys()

    def _project(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        entry = LedgerEntry(record.kind, record.at, record.run, record.content, texts, {})
        for change in project(entry):
            cursor = self.connection.executemany(change.sql, change.rows)
            if change.must_match and cursor.rowcount == 0:
                raise LookupError("the row that it changes does not exist")

    def _preflight(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """The state has the calls that were seen in a table of their own."""
        self._project(record, texts)
        seen = (record.content["calls"], record.content["digest"], record.run)
        self.connection.execute("update preflights set calls = ?, digest = ? where run_id = ?", seen)

    def _create(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        self.state = record.content["state"]

    def _inherit(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """A row that the state had before it had a ledger."""
        content: Any = record.content
        table, row = content["table"], dict(content["row"])
        for name in promised_texts(record):
            row[name] = texts.get(name, REDACTED if name == "reason" else None)
        if table == "calls":
            row["call"] = row["digest"]
        if table not in TABLES or not TABLES[table].inherited or not row.keys() <= self.columns(table):
            raise ValueError(f"it names a table or a column that does not exist: {table}")
        self.connection.execute(statements.insert(table, tuple(row)), tuple(row.values()))

    def columns(self, table: str) -> set[str]:
        return set(tables.columns(self.connection, table))

    @property
    def moved_to(self) -> str | None:
        """Where the state was moved to, if it was."""
        moved_to: str | None = next(self.rows("meta"))["moved_to"]
        return moved_to

    def rows(self, table: str) -> Iterator[Row]:
        return iter(self.connection.execute(f"select * from {table}"))  # noqa: S608 - our own names

    def remove_same(self, table: str, row: Mapping[str, Any]) -> bool:
        """Remove the row with exactly these values; False if there is none."""
        key = [row[name] for name in TABLES[table].key]
        try:
            cursor = self.connection.execute(_delete_same(table, tuple(row)), (*key, *row.values()))
        except UnicodeEncodeError:
            return False
        return cursor.rowcount == 1

    def remove(self, table: str, key: Sequence[object]) -> Row | None:
        """Remove the row with this key, and return it; None if there is none."""
        condition = " and ".join(f"{name} = ?" for name in TABLES[table].key)
        try:
            row: Row | None = self.connection.execute(f"select * from {table} where {condition}", key).fetchone()  # noqa: S608 - our own names
        except UnicodeEncodeError:
            return None
        self.connection.execute(statements.delete(table, TABLES[table].key), key)
        return row


SPECIAL: Mapping[str, Callable[[Replay, LedgerRecord, Mapping[str, str]], None]] = {
    EntryKind.CREATED: Replay._create,
    EntryKind.MIGRATED: Replay._create,
    EntryKind.INHERITED: Replay._inherit,
    EntryKind.LOOKED: Replay._preflight,
}


@cache
def _empty_tables() -> bytes:
    """A database with the state's tables and the columns that are computed here."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in MIGRATIONS.values():
            step(connection)
        connection.execute("insert into meta (id, lineage, serial, created_at, secret) values (1, '', 0, '', '')")
        for column in sorted(Replay.COMPUTED):
            connection.execute(f"alter table preflights add column {column}")
        return connection.serialize()


@cache
def _delete_same(table: str, columns: tuple[str, ...]) -> str:
    """With ``+``, a number does not equal its digits."""
    same = " and ".join(f"+{name} is ?" for name in columns)
    return f"{statements.delete(table, TABLES[table].key)} and {same}"
