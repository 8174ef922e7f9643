"""Placed calls that a guard would block today, and the list of calls to stop by hand. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import structs

from reconciler.domain.blinding import is_partial
from reconciler.domain.model import Address, Call, Entry, Record, Row
from reconciler.domain.plan import Action, CallToStop, Change
from reconciler.domain.policy import Strictness
from reconciler.domain.times import UNKNOWN_TIME
from reconciler.planning import explain
from reconciler.planning.context import Context
from reconciler.planning.guards.registry import PLACED_CODES, guard_strictness, run_for_placed
from reconciler.planning.guards.words import Candidate, GuardFinding, GuardInput

_PERSON = frozenset({"G010"})
_CONTENT = _PERSON | {"G015"}
_WITHOUT_ROW = _CONTENT | {"G001"}  # called_timezone is known only from the row
_TOGETHER = 1000
_LISTED = frozenset({Action.FORBIDDEN, Action.REMOVED, Action.CHANGED})


class Judged(Record, frozen=True):
    """A change. ``entry`` is its placed call if that has not rung yet, ``row`` its row.

    ``objections`` are what guards object to in the call.
    """

    change: Change
    entry: Entry | None = None
    row: Row | None = None
    objections: str | None = None


class PlacedCalls:
    """Checks placed calls that have not rung yet with the guards that apply to placed calls too.

    ``complete`` is true if every row could be read; only then does a missing row mean that it was removed.
    ``codes`` are the guards that apply to placed calls; without any, no call is forbidden.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scene = GuardInput(context.now, context.policy, (), context.view, context.people)
        policy = context.policy
        self.codes = frozenset(code for code in PLACED_CODES if guard_strictness(code, policy) is Strictness.ERROR)

    def judged(self, items: Iterable[Judged]) -> Iterator[Judged]:
        """The same items; the change of each call that must not ring becomes ``forbidden``."""
        waiting = iter(items)
        while batch := list(islice(waiting, _TOGETHER)):
            findings = self._findings(batch)
            for item in batch:
                found = findings.get(item.change.address)
                yield item if found is None else _forbidden(item, found)

    def to_stop(self, item: Judged) -> CallToStop | None:
        """The call as one to stop by hand; None if it need not be stopped, or if a person let it ring."""
        change, entry = item.change, item.entry
        if entry is None or entry.let_ring_at is not None or change.action not in _LISTED:
            return None
        call = self._call(item)
        return CallToStop(
            address=change.address,
            action=change.action,
            reasons=change.reasons,
            why=explain.why_stop(change.reasons, item.objections),
            rings_at=entry.rings_at,
            timezone="UTC" if call is None or call.schedule is None else call.schedule.timezone,
            call_id=entry.call_id,
            target=None if call is None else call.target,
            private=change.private,
        )

    def _call(self, item: Judged) -> Call | None:
        if item.entry is None:
            return None
        return self._context.view.placed(item.entry, None if item.row is None else item.row.call)

    def _findings(self, batch: Iterable[Judged]) -> dict[Address, list[GuardFinding]]:
        """What guards object to in each pending call. Each guard judges every call on its own."""
        asked: defaultdict[frozenset[str], list[Candidate]] = defaultdict(list)
        for item in batch if self.codes else ():
            call = self._call(item)
            if item.entry is not None and call is not None:
                asked[self._codes_for(item.entry, call, item.row)].append(_candidate(item, item.entry, call))
        found: defaultdict[Address, list[GuardFinding]] = defaultdict(list)
        for codes, candidates in asked.items():
            for finding in run_for_placed(candidates, self._scene, codes):
                address = finding.objection.address
                if address is not None and finding.code not in self._context.overridden.get(address, ()):
                    found[address].append(finding)
        return found

    def _codes_for(self, entry: Entry, call: Call, row: Row | None) -> frozenset[str]:
        """The guards that can judge a call from what is known about it."""
        if is_partial(call) or entry.rings_at == UNKNOWN_TIME:
            return self.codes & _PERSON
        if row is None:
            return self.codes & (_WITHOUT_ROW if self._context.complete else _CONTENT)
        return self.codes


def _candidate(item: Judged, entry: Entry, call: Call) -> Candidate:
    return Candidate(
        address=item.change.address,
        call=call,
        action=Action.CREATE,
        rings_at=entry.rings_at,
        scheduled=True,
        called_timezone=None if item.row is None else item.row.called_timezone,
    )


def _forbidden(item: Judged, findings: list[GuardFinding]) -> Judged:
    if item.entry is None:
        return item
    codes = tuple(dict.fromkeys(finding.code for finding in findings))
    why = "; ".join(finding.objection.message for finding in findings)
    reasons, said = explain.forbidden(item.entry, item.change, codes, why)
    change = structs.replace(
        item.change,
        action=Action.FORBIDDEN,
        reasons=reasons,
        message=explain.plain(said or ""),
        message_parts=said or None,
        shown_call=item.change.shown_call if item.row is None else item.row.call,
    )
    return Judged(change, item.entry, item.row, why)
