"""Decide the action for one row."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.entries import EntryIndex
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Address, Call, Diagnostic, Entry, Row, Status
from reconciler.domain.plan import Action, CallToStop, Change
from reconciler.domain.sensitive import parts_in
from reconciler.domain.times import passed, ring_time
from reconciler.planning import reasons
from reconciler.planning.context import Context
from reconciler.planning.duplicates import Duplicates
from reconciler.planning.guards.timing import place_from
from reconciler.planning.reasons import Reason, with_reason

MAX_REJECTIONS = 2


@dataclass(slots=True)
class DiffTrace:
    """Side results of the diff: positions of the entries that have rows, the highest revision of each key known to
    the state (if above 1), diagnostics, the plans, the calls to stop, and for each row that is blocked as the same
    call the positions of the entries that it matches.
    """

    places: array[int] = field(default_factory=lambda: array("I"))
    latest: dict[tuple[str, str], int] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    plans: set[str] = field(default_factory=set)
    duplicates: dict[Address, list[int]] = field(default_factory=dict)
    to_stop: list[CallToStop] = field(default_factory=list)

    def add(self, more: DiffTrace) -> None:
        """Add the side results for the following rows."""
        self.plans |= more.plans
        self.duplicates |= more.duplicates
        self.to_stop += more.to_stop
        self.places += more.places
        for name, revision in more.latest.items():
            self.latest[name] = max(revision, self.latest.get(name, 0))
        self.diagnostics += more.diagnostics


class RowJudge:
    """Decides the action for rows. ``trace`` receives the side results. Calls to place get no requests here."""

    def __init__(
        self, known: EntryIndex, duplicates: Duplicates, context: Context, moved: Mapping[Address, Address]
    ) -> None:
        self._known = known
        self._duplicates = duplicates
        self._context = context
        self._moved = moved
        self.trace = DiffTrace()

    def judge(self, row: Row) -> Change:
        """The change of a row."""
        named = self._known.named(row.address) if self._known else []
        change = with_shown_call(self._judge_row(row, named), row.call)
        calls = [entry.call for _, entry in named]
        if self.trace.duplicates:
            calls += [self._known.item(place).call for place in self.trace.duplicates.get(row.address, ())[:1]]
        old = self._moved.get(row.address) if self._moved else None
        return with_private(change, [row.call, *calls] if change.call is None else calls, old)

    def _judge_row(self, row: Row, named: Sequence[tuple[int, Entry]]) -> Change:
        digest = identity.digest(row.call)
        change = Change(row.address, Action.CREATE, digest, row.source, scheduled_at=row.rings_at)
        entry = self._match_entry(row.address, named)
        if entry is not None and entry.unknown:
            return with_reason(change, Action.UNCERTAIN, reasons.uncertain(entry))
        if entry is not None and entry.placed:
            return self._judge_placed(row, entry, change)
        return self._judge_absent(row, entry, [other for _, other in named if other is not entry], change)

    def _judge_placed(self, row: Row, entry: Entry, change: Change) -> Change:
        now = self._context.now
        if not row.enabled:
            if entry.will_ring(now):
                return with_reason(change, Action.REMOVED, reasons.removed(entry, "disabled"))
            return with_reason(change, Action.UNCHANGED, reasons.over(entry))
        if self._same(entry, change):
            return with_reason(change, Action.UNCHANGED, reasons.unchanged(entry))
        change = structs.replace(change, diff=self._context.view.diff(entry, row.call))
        if entry.will_ring(now):
            return with_reason(change, Action.CHANGED, reasons.changed_pending(entry))
        if ring_time(row.rings_at, row.call.delay_minutes, entry.attempted_at) <= now:
            return with_reason(change, Action.CHANGED, reasons.changed_past(entry))
        if entry.stopped_at is not None:
            return with_reason(change, Action.CHANGED, reasons.changed_stopped(entry))
        self.trace.diagnostics.append(reasons.new_occurrence(row, entry))
        return with_reason(change, Action.CHANGED, reasons.changed_rang(entry))

    def _judge_absent(self, row: Row, entry: Entry | None, others: Sequence[Entry], change: Change) -> Change:
        if not row.enabled:
            return with_reason(change, Action.HELD, reasons.DISABLED)
        conflict = self._context.find_conflict(row.address, row.call)
        if conflict is not None:
            return _to_place(change, row, Action.CONFLICT, reasons.conflict(conflict))
        expiry = passed(row.rings_at, row.place_by, self._context.now)
        if expiry is not None:
            recorded = entry is not None and entry.status is Status.MISSED and self._same(entry, change)
            why = reasons.expired(expiry, _timezone(row), recorded=recorded)
            return _with_call(change, row, Action.EXPIRED, why)
        obstacle = self._obstacle(row, others, change.digest)
        if obstacle is not None:
            return with_reason(change, Action.BLOCKED, obstacle)
        refused = entry is not None and entry.rejections >= MAX_REJECTIONS and self._same(entry, change)
        retry = self._context.retry_failed or row.address in self._context.retried
        if entry is not None and refused and not retry:
            return with_reason(change, Action.HELD, reasons.rejected_twice(entry))
        later = place_from(row.rings_at, self._context.policy.place_within, self._context.now)
        if later is not None:
            return _to_place(change, row, Action.WAITING, reasons.waiting(later, _timezone(row)))
        return _to_place(change, row, Action.CREATE, reasons.create(entry, retried=refused))

    def _same(self, entry: Entry, change: Change) -> bool:
        """Whether the row of ``change`` requests exactly the call of ``entry``."""
        return entry.digest == self._context.view.digest(change.digest)

    def _obstacle(self, row: Row, others: Sequence[Entry], digest: str) -> Reason | None:
        """Why the row cannot be placed: ``others``, the entries of its key in other revisions, or the same call
        elsewhere.
        """
        for other in others:
            if other.address.revision > row.address.revision and (other.placed or other.unknown):
                return reasons.revision_lowered(other)
            if other.address.revision < row.address.revision:
                if other.unknown:
                    return reasons.earlier_uncertain(other)
                if other.will_ring(self._context.now):
                    return reasons.earlier_pending(other)
        duplicates = [] if row.distinct else self._duplicates.find(row, digest, self._context.now)
        if not duplicates:
            return None
        self.trace.duplicates[row.address] = duplicates
        return reasons.same_call(row, self._known.item(duplicates[0]))

    def _match_entry(self, address: Address, named: Sequence[tuple[int, Entry]]) -> Entry | None:
        """The entry with this address, among those with its key."""
        self.trace.plans.add(address.plan)
        if named and address.revision > 1:
            name = (address.plan, address.key)
            self.trace.latest[name] = max(address.revision, self.trace.latest.get(name, 0))
        for place, entry in named:
            if entry.address.revision == address.revision:
                self.trace.places.append(place)
                return entry
        return None


def with_private(change: Change, calls: Sequence[Call], old: Address | None = None) -> Change:
    """Set ``private``: the personal values of these calls that occur in the key, in ``old`` or in the message."""
    values = dict.fromkeys(value for call in calls for value in personal_values(call)) if calls else ()
    if not values:
        return change
    private = parts_in(f"{change.address.key}\n{old or ''}\n{change.message or ''}", values)
    return structs.replace(change, private=private) if private else change


def with_shown_call(change: Change, call: Call | None) -> Change:
    """Set ``shown_call``, except where the change has its call, or is unchanged and is only counted."""
    if call is None or change.call is not None or change.action is Action.UNCHANGED:
        return change
    return structs.replace(change, shown_call=call)


def _to_place(change: Change, row: Row, action: Action, why: Reason) -> Change:
    """The change with what is needed to place the call, now or later."""
    return _with_call(change, row, action, why, distinct=row.distinct)


def _with_call(change: Change, row: Row, action: Action, why: Reason, **fields: Any) -> Change:
    return with_reason(
        change,
        action,
        why,
        call=row.call,
        place_by=row.place_by,
        called_timezone=row.called_timezone,
        **fields,
    )


def _timezone(row: Row) -> str:
    return row.call.schedule.timezone if row.call.schedule is not None else "UTC"
