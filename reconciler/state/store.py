"""Writing the state: each method is one durable transaction, by the connection whose process holds the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from reconciler.domain.ledger import Head
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Intent, Result, Run, Seen
from reconciler.errors import StateError
from reconciler.state import copying, ledger, notes, redaction, rules
from reconciler.state.database import Connection
from reconciler.state.fact_store import FactWriter
from reconciler.state.records import call_text


class Store(FactWriter):
    """What ``StateStore`` promises."""

    def begin_run(self, run: Run) -> None:
        """Recorded by whoever opens the store: others are told of it while the lock is held."""
        with self._transaction(counts=False):
            self._begin(run)

    def _begin(self, run: Run) -> None:
        self._write(notes.began(run))

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        with self._transaction(counts=False):
            self._end(run_id, at, exit_code, counts)

    def _end(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        self._write(notes.ended(run_id, at, exit_code, counts))

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
        self._write(notes.opened(run_id, intent, moment, status, self._key), {"call": call_text(intent.call)})

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
        self._write(notes.answered(run_id, result))

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.as_kept(results):
                rules.check_adoption(result, self._status(result.address), self._owner(result.call_id))
                self._write(notes.adopted(run_id, result))
            self._end_placed(run_id, results)

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        with self._transaction():
            for old, new in pairs:
                rules.check_move(old, new, self._status(old), self._status(new))
                self._write(notes.moved(run_id, old, new, at))

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        with self._transaction(counts=False):
            self._write(notes.looked(run_id, seen, at))
            self._connection.executemany(
                "insert into seen (run_id, call_id) values (?, ?)",
                [(run_id, call_id) for call_id in seen.call_ids],
            )

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        with self._transaction():
            if self._status(address) is None:
                raise rules.nothing_at(address)
            self._write(notes.decided(run_id, Decision(address, at, reason), "forgotten"))

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        with self._transaction():
            if intents:
                self._open_all(run_id, intents, Status.INTENDED, decisions[0].at)
            for decision in decisions:
                if decision.distinct:
                    self._clear(run_id, decision)
                else:
                    self._write(notes.decided(run_id, decision, self._decision_word(decision)))
            self._end_decided(run_id, decisions)

    def _clear(self, run_id: str, decision: Decision) -> None:
        """A person's word that look-alikes are other calls."""
        in_conflict = decision.address in self.conflicts()
        rules.check_clearing(decision.address, self._status(decision.address), in_conflict=in_conflict)
        self._write(notes.cleared(run_id, decision.address, decision.reason, decision.at))

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        with self._session.redacting(), self._transaction():
            written, conflicts = redaction.written_about(self.ledger()), self.conflicts()
            for address in addresses:
                entry, numbers = self.entry(address), written.get(str(address), ())
                rules.check_redaction(address, entry, at, in_conflict=address in conflicts)
                ledger.remove_texts(self._connection, numbers)
                clear = {} if entry is None else {"call": call_text(redaction.redacted(entry.call))}
                self._write(notes.redacted(run_id, address, at), clear)

    def depart(self, run_id: str, to: str, at: datetime) -> None:
        """Close the state: from now on it is at ``to``."""
        with self._transaction(counts=False):
            self._write(notes.departed(run_id, to, at))

    def arrive(self, run_id: str, source: str, at: datetime) -> None:
        """Open it again, where it came to from ``source``, or where it stayed after all."""
        with self._transaction(counts=False):
            self._write(notes.arrived(run_id, source, at))

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

    def _decision_word(self, decision: Decision) -> str:
        """Check one decision; the result is the word it is recorded under."""
        if decision.let_ring:
            rules.check_let_ring(decision.address, self.entry(decision.address), decision.at)
            return "let-ring"
        rules.check_decision(decision, self._status(decision.address), self._owner(decision.call_id))
        if decision.stopped:
            return "stopped"
        return "placed" if decision.status is Status.PLACED else "not placed"
