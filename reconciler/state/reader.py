"""Reads the state, even while an apply runs, and without writing anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciler.bulk.spool import SpooledList
from reconciler.domain.blinding import derived_key
from reconciler.domain.facts import UNLOCKED_COMMANDS
from reconciler.domain.ledger import Head, Link, genesis
from reconciler.domain.model import Address, Entry, Status
from reconciler.domain.ports import Approval, Attempt, Override, Run, Seen
from reconciler.domain.times import format_instant, parse_instant
from reconciler.errors import StateError
from reconciler.state.fact_reader import ConnectionFacts
from reconciler.state.ledger.entries import links, stored_head
from reconciler.state.records import (
    ENTRY_COLUMNS,
    address_values,
    to_address,
    to_attempt,
    to_entry,
    to_run,
    to_status,
)
from reconciler.state.session import Connection, Row, Session, Value, select_by_keys
from reconciler.state.tables import ADDRESS

_ENTRY = "select * from calls where plan = ? and key = ? and revision = ?"
# These two conditions equal those of their indexes, word for word; otherwise SQLite would not use the indexes.
_UNKNOWN = """
select * from calls where status in ('intended', 'sent', 'uncertain') order by plan, key, revision
"""
_AHEAD = "select * from calls where status in ('placed', 'adopted') and stopped_at is null and rings_at >= ?"
_LATEST_ANSWERED = """
select call_id from attempts
where status = 'placed' and call_id not in (select call_id from decisions where said = 'placed')
order by number desc limit 20
"""
_ATTEMPTS = "select * from attempts where plan = ? and key = ? and revision = ? order by number"


class Reader(ConnectionFacts):
    """Implements ``StateReader`` on one session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.connection, session.translated)
        self._session = session

    @property
    def lineage(self) -> str:
        return str(self._one("select lineage from meta")["lineage"])

    @property
    def serial(self) -> int:
        return int(self._one("select serial from meta")["serial"])

    @property
    def moved_to(self) -> str | None:
        """Where the state was moved to, if it was."""
        moved_to = self._one("select moved_to from meta")["moved_to"]
        return None if moved_to is None else str(moved_to)

    @property
    def connection(self) -> Connection:
        """The connection, for copying the whole state."""
        return self._connection

    @contextmanager
    def whole(self) -> Iterator[Connection]:
        """The connection, with everything as of one moment."""
        with self._session.translated(), self._session.together():
            yield self._connection

    def entries(self) -> Iterator[Entry]:
        """All as of one moment. The rows are read at once, to disk if there are many, and then yielded one by one:
        an open cursor holds a lock, so a slow or stopped reader would block an apply until its writes fail.
        """
        return self._entries("select * from calls order by plan, key, revision")

    def _entries(self, sql: str, *values: Value) -> Iterator[Entry]:
        rows = SpooledList(list[Any])
        with self._session.translated():
            for row in self._connection.execute(sql, values):
                rows.append([row[name] for name in ENTRY_COLUMNS])
        for record in rows:
            yield to_entry(dict(zip(ENTRY_COLUMNS, record, strict=True)))

    def entry(self, address: Address) -> Entry | None:
        rows = self._all(_ENTRY, address_values(address))
        return to_entry(rows[0]) if rows else None

    def entries_at(self, addresses: Collection[Address]) -> Mapping[Address, Entry]:
        select = "select calls.* from wanted join calls using (plan, key, revision)"
        entries = self._by_keys(select, ADDRESS, [address_values(item) for item in addresses])
        return {entry.address: entry for entry in entries}

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        select = "select calls.* from wanted join calls using (call_id)"
        entries = self._by_keys(select, ("call_id",), [(call_id,) for call_id in call_ids])
        return {entry.call_id: entry for entry in entries if entry.call_id is not None}

    def _by_keys(self, select: str, columns: Sequence[str], keys: Sequence[Sequence[Value]]) -> list[Entry]:
        with self._session.translated():
            return [to_entry(row) for row in select_by_keys(self._connection, select, columns, keys)]

    def unknown_entries(self) -> Sequence[Entry]:
        return list(self._entries(_UNKNOWN))

    def entries_ahead(self, now: datetime) -> Iterator[Entry]:
        second = format_instant(now.replace(microsecond=0)).removesuffix("Z")  # not above any later time, as texts
        return (entry for entry in self._entries(_AHEAD, second) if entry.will_ring(now))

    def latest_own_entry(self) -> Entry | None:
        rows = self._all(_LATEST_ANSWERED, ())
        entries = self.entries_of_calls([row["call_id"] for row in rows])
        latest = (entries.get(row["call_id"]) for row in rows)
        return next((entry for entry in latest if entry is not None and entry.status is Status.PLACED), None)

    def calls_recorded_by_hand(self) -> frozenset[str]:
        rows = self._all("select call_id from decisions where said = 'placed'", ())
        return frozenset(str(row["call_id"]) for row in rows)

    def attempts(self, address: Address) -> Sequence[Attempt]:
        return [to_attempt(row) for row in self._all(_ATTEMPTS, address_values(address))]

    def runs(self, limit: int = 20) -> Sequence[Run]:
        rows = self._all("select * from runs order by rowid desc limit ?", (limit,))
        return [self._run(row) for row in rows]

    def _run(self, row: Row) -> Run:
        run = to_run(row)
        approvals = self._all("select * from approvals where run_id = ? order by plan_id", (run.id,))
        overrides = self._all("select * from overrides where run_id = ? order by number", (run.id,))
        return replace(
            run,
            approvals=tuple(Approval(item["plan_id"], item["git_commit"]) for item in approvals),
            overrides=tuple(Override(item["code"], item["plan_id"], item["reason"]) for item in overrides),
        )

    def seen(self, run_id: str) -> Seen:
        rows = self._all("select call_id from seen where run_id = ?", (run_id,))
        preflights = self._all("select server_time from preflights where run_id = ?", (run_id,))
        time = preflights[0]["server_time"] if preflights else None
        return Seen(frozenset(row["call_id"] for row in rows), None if time is None else parse_instant(time))

    def renames(self) -> Mapping[Address, Address]:
        rows = self._all("select old_plan, old_key, revision, plan, key from renames order by number", ())
        return {Address(row["old_plan"], row["old_key"], row["revision"]): to_address(row) for row in rows}

    def cleared(self) -> frozenset[Address]:
        rows = self._all("select plan, key, revision from cleared", ())
        return frozenset(to_address(row) for row in rows)

    def key_for(self, purpose: str) -> bytes:
        return derived_key(str(self._one("select secret from meta")["secret"]), purpose)

    def ledger(self) -> Iterator[Link]:
        """All as of one moment, read as ``entries``."""
        rows = SpooledList(list[Any])
        with self.whole() as connection:
            for link in links(connection):
                rows.append([link.number, link.entry, link.hash, link.salt, link.texts])
        return (Link(*values) for values in rows)

    @property
    def head(self) -> Head:
        with self._session.translated():
            return stored_head(self._connection) or genesis(self.lineage)

    def holder(self) -> Run | None:
        """The run that holds the lock, if it is held: the latest run that needs it and has not ended."""
        unlocked = sorted(UNLOCKED_COMMANDS)
        places = ", ".join("?" * len(unlocked))
        sql = f"select * from runs where command not in ({places}) order by rowid desc limit 1"  # noqa: S608 - just "?"
        rows = self._all(sql, unlocked)
        return to_run(rows[0]) if rows and rows[0]["finished_at"] is None else None

    def _status(self, address: Address) -> Status | None:
        return self._statuses([address]).get(address)

    def _statuses(self, addresses: Sequence[Address]) -> dict[Address, Status]:
        rows = select_by_keys(
            self._connection,
            "select plan, key, revision, status from wanted join calls using (plan, key, revision)",
            ADDRESS,
            [address_values(item) for item in addresses],
        )
        return {to_address(row): to_status(row["status"], to_address(row)) for row in rows}

    def _open_attempts(self, connection: Connection, run_id: str, addresses: Collection[Address]) -> set[Address]:
        """The addresses whose attempt by this run has no answer yet."""
        select = (
            "select plan, key, revision from wanted join attempts using (plan, key, revision)"
            " where run_id = ? and status = 'intended'"
        )
        rows = select_by_keys(connection, select, ADDRESS, [address_values(item) for item in addresses], run_id)
        return {to_address(row) for row in rows}

    def _owner(self, call_id: str | None) -> Address | None:
        return None if call_id is None else self._owners([call_id]).get(call_id)

    def _owners(self, call_ids: Sequence[str]) -> dict[str, Address]:
        rows = select_by_keys(
            self._connection,
            "select plan, key, revision, call_id from wanted join calls using (call_id)",
            ("call_id",),
            [(item,) for item in call_ids],
        )
        return {row["call_id"]: to_address(row) for row in rows}

    def _listed_before(self, run_id: str, call_ids: Sequence[str]) -> set[str]:
        """Those of the calls that the service listed before the run sent anything."""
        select = "select call_id from wanted join seen using (call_id) where run_id = ?"
        rows = select_by_keys(self._connection, select, ("call_id",), [(item,) for item in call_ids], run_id)
        return {row["call_id"] for row in rows}

    def _one(self, sql: str) -> Row:
        rows = self._all(sql, ())
        if len(rows) != 1:
            raise StateError(f"the state {self._session.name} is damaged: its identity (table meta) is missing")
        return rows[0]
