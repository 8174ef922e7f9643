"""The state's tables as the ledger tells them: its entries are played again, in a database of their own."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from reconciler.domain.blinding import REDACTED
from reconciler.domain.ledger import EntryKind, LedgerRecord, promised_texts
from reconciler.domain.model import JsonValue
from reconciler.state import facts, inheritance, sql
from reconciler.state.database import Row
from reconciler.state.projection import LedgerEntry, project
from reconciler.state.steps import STEPS

KEYS: Mapping[str, tuple[str, ...]] = {
    "runs": ("id",),
    "approvals": ("run_id", "plan_id"),
    "overrides": ("run_id", "number"),
    "preflights": ("run_id",),
    "calls": facts.ADDRESS,
    "attempts": ("number",),
    "decisions": ("number",),
    "cleared": facts.ADDRESS,
    "renames": ("number",),
    **facts.KEYS,
}
"""Each table that the ledger tells of, and its primary key."""


class Replay:
    """The tables after the entries so far, where hashes stand for what the ledger has no text of.

    ``redacted`` are the entries whose texts must be gone. ``texts_of`` are the entries that have texts, by the
    address that each now has.
    """

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        for step in STEPS.values():
            step(self.connection)
        self.connection.execute(
            "insert into meta (id, lineage, serial, created_at, secret) values (1, '', 0, '', '')"
        )
        for column in ("calls", "digest"):  # how many calls a preflight saw, and their hash
            self.connection.execute(f"alter table preflights add column {column}")
        self.connection.execute("begin")  # which is faster than a transaction for each statement
        self.state: JsonValue = None
        self.redacted: set[int] = set()
        self.texts_of: defaultdict[str, list[int]] = defaultdict(list)

    def close(self) -> None:
        self.connection.close()

    def step(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """Play one entry.

        Raises:
            ValueError, TypeError, LookupError: it does not fit what came before it.
        """
        self._follow_texts(record)
        play = PLAYED_OTHERWISE.get(record.kind, Replay._project)
        try:
            play(self, record, texts)
        except (sqlite3.Error, OverflowError) as error:
            raise ValueError(str(error)) from error

    def _follow_texts(self, record: LedgerRecord) -> None:
        address = str(record.content.get("address", ""))
        if address and promised_texts(record):
            self.texts_of[address].append(record.number)
        if record.kind == EntryKind.MOVED:
            self.texts_of[address] += self.texts_of.pop(str(record.content["from"]), [])
        if record.kind == EntryKind.REDACTED:
            self.redacted |= set(self.texts_of.pop(address, ()))

    def _project(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        entry = LedgerEntry(record.kind, record.at, record.run, record.content, texts, {})
        for change in project(entry):
            cursor = self.connection.executemany(change.sql, change.rows)
            if change.must_match and cursor.rowcount == 0:
                raise LookupError("what it changes is not there")

    def _look(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """The store has the calls that were seen in a table of their own."""
        self._project(record, texts)
        seen = (record.content["calls"], record.content["digest"], record.run)
        self.connection.execute("update preflights set calls = ?, digest = ? where run_id = ?", seen)

    def _create(self, record: LedgerRecord, _: Mapping[str, str]) -> None:
        self.state = record.content["state"]

    def _inherit(self, record: LedgerRecord, texts: Mapping[str, str]) -> None:
        """A row that the state held before it had a ledger."""
        content: Any = record.content
        table, row = content["table"], dict(content["row"])
        for name in promised_texts(record):
            row[name] = texts.get(name, REDACTED if name == "reason" else None)
        if table == "calls":
            row["call"] = row["digest"]
        if table not in inheritance.TABLES or not row.keys() <= self._columns(table):
            raise ValueError(f"it names a table or a column that does not exist: {table}")
        self.connection.execute(sql.insert(table, tuple(row)), tuple(row.values()))

    def _columns(self, table: str) -> set[str]:
        return {row["name"] for row in self.connection.execute(f"pragma table_info({table})")}

    @property
    def moved_to(self) -> str | None:
        """Where the state went, if it is not here any more."""
        found: str | None = next(self.rows("meta"))["moved_to"]
        return found

    def rows(self, table: str) -> Iterator[Row]:
        return iter(self.connection.execute(f"select * from {table}"))  # noqa: S608 - one of our own names

    def remove_same(self, table: str, row: Mapping[str, Any]) -> bool:
        """Remove the row that has exactly these values; False where there is none."""
        key = [row[name] for name in KEYS[table]]
        try:
            cursor = self.connection.execute(_delete_same(table, tuple(row)), (*key, *row.values()))
        except UnicodeEncodeError:
            return False
        return cursor.rowcount == 1

    def remove(self, table: str, key: Sequence[object]) -> Row | None:
        """Remove the row of this key, and return it; None where there is none."""
        try:
            found: Row | None = self.connection.execute(_select(table), key).fetchone()
        except UnicodeEncodeError:
            return None
        self.connection.execute(sql.delete(table, KEYS[table]), key)
        return found


PLAYED_OTHERWISE: Mapping[str, Callable[[Replay, LedgerRecord, Mapping[str, str]], None]] = {
    EntryKind.CREATED: Replay._create,
    EntryKind.MIGRATED: Replay._create,
    EntryKind.INHERITED: Replay._inherit,
    EntryKind.LOOKED: Replay._look,
}


def _select(table: str) -> str:
    condition = " and ".join(f"{name} = ?" for name in KEYS[table])
    return f"select * from {table} where {condition}"  # noqa: S608 - one of our own names


@cache
def _delete_same(table: str, columns: tuple[str, ...]) -> str:
    """With ``+``, a number and its digits are not the same."""
    same = " and ".join(f"+{name} is ?" for name in columns)
    return f"{sql.delete(table, KEYS[table])} and {same}"
