"""Placed calls that a guard would block today, and the list of calls to stop by hand. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

from reconciler.domain.blinding import is_partial
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address, Call, Entry, Row
from reconciler.domain.plan import Action, CallToStop, Change
from reconciler.domain.times import UNKNOWN_TIME
from reconciler.planning import reasons
from reconciler.planning.context import Context
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.planning.guards.registry import GUARDS, PLACED_CODES, is_blocking, run_guards
from reconciler.planning.row_judge import with_shown_call

_PERSON = frozenset({"G010"})
_CONTENT = _PERSON | {"G015"}
_WITHOUT_ROW = _CONTENT | {"G001"}  # called_timezone is known only from the row
_BATCH = 1000  # each guard prepares its rules once for a batch
_MAY_RING = frozenset({Action.UNCHANGED, Action.CHANGED, Action.REMOVED})
_LISTED = frozenset({Action.FORBIDDEN, Action.REMOVED, Action.CHANGED})

_T = TypeVar("_T")
_Pending: TypeAlias = tuple[Entry, Row | None]


class PlacedCalls:
    """Checks placed calls that have not rung yet with the guards that apply to placed calls too.

    ``codes`` are these guards, if they block; without any, no call is forbidden. ``entries`` has the placed calls.
    """

    def __init__(self, context: Context, entries: EntryIndex | None = None) -> None:
        self._context = context
        self._scene = GuardInput(context.now, context.policy, (), context.view, context.people)
        self._entries = EntryIndex() if entries is None else entries
        self.codes = frozenset(code for code in PLACED_CODES if is_blocking(code, context.policy))

    def check(self, changes: Iterable[tuple[Change, Row | None]]) -> Iterator[tuple[Change, CallToStop | None]]:
        """The same changes, of which those of calls that must not ring become ``forbidden``.

        Each comes with its row, and is returned with the call to stop by hand, if there is one.
        """
        for batch in _batches(changes):
            pending = {change.address: (entry, row) for change, row in batch if (entry := self._pending(change))}
            findings = self._findings(pending.values())
            for change, _ in batch:
                if pending and change.address in pending:
                    yield self._checked(change, *pending[change.address], findings.get(change.address, ()))
                else:
                    yield change, None

    def forbidden(self, entries: Iterable[Entry]) -> Iterator[Address]:
        """The addresses of the pending calls that must not ring, as far as this shows without their rows."""
        for batch in _batches(entries):
            yield from self._findings((entry, None) for entry in batch)

    def _pending(self, change: Change) -> Entry | None:
        """The placed call of a change, if it has not rung yet and may have to be stopped."""
        if change.action not in _MAY_RING or (change.action is Action.UNCHANGED and not self.codes):
            return None
        entry = self._entries.get(change.address)
        return entry if entry is not None and entry.will_ring(self._context.now) else None

    def _findings(self, pending: Iterable[_Pending]) -> dict[Address, list[GuardFinding]]:
        """What guards object to in each pending call. Each guard judges every call on its own."""
        candidates: defaultdict[frozenset[str], list[Candidate]] = defaultdict(list)
        for entry, row in pending if self.codes else ():
            call = self._call(entry, row)
            if call is not None:
                candidates[self._codes_for(entry, call, row)].append(_candidate(entry, call, row))
        findings: defaultdict[Address, list[GuardFinding]] = defaultdict(list)
        for codes, calls in candidates.items():
            for finding in run_guards(calls, self._scene, [guard for guard in GUARDS if guard.code in codes]):
                address = finding.address
                if address is not None and finding.code not in self._context.overridden.get(address, ()):
                    findings[address].append(finding)
        return findings

    def _codes_for(self, entry: Entry, call: Call, row: Row | None) -> frozenset[str]:
        """The guards that can judge a call from what is known about it."""
        if is_partial(call) or entry.rings_at == UNKNOWN_TIME:
            return self.codes & _PERSON
        if row is None:  # which shows that it was removed only if every row could be read
            return self.codes & (_WITHOUT_ROW if self._context.complete else _CONTENT)
        return self.codes

    def _call(self, entry: Entry, row: Row | None) -> Call | None:
        return self._context.view.placed(entry, None if row is None else row.call)

    def _checked(
        self, change: Change, entry: Entry, row: Row | None, findings: Sequence[GuardFinding]
    ) -> tuple[Change, CallToStop | None]:
        objections = "; ".join(finding.message for finding in findings)
        if objections:
            codes = tuple(dict.fromkeys(finding.code for finding in findings))
            reason = reasons.forbidden(entry, change, codes, objections)
            change = reasons.with_reason(change, Action.FORBIDDEN, reason)
            change = with_shown_call(change, None if row is None else row.call)
        if entry.let_ring_at is not None or change.action not in _LISTED:
            return change, None
        call = self._call(entry, row)
        return change, CallToStop(
            address=change.address,
            action=change.action,
            reasons=change.reasons,
            why=reasons.why_stop(change.reasons, objections),
            rings_at=entry.rings_at,
            timezone="UTC" if call is None or call.schedule is None else call.schedule.timezone,
            call_id=entry.call_id,
            target=None if call is None else call.target,
            private=change.private,
            shown_call=call,
        )


def _candidate(entry: Entry, call: Call, row: Row | None) -> Candidate:
    return Candidate(
        address=entry.address,
        call=call,
        action=Action.CREATE,
        rings_at=entry.rings_at,
        scheduled=True,
        called_timezone=None if row is None else row.called_timezone,
    )


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    waiting = iter(items)
    while batch := list(islice(waiting, _BATCH)):
        yield batch
