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
from reconciler.planning.guards.registry import PLACED_CODES, ask_placed, strictness_of
from reconciler.planning.guards.words import Candidate, Finding, Scene

_PERSON = frozenset({"G010"})
_CONTENT = _PERSON | {"G015"}
_WITHOUT_ROW = _CONTENT | {"G001"}  # the zone that only its row may have named is not known any more
_TOGETHER = 1000
_LISTED = frozenset({Action.FORBIDDEN, Action.REMOVED, Action.CHANGED})


class Judged(Record, frozen=True):
    """A change; ``entry`` is its call where that is still ahead, ``row`` the row that it has.

    ``objections`` is what guards say against the call.
    """

    change: Change
    entry: Entry | None = None
    row: Row | None = None
    objections: str | None = None


class PlacedCalls:
    """Judges calls that are placed and still ahead by the guards that bind placed calls too.

    ``complete`` says that every row could be read: then a call without a row has none. ``codes`` are the guards
    that bind placed calls; without any, nothing is forbidden.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._scene = Scene(context.now, context.policy, (), context.view, context.people)
        policy = context.policy
        self.codes = frozenset(code for code in PLACED_CODES if strictness_of(code, policy) is Strictness.ERROR)

    def judged(self, items: Iterable[Judged]) -> Iterator[Judged]:
        """The same, each change of a call that must not ring made ``forbidden``."""
        waiting = iter(items)
        while batch := list(islice(waiting, _TOGETHER)):
            findings = self._findings(batch)
            for item in batch:
                found = findings.get(item.change.address)
                yield item if found is None else _forbidden(item, found)

    def to_stop(self, item: Judged) -> CallToStop | None:
        """The call as one to stop by hand; None where it is none, or a person lets it ring."""
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

    def _findings(self, batch: Iterable[Judged]) -> dict[Address, list[Finding]]:
        """What guards object to each call that is ahead. None of them sees more than one call at a time."""
        asked: defaultdict[frozenset[str], list[Candidate]] = defaultdict(list)
        for item in batch if self.codes else ():
            call = self._call(item)
            if item.entry is not None and call is not None:
                asked[self._codes_for(item.entry, call, item.row)].append(_candidate(item, item.entry, call))
        found: defaultdict[Address, list[Finding]] = defaultdict(list)
        for codes, candidates in asked.items():
            for finding in ask_placed(candidates, self._scene, codes):
                address = finding.objection.address
                if address is not None and finding.code not in self._context.overridden.get(address, ()):
                    found[address].append(finding)
        return found

    def _codes_for(self, entry: Entry, call: Call, row: Row | None) -> frozenset[str]:
        """The guards that can judge what is known of a call."""
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


def _forbidden(item: Judged, findings: list[Finding]) -> Judged:
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
    )
    return Judged(change, item.entry, item.row, why)
