"""Writes what a state stores besides calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from reconciler.domain.facts import Conflict, RowApproval, ServiceFact
from reconciler.domain.ledger import EntryKind
from reconciler.domain.model import Address, JsonObject, JsonValue, Status
from reconciler.domain.ports import Decision, Result
from reconciler.state import rules
from reconciler.state.ledger import entries
from reconciler.state.writer import Writer

_T = TypeVar("_T")
_BATCH = 1000  # rows of one ledger entry, because entries are read one by one


class FactWriter(Writer):
    """Implements ``facts.FactStore``."""

    def pause(self, run_id: str, plan: str | None, reason: str, at: datetime) -> None:
        with self._transaction(counts=False):
            self._write(EntryKind.PAUSED, run_id, at, {"plan": plan}, {"reason": reason})

    def resume(self, run_id: str, plan: str | None, reason: str | None, at: datetime) -> None:
        with self._transaction(counts=False):
            rules.check_resume(plan, [pause.plan for pause in self.pauses()])
            self._write(EntryKind.RESUMED, run_id, at, {"plan": plan}, {"reason": reason})

    def note_conflicts(self, run_id: str, conflicts: Collection[Conflict], at: datetime) -> None:
        with self._transaction(counts=False):
            recorded = self.conflicts()
            for item in conflicts:
                ids = sorted(map(rules.encodable, item.call_ids))
                before = recorded.get(item.address)
                if before is None or (list(before.call_ids), before.target) != (ids, item.target):
                    person = entries.pseudonym(self._key, item.target)
                    texts = {"person": person, "message": rules.encodable(item.message)}
                    content: JsonObject = {"address": str(item.address), "call_ids": [*ids]}
                    self._write(EntryKind.CONFLICT, run_id, at, content, texts, {"target": item.target})

    def end_conflicts(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        with self._transaction(counts=False):
            self._end_conflicts(run_id, addresses, why, at)

    def _end_conflicts(self, run_id: str, addresses: Iterable[Address], why: str, at: datetime) -> None:
        """Inside a transaction. Addresses without a conflict are skipped."""
        self._end(EntryKind.CONFLICT_ENDED, run_id, self.conflicts().keys() & set(addresses), why, at)

    def _end(self, kind: EntryKind, run_id: str, addresses: Iterable[Address], why: str, at: datetime) -> None:
        for some in _batches(sorted(addresses)):
            self._write(kind, run_id, at, {"addresses": [*map(str, some)], "why": why})

    def _end_placed(self, run_id: str, placed: Sequence[Result | Decision]) -> None:
        """Inside a transaction: a placed call has no conflict any more."""
        if placed:
            self._end_conflicts(run_id, [item.address for item in placed], "placed", placed[-1].at)

    def _end_decided(self, run_id: str, decisions: Sequence[Decision]) -> None:
        """Inside a transaction: end the conflicts that a person decided."""
        self._end_placed(run_id, [item for item in decisions if item.status is Status.PLACED])
        if distinct := [item for item in decisions if item.distinct]:
            self._end_conflicts(run_id, [item.address for item in distinct], "distinct", distinct[-1].at)

    def approve(self, run_id: str, approvals: Collection[RowApproval], at: datetime) -> None:
        with self._transaction(counts=False):
            recorded = self.approved()
            new: defaultdict[tuple[str, str | None], list[RowApproval]] = defaultdict(list)
            for item in approvals:
                before = recorded.get(item.address)
                if before is None or _reviewed(before) != _reviewed(item):
                    new[item.plan_id, item.commit].append(item)
            for (plan_id, commit), items in new.items():
                for some in _batches(items):
                    rows: list[JsonValue] = [[str(item.address), item.content] for item in some]
                    content: JsonObject = {"plan_id": plan_id, "commit": commit, "rows": rows}
                    self._write(EntryKind.APPROVED, run_id, at, content)

    def end_approvals(self, run_id: str, addresses: Collection[Address], why: str, at: datetime) -> None:
        with self._transaction(counts=False):
            self._end(EntryKind.APPROVAL_ENDED, run_id, self.approved().keys() & set(addresses), why, at)

    def note_commit(self, run_id: str, commit: str, at: datetime, reason: str | None = None) -> None:
        with self._transaction(counts=False):
            latest = self.applied_commits()[:1]
            if reason is not None or not latest or latest[0].commit != commit:
                self._write(EntryKind.APPLIED_FROM, run_id, at, {"commit": commit}, {"reason": reason})

    def note_fact(self, run_id: str, fact: ServiceFact, at: datetime) -> None:
        with self._transaction(counts=False):
            content = {"service": fact.service, "name": fact.name, "verdict": fact.verdict.value}
            self._write(EntryKind.OBSERVED, run_id, at, {**content, "evidence": fact.evidence})

    def note_to_stop(self, run_id: str, addresses: Collection[Address], at: datetime) -> None:
        with self._transaction(counts=False):
            before, now = self.to_stop_known(), frozenset(addresses)
            for some in _batches(sorted(now - before)):
                self._write(EntryKind.TO_STOP, run_id, at, {"new": [*map(str, some)], "over": []})
            for some in _batches(sorted(before - now)):
                self._write(EntryKind.TO_STOP, run_id, at, {"new": [], "over": [*map(str, some)]})


def _reviewed(approval: RowApproval) -> tuple[str, str, str | None]:
    return (approval.content, approval.plan_id, approval.commit)


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
