"""Writing the state: each method is one durable transaction, by the connection whose process holds the lock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from reconciler import identity
from reconciler.chain import Note
from reconciler.errors import StateError
from reconciler.model import Address, Status
from reconciler.ports import Decision, Intent, Result, Run, Seen
from reconciler.state import ledger, notes, redaction, rules
from reconciler.state.files import database, translated
from reconciler.state.reader import SqliteReader, at
from reconciler.state.records import from_run, to_status
from reconciler.times import format_instant

_OPEN_CALL = """
insert into calls (plan, key, revision, status, digest, call, endpoint, attempted_at, rings_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (plan, key, revision) do update set
    status = excluded.status, digest = excluded.digest, call = excluded.call, endpoint = excluded.endpoint,
    attempted_at = excluded.attempted_at, rings_at = excluded.rings_at,
    call_id = null, error = null, stopped_at = null, redacted_at = null
"""
_OPEN_ATTEMPT = """
insert into attempts (run_id, plan, key, revision, status, digest, endpoint, intended_at, finished_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_CLOSE_ATTEMPT = """
update attempts set status = ?, finished_at = ?, call_id = ?, error = ?, evidence = ?
where run_id = ? and status = 'intended' and plan = ? and key = ? and revision = ?
"""
_CLOSE_CALL = "update calls set status = ?, call_id = ?, error = ? where plan = ? and key = ? and revision = ?"
_MOVE_CALL = "update calls set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
_MOVE_ATTEMPTS = "update attempts set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
_MOVE_DECISIONS = "update decisions set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
_MOVE_CLEARED = "update or replace cleared set plan = ?, key = ? where plan = ? and key = ? and revision = ?"
_MOVES = (_MOVE_CALL, _MOVE_ATTEMPTS, _MOVE_DECISIONS, _MOVE_CLEARED)
_STOP_CALL = "update calls set stopped_at = ? where plan = ? and key = ? and revision = ?"
_COUNT_REJECTION = """
update calls set
    rejections = case when rejected_digest = digest then rejections + 1 else 1 end,
    rejected_digest = digest
where plan = ? and key = ? and revision = ?
"""
_SETTLE_ATTEMPT = """
update attempts set status = ?, call_id = ?, evidence = ?, finished_at = coalesce(finished_at, ?)
where number = (select max(number) from attempts where plan = ? and key = ? and revision = ?)
"""


class SqliteStore(SqliteReader):
    """What ``StateStore`` promises. ``still_held`` raises where the lock or the file was taken away."""

    def __init__(self, connection: sqlite3.Connection, path: Path, still_held: Callable[[], None]) -> None:
        super().__init__(connection, path)
        self._still_held = still_held
        self._db = database(connection)
        self._notes: list[Note] = []
        self._key = self.key_for(notes.PURPOSE)

    @contextmanager
    def _transaction(self, *, counts: bool = True) -> Iterator[None]:
        """Everything or nothing, its entries in the ledger too, synced when it ends. The serial grows by one where
        it ``counts``, and anything was done.
        """
        with translated(self._path):
            self._still_held()
            self._notes = []
            self._connection.execute("begin immediate")
            try:
                yield
                if self._notes:
                    if counts:
                        self._connection.execute("update meta set serial = serial + 1")
                    ledger.append(self._connection, self._notes)
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    def begin_run(self, run: Run) -> None:
        """Recorded by whoever opens the store: others are told of it while the lock is held."""
        with self._transaction(counts=False):
            self._db.table("runs").insert(from_run(run))
            self._db.table("approvals").insert_all(
                {"run_id": run.id, "plan_id": item.plan_id, "git_commit": item.commit} for item in run.approvals
            )
            self._db.table("overrides").insert_all(
                {"run_id": run.id, "number": number, **asdict(item)}
                for number, item in enumerate(run.overrides, start=1)
            )
            self._notes.append(notes.began(run))

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        with self._transaction(counts=False):
            self._connection.execute(
                "update runs set finished_at = ?, exit_code = ?, counts = ? where id = ?",
                (format_instant(at), exit_code, json.dumps(dict(counts)), run_id),
            )
            self._notes.append(notes.ended(run_id, at, exit_code, counts))

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            for intent in intents:
                self._open(run_id, intent, Status.INTENDED, at)

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            for intent in missed:
                self._open(run_id, intent, Status.MISSED, at)

    def _open(self, run_id: str, intent: Intent, status: Status, moment: datetime) -> None:
        """A new attempt. What was rejected before stays counted, so that a retry does not forget it."""
        rules.check_open(intent.address, self._status(intent.address))
        address, when = at(intent.address), format_instant(moment)
        call = json.dumps(identity.to_logical(intent.call), ensure_ascii=False)
        self._connection.execute(
            _OPEN_CALL,
            (*address, status, intent.digest, call, intent.endpoint, when, format_instant(intent.rings_at)),
        )
        finished = when if status is Status.MISSED else None
        self._connection.execute(
            _OPEN_ATTEMPT, (run_id, *address, status, intent.digest, intent.endpoint, when, finished)
        )
        self._notes.append(notes.opened(run_id, intent, moment, status, self._key))

    def record(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.as_kept(results):
                rules.check_answer(result)
                self._close(run_id, rules.without_clash(result, self._owner(result.call_id)))

    def _close(self, run_id: str, result: Result) -> None:
        address = at(result.address)
        done = self._connection.execute(
            _CLOSE_ATTEMPT,
            (
                result.status,
                format_instant(result.at),
                result.call_id,
                result.error,
                result.evidence,
                run_id,
                *address,
            ),
        )
        if done.rowcount != 1:
            raise StateError(f"{result.address} has no open attempt of this run")
        self._connection.execute(_CLOSE_CALL, (result.status, result.call_id, result.error, *address))
        if result.status is Status.FAILED:
            self._connection.execute(_COUNT_REJECTION, address)
        self._notes.append(notes.answered(run_id, result))

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.as_kept(results):
                rules.check_adoption(result, self._status(result.address), self._owner(result.call_id))
                where = at(result.address)
                told = (result.status, result.call_id, result.evidence, format_instant(result.at))
                self._connection.execute(_SETTLE_ATTEMPT, (*told, *where))
                self._connection.execute(_CLOSE_CALL, (result.status, result.call_id, None, *where))
                word = Decision(result.address, result.at, result.evidence or "", result.status, result.call_id)
                self._keep_decision(run_id, word, "adopted")
                self._notes.append(notes.adopted(run_id, result))

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        with self._transaction():
            for old, new in pairs:
                rules.check_move(old, new, self._status(old), self._status(new))
                where = (new.plan, new.key, old.plan, old.key, old.revision)
                for sql in _MOVES:
                    self._connection.execute(sql, where)
                self._db.table("renames").insert(
                    {
                        "run_id": run_id,
                        "old_plan": old.plan,
                        "old_key": old.key,
                        "revision": old.revision,
                        "plan": new.plan,
                        "key": new.key,
                        "at": format_instant(at),
                    }
                )
                self._notes.append(notes.moved(run_id, old, new, at))

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        time = None if seen.server_time is None else format_instant(seen.server_time)
        with self._transaction(counts=False):
            self._db.table("preflights").insert({"run_id": run_id, "server_time": time})
            self._db.table("seen").insert_all({"run_id": run_id, "call_id": call_id} for call_id in seen.call_ids)
            self._notes.append(notes.looked(run_id, seen, at))

    def clear(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        record = {
            "plan": address.plan,
            "key": address.key,
            "revision": address.revision,
            "run_id": run_id,
            "reason": reason,
            "at": format_instant(at),
        }
        with self._transaction():
            rules.check_clearing(address, self._status(address))
            self._db.table("cleared").insert(record, replace=True)
            self._notes.append(notes.cleared(run_id, address, reason, at))

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        with self._transaction():
            if self._status(address) is None:
                raise rules.nothing_at(address)
            self._note_decision(run_id, Decision(address, at, reason), "forgotten")
            for table in ("calls", "cleared"):
                sql = f"delete from {table} where plan = ? and key = ? and revision = ?"  # noqa: S608 - from above
                self._connection.execute(sql, (address.plan, address.key, address.revision))

    def decide(self, run_id: str, decisions: Sequence[Decision]) -> None:
        with self._transaction():
            for decision in decisions:
                self._note_decision(run_id, decision, self._settle(decision))

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        """As promised, and nothing of it is left in the file: SQLite overwrites what it frees."""
        with translated(self._path):
            self._connection.execute("pragma secure_delete = on")
        with self._transaction():
            written = redaction.written_about(self.ledger())
            for address in addresses:
                rules.check_redaction(address, self.entry(address), at)
                redaction.redact(self._connection, address, written.get(str(address), ()), at)
                self._notes.append(notes.redacted(run_id, address, at))
        with translated(self._path):
            redaction.scrub(self._connection)

    def _note_decision(self, run_id: str, decision: Decision, said: str) -> None:
        self._keep_decision(run_id, decision, said)
        self._notes.append(notes.decided(run_id, decision, said))

    def _keep_decision(self, run_id: str, decision: Decision, said: str) -> None:
        self._db.table("decisions").insert(
            {
                "run_id": run_id,
                **dict(zip(("plan", "key", "revision"), at(decision.address), strict=True)),
                "said": said,
                "call_id": decision.call_id,
                "reason": decision.reason,
                "at": format_instant(decision.at),
            }
        )

    def _settle(self, decision: Decision) -> str:
        """Apply one decision; the result is the word it is recorded under."""
        where, when = at(decision.address), format_instant(decision.at)
        rules.check_decision(decision, self._status(decision.address), self._owner(decision.call_id))
        if decision.stopped:
            self._connection.execute(_STOP_CALL, (when, *where))
            return "stopped"
        told = (decision.status, decision.call_id, rules.evidence(decision), when)
        self._connection.execute(_SETTLE_ATTEMPT, (*told, *where))
        self._connection.execute(_CLOSE_CALL, (decision.status, decision.call_id, None, *where))
        return "placed" if decision.status is Status.PLACED else "not placed"

    def _status(self, address: Address) -> Status | None:
        sql = "select status from calls where plan = ? and key = ? and revision = ?"
        row = self._connection.execute(sql, at(address)).fetchone()
        return None if row is None else to_status(row["status"], address)

    def _owner(self, call_id: str | None) -> Address | None:
        if call_id is None:
            return None
        row = self._connection.execute(
            "select plan, key, revision from calls where call_id = ?", (call_id,)
        ).fetchone()
        return None if row is None else Address(*row)
