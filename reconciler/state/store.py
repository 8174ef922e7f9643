"""Writes the state: each method is one durable transaction, on the connection that holds the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.blinding import is_partial
from reconciler.domain.documents import optional_instant
from reconciler.domain.ledger import EntryKind, Head
from reconciler.domain.model import Address, JsonObject, Status
from reconciler.domain.ports import Decision, Intent, Result, Run, Seen
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.state import redaction, rules, tables
from reconciler.state.fact_store import FactWriter
from reconciler.state.ledger import entries
from reconciler.state.records import call_text
from reconciler.state.session import Connection


class Store(FactWriter):
    """Implements ``StateStore``."""

    def begin_run(self, run: Run) -> None:
        """Called by whoever opens the store, so that others can see who holds the lock."""
        with self._transaction(counts=False):
            self._begin_run(run)

    def _begin_run(self, run: Run) -> None:
        names = ("command", "host", "pid", "actor", "tool_version", "plan_id", "commit")
        content: JsonObject = {name: getattr(run, name) for name in names}
        content["approvals"] = [{"plan_id": item.plan_id, "commit": item.commit} for item in run.approvals]
        content["overrides"] = [
            {"code": item.code, "plan_id": item.plan_id, "reason": item.reason} for item in run.overrides
        ]
        self._write(EntryKind.BEGAN, run.id, run.started_at, content | run.details)

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        with self._transaction(counts=False):
            self._end_run(run_id, at, exit_code, counts)

    def _end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        self._write(EntryKind.ENDED, run_id, at, {"exit_code": int(exit_code), "counts": dict(counts)})

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            self._open_all(run_id, intents, Status.INTENDED, at)

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            self._open_all(run_id, missed, Status.MISSED, at)

    def record(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        return self._answer(run_id, results)

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        return self._answer(run_id, results, intents, at)

    def _answer(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent] = (), at: datetime | None = None
    ) -> Sequence[Result]:
        """Record answers, and then intents as of ``at``. If that fails, only ``placed`` knows the answers."""
        try:
            with self._transaction():
                recorded = self._close_all(run_id, results)
                if at is not None:
                    self._open_all(run_id, intents, Status.INTENDED, at)
        except StateError:
            self.placed.add_unrecorded(results)
            raise
        self.placed.add(recorded)
        return recorded

    def _open_all(self, run_id: str, intents: Sequence[Intent], status: Status, at: datetime) -> None:
        statuses = self._statuses([intent.address for intent in intents])
        for intent in intents:
            rules.check_open(intent.address, statuses.get(intent.address))
            statuses[intent.address] = status
            self._open(run_id, intent, status, at)

    def _open(self, run_id: str, intent: Intent, status: Status, at: datetime) -> None:
        """Record an attempt.

        ``person`` is a pseudonym, the same each time for the same person. ``attempted_at`` is set if a lost state
        had already sent it. ``call`` is the digest of what is stored of a call that only the service knows.
        """
        content: JsonObject = {
            "address": str(intent.address),
            "digest": intent.digest,
            "endpoint": intent.endpoint,
            "rings_at": format_instant(intent.rings_at),
        }
        if intent.attempted_at is not None:
            content["attempted_at"] = format_instant(intent.attempted_at)
        if is_partial(intent.call):
            content["call"] = identity.digest(intent.call)
        kind = EntryKind.EXPIRED if status is Status.MISSED else EntryKind.INTENDED
        texts = {"person": entries.pseudonym(self._key, intent.call.target)}
        self._write(kind, run_id, at, content, texts, {"call": call_text(intent.call)})

    def _close_all(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        recorded = []
        encodable = rules.encodable_results(results)
        call_ids = [result.call_id for result in encodable if result.call_id]
        owners, listed = self._owners(call_ids), self._listed_before(run_id, call_ids)
        still_open = self._open_attempts(self._connection, run_id, [result.address for result in encodable])
        for answer in encodable:
            rules.check_answer(answer)
            if answer.address not in still_open:
                raise rules.lost(f"{answer.address} has no open attempt of this run")
            still_open.remove(answer.address)
            owner = owners.get(answer.call_id or "")
            result = rules.without_clash(answer, owner, listed_before=answer.call_id in listed)
            if result.call_id:
                owners[result.call_id] = result.address
            self._close(run_id, result)
            recorded.append(result)
        return recorded

    def _close(self, run_id: str, result: Result) -> None:
        self._write_answer(EntryKind(result.status.value), run_id, result)

    def _write_answer(self, kind: EntryKind, run_id: str, result: Result) -> None:
        content: JsonObject = {"address": str(result.address), "call_id": result.call_id}
        self._write(kind, run_id, result.at, content, {"error": result.error, "evidence": result.evidence})

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.encodable_results(results):
                rules.check_adoption(result, self._status(result.address), self._owner(result.call_id))
                self._write_answer(EntryKind.ADOPTED, run_id, result)
            self._end_placed(run_id, results)

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        with self._transaction():
            for old, new in pairs:
                rules.check_move(old, new, self._status(old), self._status(new))
                self._write(EntryKind.MOVED, run_id, at, {"address": str(new), "from": str(old)})

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        content: JsonObject = {"calls": len(seen.call_ids), "digest": entries.ids_digest(seen.call_ids)}
        with self._transaction(counts=False):
            content["server_time"] = optional_instant(seen.server_time)
            self._write(EntryKind.LOOKED, run_id, at, content)
            self._connection.executemany(
                "insert into seen (run_id, call_id) values (?, ?)",
                [(run_id, call_id) for call_id in seen.call_ids],
            )

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        with self._transaction():
            if self._status(address) is None:
                raise rules.no_entry(address)
            self._write_decision(EntryKind.FORGOTTEN, run_id, Decision(address, at, reason), "forgotten")

    def _write_decision(self, kind: EntryKind, run_id: str, decision: Decision, said: str) -> None:
        content: JsonObject = {"address": str(decision.address), "said": said, "call_id": decision.call_id}
        self._write(kind, run_id, decision.at, content, {"reason": decision.reason})

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        with self._transaction():
            if intents:
                self._open_all(run_id, intents, Status.INTENDED, decisions[0].at)
            for decision in decisions:
                if decision.distinct:
                    self._clear(run_id, decision)
                else:
                    said = self._checked_decision(decision)
                    self._write_decision(EntryKind.DECIDED, run_id, decision, said)
            self._end_decided(run_id, decisions)

    def _clear(self, run_id: str, decision: Decision) -> None:
        """Record that similar calls are other calls."""
        address, in_conflict = decision.address, decision.address in self.conflicts()
        rules.check_clearing(address, self._status(address), in_conflict=in_conflict)
        content: JsonObject = {"address": str(address)}
        self._write(EntryKind.CLEARED, run_id, decision.at, content, {"reason": decision.reason})

    def _checked_decision(self, decision: Decision) -> str:
        """Check one decision; return the name that it is recorded under."""
        if decision.let_ring:
            rules.check_let_ring(decision.address, self.entry(decision.address), decision.at)
            return "let-ring"
        rules.check_decision(decision, self._status(decision.address), self._owner(decision.call_id))
        if decision.stopped:
            return "stopped"
        return "placed" if decision.status is Status.PLACED else "not placed"

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        with self._session.redacting(), self._transaction():
            texts, conflicts = redaction.texts_by_address(entries.links(self._connection)), self.conflicts()
            for address in addresses:
                entry = self.entry(address)
                rules.check_redaction(address, entry, at, in_conflict=address in conflicts)
                entries.remove_texts(self._connection, texts.get(str(address), ()))
                clear = {} if entry is None else {"call": call_text(redaction.redacted(entry.call))}
                self._write(EntryKind.REDACTED, run_id, at, {"address": str(address)}, clear=clear)

    def depart(self, run_id: str, to: str, at: datetime) -> None:
        """Close the state, because it is moved to ``to``."""
        with self._transaction(counts=False):
            self._write(EntryKind.DEPARTED, run_id, at, {"to": to})

    def arrive(self, run_id: str, source: str, at: datetime) -> None:
        """Open the state again: where it was moved to, or where it stayed after a failed move."""
        with self._transaction(counts=False):
            self._write(EntryKind.ARRIVED, run_id, at, {"from": source})

    @contextmanager
    def rewriting(self, head: Head) -> Iterator[Connection]:
        """All tables, emptied, in one transaction that is committed at the end.

        Raises:
            StateError: the ledger no longer ends with ``head``, so later entries would be lost.
        """
        with self._session.writing():
            if self.head != head:
                raise StateError("the state was paused or resumed in the meantime", hint="run this again")
            for table in (*tables.TRANSIENT, *reversed(list(tables.TABLES))):
                self._connection.execute(f"delete from {table}")  # noqa: S608 - our own names
            yield self._connection
