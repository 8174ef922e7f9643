"""Writing the state: each method is one durable transaction, by the connection whose process holds the lock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.chain import Head
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Intent, Result, Run, Seen
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.state import copying, facts, notes, redaction, rules, sql
from reconciler.state.database import Connection
from reconciler.state.fact_store import FactWriter
from reconciler.state.reader import at
from reconciler.state.records import from_run


class Store(FactWriter):
    """What ``StateStore`` promises."""

    def begin_run(self, run: Run) -> None:
        """Recorded by whoever opens the store: others are told of it while the lock is held."""
        with self._transaction(counts=False):
            self._begin(run)

    def _begin(self, run: Run) -> None:
        self._insert("runs", from_run(run))
        for item in run.approvals:
            self._insert("approvals", {"run_id": run.id, "plan_id": item.plan_id, "git_commit": item.commit})
        for number, lifted in enumerate(run.overrides, start=1):
            self._insert("overrides", {"run_id": run.id, "number": number, **asdict(lifted)})
        self._notes.append(notes.began(run))

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        with self._transaction(counts=False):
            self._end(run_id, at, exit_code, counts)

    def _end(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        self._connection.execute(
            "update runs set finished_at = ?, exit_code = ?, counts = ? where id = ?",
            (format_instant(at), exit_code, json.dumps(dict(counts)), run_id),
        )
        self._notes.append(notes.ended(run_id, at, exit_code, counts))

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            self._open_all(run_id, intents, Status.INTENDED, at)

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            self._open_all(run_id, missed, Status.MISSED, at)

    def record(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        with self._answering(results):
            recorded = self._close_all(run_id, results)
        self.placed.add(recorded)
        return recorded

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        with self._answering(results):
            recorded = self._close_all(run_id, results)
            self._open_all(run_id, intents, Status.INTENDED, at)
        self.placed.add(recorded)
        return recorded

    @contextmanager
    def _answering(self, results: Sequence[Result]) -> Iterator[None]:
        """A transaction that records answers. Where it fails, they are known to ``placed`` alone."""
        try:
            with self._transaction():
                yield
        except StateError:
            self.placed.add_unrecorded(results)
            raise

    def _open_all(self, run_id: str, intents: Sequence[Intent], status: Status, at: datetime) -> None:
        known = self._statuses([intent.address for intent in intents])
        for intent in intents:
            rules.check_open(intent.address, known.get(intent.address))
            known[intent.address] = status
            self._open(run_id, intent, status, at)

    def _open(self, run_id: str, intent: Intent, status: Status, moment: datetime) -> None:
        """A new attempt. What was rejected before stays counted, so that a retry does not forget it."""
        address, when = at(intent.address), format_instant(intent.attempted_at or moment)
        call = json.dumps(identity.to_logical(intent.call), ensure_ascii=False)
        self._connection.execute(
            sql.OPEN_CALL,
            (*address, status, intent.digest, call, intent.endpoint, when, format_instant(intent.rings_at)),
        )
        self._insert(
            "attempts",
            {
                "run_id": run_id,
                **dict(zip(facts.ADDRESS, address, strict=True)),
                "status": status.value,
                "digest": intent.digest,
                "endpoint": intent.endpoint,
                "intended_at": when,
                "finished_at": format_instant(moment) if status is Status.MISSED else None,
            },
        )
        self._notes.append(notes.opened(run_id, intent, moment, status, self._key))

    def _close_all(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        recorded = []
        kept = rules.as_kept(results)
        owners = self._owners([result.call_id for result in kept if result.call_id])
        waiting = self._waiting(self._connection, run_id, [result.address for result in kept])
        for result in kept:
            rules.check_answer(result)
            if result.address not in waiting:
                raise rules.lost(f"{result.address} has no open attempt of this run")
            waiting.remove(result.address)
            found = rules.without_clash(result, owners.get(result.call_id or ""))
            if found.call_id:
                owners[found.call_id] = found.address
            self._close(run_id, found)
            recorded.append(found)
        return recorded

    def _close(self, run_id: str, result: Result) -> None:
        address = at(result.address)
        told = (result.status, format_instant(result.at), result.call_id, result.error, result.evidence)
        self._connection.execute(sql.CLOSE_ATTEMPT, (*told, run_id, *address))
        self._connection.execute(sql.CLOSE_CALL, (result.status, result.call_id, result.error, *address))
        if result.status is Status.FAILED:
            self._connection.execute(sql.COUNT_REJECTION, address)
        if result.status is Status.MISSED:  # it rings at no time
            self._connection.execute(
                sql.END_MISSED, (format_instant(result.at), format_instant(result.at), *address)
            )
        self._notes.append(notes.answered(run_id, result))

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.as_kept(results):
                rules.check_adoption(result, self._status(result.address), self._owner(result.call_id))
                where = at(result.address)
                told = (result.status, result.call_id, result.evidence, format_instant(result.at))
                self._connection.execute(sql.SETTLE_ATTEMPT, (*told, *where))
                self._connection.execute(sql.CLOSE_CALL, (result.status, result.call_id, None, *where))
                word = Decision(result.address, result.at, result.evidence or "", result.status, result.call_id)
                self._keep_decision(run_id, word, "adopted")
                self._notes.append(notes.adopted(run_id, result))
            self._end_placed(run_id, results)

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        with self._transaction():
            for old, new in pairs:
                rules.check_move(old, new, self._status(old), self._status(new))
                where = (new.plan, new.key, old.plan, old.key, old.revision)
                self._connection.execute(sql.GIVE_WAY, (*where, old.revision))
                for statement in sql.MOVES:
                    self._connection.execute(statement, where)
                self._insert(
                    "renames",
                    {
                        "run_id": run_id,
                        "old_plan": old.plan,
                        "old_key": old.key,
                        "revision": old.revision,
                        "plan": new.plan,
                        "key": new.key,
                        "at": format_instant(at),
                    },
                )
                self._write(notes.moved(run_id, old, new, at))

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        time = None if seen.server_time is None else format_instant(seen.server_time)
        with self._transaction(counts=False):
            self._insert("preflights", {"run_id": run_id, "server_time": time})
            self._insert("seen", *({"run_id": run_id, "call_id": call_id} for call_id in seen.call_ids))
            self._notes.append(notes.looked(run_id, seen, at))

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        with self._transaction():
            if self._status(address) is None:
                raise rules.nothing_at(address)
            self._note_decision(run_id, Decision(address, at, reason), "forgotten")
            for table in ("calls", "cleared"):
                statement = f"delete from {table} where plan = ? and key = ? and revision = ?"  # noqa: S608 - from above
                self._connection.execute(statement, (address.plan, address.key, address.revision))

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        with self._transaction():
            if intents:
                self._open_all(run_id, intents, Status.INTENDED, decisions[0].at)
            for decision in decisions:
                if decision.distinct:
                    self._clear(run_id, decision)
                else:
                    self._note_decision(run_id, decision, self._settle(decision))
            self._end_decided(run_id, decisions)

    def _clear(self, run_id: str, decision: Decision) -> None:
        """A person's word that look-alikes are other calls."""
        in_conflict = decision.address in self.conflicts()
        rules.check_clearing(decision.address, self._status(decision.address), in_conflict=in_conflict)
        told = (run_id, decision.reason, format_instant(decision.at))
        self._connection.execute(sql.CLEAR, (*at(decision.address), *told))
        self._notes.append(notes.cleared(run_id, decision.address, decision.reason, decision.at))

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        with self._session.redacting(), self._transaction():
            written, conflicts = redaction.written_about(self.ledger()), self.conflicts()
            for address in addresses:
                rules.check_redaction(address, self.entry(address), at, in_conflict=address in conflicts)
                redaction.redact(self._connection, address, written.get(str(address), ()), at)
                self._notes.append(notes.redacted(run_id, address, at))

    def depart(self, run_id: str, to: str, at: datetime) -> None:
        """Close the state: from now on it is at ``to``."""
        with self._transaction(counts=False):
            self._connection.execute("update meta set moved_to = ?", (to,))
            self._notes.append(notes.departed(run_id, to, at))

    def arrive(self, run_id: str, source: str, at: datetime) -> None:
        """Open it again, where it came to from ``source``, or where it stayed after all."""
        with self._transaction(counts=False):
            self._connection.execute("update meta set moved_to = null")
            self._notes.append(notes.arrived(run_id, source, at))

    @contextmanager
    def rewriting(self, head: Head) -> Iterator[Connection]:
        """All tables, empty, in one transaction that is committed at the end.

        Raises:
            StateError: the ledger does not end with ``head`` any more: what came after it would be lost.
        """
        with self._session.writing():
            if self.head != head:
                raise StateError("the state was paused or resumed meanwhile", hint="run this again")
            copying.clear(self._connection)
            yield self._connection

    def _note_decision(self, run_id: str, decision: Decision, said: str) -> None:
        self._keep_decision(run_id, decision, said)
        self._write(notes.decided(run_id, decision, said))

    def _keep_decision(self, run_id: str, decision: Decision, said: str) -> None:
        self._insert(
            "decisions",
            {
                "run_id": run_id,
                **dict(zip(facts.ADDRESS, at(decision.address), strict=True)),
                "said": said,
                "call_id": decision.call_id,
                "reason": decision.reason,
                "at": format_instant(decision.at),
            },
        )

    def _settle(self, decision: Decision) -> str:
        """Apply one decision; the result is the word it is recorded under."""
        where, when = at(decision.address), format_instant(decision.at)
        if decision.let_ring:
            rules.check_let_ring(decision.address, self.entry(decision.address), decision.at)
            self._connection.execute(sql.LET_RING, (when, *where))
            return "let-ring"
        rules.check_decision(decision, self._status(decision.address), self._owner(decision.call_id))
        if decision.stopped:
            self._connection.execute(sql.STOP_CALL, (when, *where))
            return "stopped"
        told = (decision.status, decision.call_id, rules.evidence(decision), when)
        self._connection.execute(sql.SETTLE_ATTEMPT, (*told, *where))
        self._connection.execute(sql.CLOSE_CALL, (decision.status, decision.call_id, None, *where))
        return "placed" if decision.status is Status.PLACED else "not placed"
