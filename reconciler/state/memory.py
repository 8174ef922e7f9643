"""The state in memory, for tests and where there is none: the same promises, and nothing left behind."""

from __future__ import annotations

import copy
import secrets
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from reconciler.blinding import REDACTED, derived_key
from reconciler.chain import Head, Link, Note, genesis, link
from reconciler.facts import Pause
from reconciler.model import Address, Entry, Status
from reconciler.ports import Attempt, Decision, Intent, Result, Run, Seen
from reconciler.state import facts, notes, redaction, rules
from reconciler.state.database import Row
from reconciler.state.fact_store import FactWriter


class MemoryState(FactWriter):
    """What ``StateStore`` promises, over dictionaries. The run given is recorded as begun; readers need none."""

    def __init__(self, run: Run | None = None, lineage: str | None = None) -> None:
        self.lineage = lineage or str(uuid.uuid4())
        self.serial = 0
        self._secret = secrets.token_hex(32)
        self._entries: dict[Address, Entry] = {}
        self._attempts: list[Attempt] = []
        self._runs = [] if run is None else [run]
        self._rejected: dict[Address, tuple[str, int]] = {}
        self.ended: dict[str, tuple[datetime, int, dict[str, int]]] = {}
        self.decisions: list[tuple[str, Decision]] = []
        self._seen: dict[str, Seen] = {}
        self._renames: dict[Address, Address] = {}
        self._cleared: dict[Address, tuple[str, str, datetime]] = {}
        self._facts = facts.DictTables({name: {} for name in facts.KEYS})
        self._key = self.key_for(notes.PURPOSE)
        self._links: list[Link] = []
        self._notes: list[Note] = []
        with self._transaction(counts=False):
            self._notes += [] if run is None else [notes.began(run)]

    @contextmanager
    def _transaction(self, *, counts: bool = True) -> Iterator[None]:
        """Everything or nothing, as on disk."""
        kept = {name: copy.copy(value) for name, value in vars(self).items()}
        self._notes = []
        try:
            yield
        except BaseException:
            vars(self).update(kept)
            raise
        self.serial += 1 if counts and self._notes else 0
        for note in self._notes:
            self._links.append(link(self.head, note, self.serial, secrets.token_hex(16)))

    def ledger(self) -> Iterator[Link]:
        return iter(self._links)

    @property
    def head(self) -> Head:
        last = self._links[-1:]
        return Head(last[0].number, last[0].hash) if last else genesis(self.lineage)

    def entries(self) -> Iterator[Entry]:
        yield from (self._entries[address] for address in sorted(self._entries))

    def entry(self, address: Address) -> Entry | None:
        return self._entries.get(address)

    def entries_at(self, addresses: Collection[Address]) -> Mapping[Address, Entry]:
        return {address: self._entries[address] for address in addresses if address in self._entries}

    def entries_of_calls(self, call_ids: Collection[str]) -> Mapping[str, Entry]:
        return {
            item.call_id: item for item in self.entries() if item.call_id is not None and item.call_id in call_ids
        }

    def unknown_entries(self) -> Sequence[Entry]:
        return [entry for entry in self.entries() if entry.unknown]

    def entries_ahead(self, now: datetime) -> Iterator[Entry]:
        return (entry for entry in self.entries() if entry.will_ring(now))

    def latest_own_entry(self) -> Entry | None:
        answered = [item for item in self._attempts if item.status is Status.PLACED and item.evidence is None]
        entries = self.entries_of_calls([item.call_id for item in answered[-20:] if item.call_id])
        found = (entries.get(item.call_id or "") for item in reversed(answered))
        return next((entry for entry in found if entry is not None and entry.status is Status.PLACED), None)

    def attempts(self, address: Address) -> Sequence[Attempt]:
        return [attempt for attempt in self._attempts if attempt.address == address]

    def runs(self, limit: int = 20) -> Sequence[Run]:
        return self._runs[::-1][:limit]

    def key_for(self, purpose: str) -> bytes:
        return derived_key(self._secret, purpose)

    def end_run(self, run_id: str, at: datetime, exit_code: int, counts: Mapping[str, int]) -> None:
        with self._transaction(counts=False):
            self.ended[run_id] = (at, exit_code, dict(counts))
            self._notes.append(notes.ended(run_id, at, exit_code, counts))

    def turn(
        self, run_id: str, results: Sequence[Result], intents: Sequence[Intent], at: datetime
    ) -> Sequence[Result]:
        with self._transaction():
            recorded = self._close_all(run_id, results)
            self._open_all(run_id, intents, at)
        return recorded

    def intend(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            self._open_all(run_id, intents, at)

    def record(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        with self._transaction():
            return self._close_all(run_id, results)

    def untouched(self) -> bool:
        return False

    @property
    def latest_pauses(self) -> Sequence[Pause]:
        return self.pauses()

    def prove(self, run_id: str, addresses: Collection[Address]) -> None:
        own = (item for item in self._attempts if item.run_id == run_id and item.status is Status.INTENDED)
        left = set(addresses) - {item.address for item in own}
        if left:
            raise rules.lost(f"{min(left)} was recorded as about to be sent, and is not any more")

    def record_missed(self, run_id: str, missed: Sequence[Intent], at: datetime) -> None:
        with self._transaction():
            for intent in missed:
                self._open(run_id, intent, Status.MISSED, at)

    def _open_all(self, run_id: str, intents: Sequence[Intent], at: datetime) -> None:
        for intent in intents:
            self._open(run_id, intent, Status.INTENDED, at)

    def _open(self, run_id: str, intent: Intent, status: Status, at: datetime) -> None:
        rules.check_open(intent.address, self._status(intent.address))
        digest, rejections = self._rejected.get(intent.address, ("", 0))
        self._entries[intent.address] = Entry(
            address=intent.address,
            status=status,
            call=intent.call,
            digest=intent.digest,
            attempted_at=intent.attempted_at or at,
            rings_at=intent.rings_at,
            rejections=rejections if digest == intent.digest else 0,
        )
        finished = at if status is Status.MISSED else None
        number = len(self._attempts) + 1
        attempt = Attempt(
            number,
            run_id,
            intent.address,
            status,
            intent.digest,
            intent.endpoint,
            intent.attempted_at or at,
            finished_at=finished,
        )
        self._attempts.append(attempt)
        self._notes.append(notes.opened(run_id, intent, at, status, self._key))

    def _close_all(self, run_id: str, results: Sequence[Result]) -> Sequence[Result]:
        recorded = []
        for result in rules.as_kept(results):
            rules.check_answer(result)
            recorded.append(rules.without_clash(result, self._owner(result.call_id)))
            self._close(run_id, recorded[-1])
        return recorded

    def _close(self, run_id: str, result: Result) -> None:
        index = next(
            (
                index
                for index, attempt in enumerate(self._attempts)
                if (attempt.run_id, attempt.address, attempt.status) == (run_id, result.address, Status.INTENDED)
            ),
            None,
        )
        if index is None:
            raise rules.lost(f"{result.address} has no open attempt of this run")
        entry = self._entries[result.address]
        rejections = entry.rejections
        if result.status is Status.FAILED:
            rejections += 1
            self._rejected[result.address] = (entry.digest, rejections)
        self._entries[result.address] = structs.replace(
            entry,
            status=result.status,
            call_id=result.call_id,
            error=result.error,
            rejections=rejections,
            rings_at=min(entry.rings_at, result.at) if result.status is Status.MISSED else entry.rings_at,
        )
        self._attempts[index] = replace(
            self._attempts[index],
            status=result.status,
            finished_at=result.at,
            call_id=result.call_id,
            error=result.error,
            evidence=result.evidence,
        )
        self._notes.append(notes.answered(run_id, result))

    def seen(self, run_id: str) -> Seen:
        return self._seen.get(run_id, Seen())

    def cleared(self) -> frozenset[Address]:
        return frozenset(self._cleared)

    def renames(self) -> Mapping[Address, Address]:
        return dict(self._renames)

    def move(self, run_id: str, pairs: Sequence[tuple[Address, Address]], at: datetime) -> None:
        with self._transaction():
            for old, new in pairs:
                rules.check_move(old, new, self._status(old), self._status(new))
                self._entries[new] = structs.replace(self._entries.pop(old), address=new)
                if old in self._rejected:
                    self._rejected[new] = self._rejected.pop(old)
                self._attempts = [
                    replace(attempt, address=new) if attempt.address == old else attempt
                    for attempt in self._attempts
                ]
                self._renames[old] = new
                self.decisions.append((run_id, Decision(new, at, f"moved from {old}")))
                self._write(notes.moved(run_id, old, new, at))

    def note_seen(self, run_id: str, seen: Seen, at: datetime) -> None:
        with self._transaction(counts=False):
            self._seen[run_id] = seen
            self._notes.append(notes.looked(run_id, seen, at))

    def forget(self, run_id: str, address: Address, reason: str, at: datetime) -> None:
        with self._transaction():
            if address not in self._entries:
                raise rules.nothing_at(address)
            del self._entries[address]
            self._rejected.pop(address, None)
            self._cleared.pop(address, None)
            word = Decision(address, at, reason)
            self.decisions.append((run_id, word))
            self._write(notes.decided(run_id, word, "forgotten"))

    def adopt(self, run_id: str, results: Sequence[Result]) -> None:
        with self._transaction():
            for result in rules.as_kept(results):
                rules.check_adoption(result, self._status(result.address), self._owner(result.call_id))
                self._resolve(result.address, result.status, result.call_id, result.evidence, result.at)
                word = Decision(result.address, result.at, result.evidence or "", result.status, result.call_id)
                self.decisions.append((run_id, word))
                self._notes.append(notes.adopted(run_id, result))
            self._end_placed(run_id, results)

    def redact(self, run_id: str, addresses: Sequence[Address], at: datetime) -> None:
        with self._transaction():
            written, conflicts = redaction.written_about(self._links), self.conflicts()
            for address in addresses:
                found = self._entries.get(address)
                rules.check_redaction(address, found, at, in_conflict=address in conflicts)
                if found is not None:
                    self._entries[address] = structs.replace(
                        found, call=redaction.redacted(found.call), error=None
                    )
                self._attempts = [
                    replace(item, error=None, evidence=None) if item.address == address else item
                    for item in self._attempts
                ]
                self.decisions = [
                    (who, replace(word, reason=REDACTED)) if word.address == address else (who, word)
                    for who, word in self.decisions
                ]
                for number in written.get(str(address), ()):
                    self._links[number - 1] = replace(self._links[number - 1], salt=None, texts=None)
                self._notes.append(notes.redacted(run_id, address, at))

    def decide(self, run_id: str, decisions: Sequence[Decision], intents: Sequence[Intent] = ()) -> None:
        with self._transaction():
            if intents:
                self._open_all(run_id, intents, decisions[0].at)
            for decision in decisions:
                if decision.distinct:
                    self._clear(run_id, decision)
                else:
                    self._notes.append(notes.decided(run_id, decision, self._settle(decision)))
                    self.decisions.append((run_id, decision))
            self._end_decided(run_id, decisions)

    def _clear(self, run_id: str, decision: Decision) -> None:
        in_conflict = decision.address in self.conflicts()
        rules.check_clearing(decision.address, self._status(decision.address), in_conflict=in_conflict)
        self._cleared[decision.address] = (run_id, decision.reason, decision.at)
        self._notes.append(notes.cleared(run_id, decision.address, decision.reason, decision.at))

    def _settle(self, decision: Decision) -> str:
        if decision.let_ring:
            found = self._entries.get(decision.address)
            rules.check_let_ring(decision.address, found, decision.at)
            self._entries[decision.address] = structs.replace(
                self._entries[decision.address], let_ring_at=decision.at
            )
            return "let-ring"
        rules.check_decision(decision, self._status(decision.address), self._owner(decision.call_id))
        entry = self._entries[decision.address]
        if decision.stopped or decision.status is None:
            self._entries[decision.address] = structs.replace(entry, stopped_at=decision.at)
            return "stopped"
        told = rules.evidence(decision)
        self._resolve(decision.address, decision.status, decision.call_id, told, decision.at)
        return "placed" if decision.status is Status.PLACED else "not placed"

    def _resolve(
        self, address: Address, status: Status, call_id: str | None, told: str | None, at: datetime
    ) -> None:
        self._entries[address] = structs.replace(
            self._entries[address], status=status, call_id=call_id, error=None
        )
        last = max(index for index, attempt in enumerate(self._attempts) if attempt.address == address)
        finished = self._attempts[last].finished_at or at
        self._attempts[last] = replace(
            self._attempts[last], status=status, call_id=call_id, evidence=told, finished_at=finished
        )

    def _tables(self) -> facts.DictTables:
        return self._facts

    def _fact_rows(self, table: str) -> Iterable[Row]:
        return self._facts.tables[table].values()

    def _run_by_id(self, run_id: str) -> Run | None:
        return next((run for run in self._runs if run.id == run_id), None)

    def _status(self, address: Address) -> Status | None:
        found = self._entries.get(address)
        return None if found is None else found.status

    def _owner(self, call_id: str | None) -> Address | None:
        if call_id is None:
            return None
        return next((entry.address for entry in self._entries.values() if entry.call_id == call_id), None)
