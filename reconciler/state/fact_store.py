"""Reading and writing what a state keeps besides calls: the same for every store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice
from typing import TypeVar

from reconciler.chain import Note
from reconciler.errors import StateError
from reconciler.facts import AppliedCommit, Conflict, Pause, RowApproval, ServiceFact
from reconciler.model import Address, Status
from reconciler.ports import Decision, Result, Run
from reconciler.state import facts, notes, rules
from reconciler.state.database import Row
from reconciler.state.records import to_address
from reconciler.times import format_instant

_T = TypeVar("_T")
_A_BATCH = 1000  # rows of one ledger entry: entries are read one by one


class FactRecords:
    """What ``facts.FactReader`` promises, over rows that a subclass reads."""

    def _fact_rows(self, table: str) -> Iterable[Row]:
        """The rows of one of ``facts.KEYS``, in any order."""
        raise NotImplementedError

    def _run_by_id(self, run_id: str) -> Run | None:
        raise NotImplementedError

    def pauses(self) -> Sequence[Pause]:
        return [
            facts.to_pause(row, self._known_run(row["run_id"]))
            for row in sorted(self._fact_rows("pauses"), key=lambda row: str(row["plan"]))
        ]

    def _known_run(self, run_id: str) -> Run:
        run = self._run_by_id(run_id)
        if run is None:
            raise StateError(f"the state is damaged: run {run_id} is missing")
        return run

    def conflicts(self) -> Mapping[Address, Conflict]:
        return {item.address: item for item in map(facts.to_conflict, self._fact_rows("conflicts"))}

    def approved(self) -> Mapping[Address, RowApproval]:
        return {item.address: item for item in map(facts.to_approval, self._fact_rows("approved_rows"))}

    def applied_commits(self) -> Sequence[AppliedCommit]:
        rows = sorted(self._fact_rows("applied_commits"), key=lambda row: int(row["number"]))
        latest: dict[str, AppliedCommit] = {}
        for item in map(facts.to_commit, reversed(rows)):
            latest.setdefault(item.commit, item)
        return list(latest.values())

    def facts(self, service: str) -> Mapping[str, ServiceFact]:
        rows = (row for row in self._fact_rows("service_facts") if row["service"] == service)
        return {item.name: item for item in map(facts.to_fact, rows)}

    def to_stop_known(self) -> frozenset[Address]:
        return frozenset(map(to_address, self._fact_rows("to_stop")))


class FactWriter(FactRecords):
    """What ``facts.FactStore`` promises, over transactions and tables that a subclass has."""

    _notes: list[Note]
    _key: bytes

    def _transaction(self, *, counts: bool = True) -> AbstractContextManager[None]:
        raise NotImplementedError

    def _tables(self) -> facts.Tables:
        raise NotImplementedError

    def _write(self, note: Note, clear: Mapping[str, str] | None = None) -> None:
        """Add an entry to the ledger, and its rows to the tables. ``clear`` replaces its pseudonyms there."""
        self._notes.append(note)
        texts = {**note.texts, **(clear or {})}
        written = facts.Written(format_instant(note.at), note.run_id, note.content, texts)
        facts.project(note.kind, written, self._tables())

    def pause(self, run_id: str, plan: str | None, reason: str, at: datetime) -> None:
        with self._transaction(counts=False):
            self._write(notes.paused(run_id, plan, reason, at))

    def resume(self, run_id: str, plan: str | None, reason: str | None, at: datetime) -> None:
        with self._transaction(counts=False):
            rules.check_resume(plan, [pause.plan for pause in self.pauses()])
            self._write(notes.resumed(run_id, plan, reason, at))

    def note_conflicts(self, run_id: str, conflicts: Collection[Conflict], at: datetime) -> None:
        with self._transaction(counts=False):
            known = self.conflicts()
            for item in conflicts:
                ids = sorted(map(rules.encodable, item.call_ids))
                before = known.get(item.address)
                if before is None or (list(before.call_ids), before.target) != (ids, item.target):
                    note = notes.conflict(run_id, item, ids, rules.encodable(item.message), at, self._key)
                    self._write(note, {"person": item.target})

    def end_conflicts(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        with self._transaction(counts=False):
            self._end_conflicts(run_id, addresses, why, at)

    def _end_conflicts(self, run_id: str, addresses: Iterable[Address], why: str, at: datetime) -> None:
        """Inside a transaction; of these addresses, those that are in conflict."""
        known = self.conflicts()
        for some in _batches(sorted(known.keys() & set(addresses))):
            self._write(notes.conflict_ended(run_id, some, why, at))

    def _end_placed(self, run_id: str, placed: Sequence[Result | Decision]) -> None:
        """Inside a transaction; what is placed is in conflict no more."""
        if placed:
            self._end_conflicts(run_id, [item.address for item in placed], rules.PLACED, placed[-1].at)

    def _end_decided(self, run_id: str, decisions: Sequence[Decision]) -> None:
        """Inside a transaction; the same of what a person said."""
        self._end_placed(run_id, [item for item in decisions if item.status is Status.PLACED])
        if distinct := [item for item in decisions if item.distinct]:
            self._end_conflicts(run_id, [item.address for item in distinct], rules.DISTINCT, distinct[-1].at)

    def approve(self, run_id: str, approvals: Collection[RowApproval], at: datetime) -> None:
        with self._transaction(counts=False):
            known = self.approved()
            new: defaultdict[tuple[str, str | None], list[RowApproval]] = defaultdict(list)
            for item in approvals:
                before = known.get(item.address)
                if before is None or _reviewed(before) != _reviewed(item):
                    new[item.plan_id, item.commit].append(item)
            for (plan_id, commit), items in new.items():
                for some in _batches(items):
                    self._write(notes.approved(run_id, plan_id, commit, some, at))

    def end_approvals(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        with self._transaction(counts=False):
            known = self.approved()
            for some in _batches(sorted(known.keys() & set(addresses))):
                self._write(notes.approval_ended(run_id, some, why, at))

    def note_commit(self, run_id: str, commit: str, at: datetime, reason: str | None = None) -> None:
        with self._transaction(counts=False):
            latest = self.applied_commits()[:1]
            if reason is not None or not latest or latest[0].commit != commit:
                self._write(notes.applied_from(run_id, commit, reason, at))

    def note_fact(self, run_id: str, fact: ServiceFact, at: datetime) -> None:
        with self._transaction(counts=False):
            self._write(notes.observed(run_id, fact, at))

    def note_to_stop(self, run_id: str, addresses: Collection[Address], at: datetime) -> None:
        with self._transaction(counts=False):
            known, now = self.to_stop_known(), frozenset(addresses)
            for some in _batches(sorted(now - known)):
                self._write(notes.to_stop(run_id, some, [], at))
            for some in _batches(sorted(known - now)):
                self._write(notes.to_stop(run_id, [], some, at))


def _reviewed(approval: RowApproval) -> tuple[str, str, str | None]:
    return (approval.content, approval.plan_id, approval.commit)


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    left = iter(items)
    while some := list(islice(left, _A_BATCH)):
        yield some
