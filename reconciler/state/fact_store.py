"""Writing what a state keeps besides calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TypeVar

from reconciler.domain.facts import Conflict, RowApproval, ServiceFact
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Result
from reconciler.state import rules
from reconciler.state.ledger import notes
from reconciler.state.writer import Writer

_T = TypeVar("_T")
_A_BATCH = 1000  # rows of one ledger entry: entries are read one by one


class FactWriter(Writer):
    """What ``facts.FactStore`` promises."""

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
                    self._write(note, {"target": item.target})

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
