"""Decide the action for each row, and for each state entry that no row asks for any more."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import chain
from typing import Any

from msgspec import structs

from reconciler.bulk.spool import LazySequence, in_parts
from reconciler.domain import identity
from reconciler.domain.changes import ChangesPart, gathered, together
from reconciler.domain.facts import Conflict
from reconciler.domain.known import EntryIndex
from reconciler.domain.masking import personal_values
from reconciler.domain.model import Address, Call, Diagnostic, Entry, Row, Status
from reconciler.domain.plan import Action, CallToStop, Change, Changes
from reconciler.domain.sensitive import parts_in
from reconciler.domain.times import passed, ring_time
from reconciler.planning import explain
from reconciler.planning.context import Context
from reconciler.planning.forbidden import Judged, PlacedCalls
from reconciler.planning.guards.timing import place_from
from reconciler.planning.renames import renames
from reconciler.planning.twins import Duplicates

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
        self.plans |= more.plans
        self.duplicates |= more.duplicates
        self.to_stop += more.to_stop
        self.places += more.places
        for name, revision in more.latest.items():
            self.latest[name] = max(revision, self.latest.get(name, 0))
        self.diagnostics += more.diagnostics


class Judge:
    """Compares rows with the entries in ``known``. ``moved`` maps addresses to the ones they had before. ``trace``
    holds the side results once all rows were judged. The calls to place have no requests yet.
    """

    def __init__(self, known: EntryIndex, context: Context, moved: Mapping[Address, Address]) -> None:
        self.known = known
        self.context = context
        self._moved = moved
        self._duplicates = Duplicates(known, context.siblings, context.view, context.people)
        self._placed = PlacedCalls(context)
        self.trace = DiffTrace()

    def changes(self, rows: Sequence[Row]) -> Sequence[Change]:
        """The change of each row and of each entry without one, sorted by address. Each row is judged once.

        Rows on disk are sorted already.
        """
        if isinstance(rows, LazySequence):
            judged: Sequence[Change] = together(self._merged(in_parts(rows, self._part)))
        else:
            judged = gathered(self._changes(sorted(rows, key=_address)))
        judged = self._renamed(judged)
        vanished = self._vanished()
        first = next(vanished, None)
        return judged if first is None else gathered(merge(judged, chain([first], vanished), key=_address))

    @property
    def to_stop(self) -> tuple[CallToStop, ...]:
        """The calls to stop by hand, the soonest first. Complete once all changes were consumed."""
        return tuple(sorted(self.trace.to_stop, key=lambda call: (call.rings_at, call.address)))

    def _part(self, rows: Sequence[Row]) -> tuple[ChangesPart, DiffTrace]:
        """The changes of some of the rows, and their side results; runs in any process."""
        self.trace = trace = DiffTrace()
        return ChangesPart.from_changes(self._changes(rows)), trace

    def _changes(self, rows: Iterable[Row]) -> Iterator[Change]:
        for item in self._placed.judged(map(self._judge, rows)):
            self._list(item)
            yield item.change

    def _list(self, item: Judged) -> None:
        if (call := self._placed.to_stop(item)) is not None:
            self.trace.to_stop.append(call)

    def _merged(self, found: Iterable[tuple[ChangesPart, DiffTrace]]) -> Iterator[ChangesPart]:
        """Yield all parts and merge their side results; ``trace`` is complete at the end."""
        trace = DiffTrace()
        for part, more in found:
            trace.add(more)
            yield part
        self.trace = trace

    def _judge(self, row: Row) -> Judged:
        named = self.known.named(row.address) if self.known else []
        item = self._judge_row(row, named)
        item = _with_shown_call(item, row.call)
        calls = [entry.call for _, entry in named]
        calls += [self.known.item(place).call for place in self.trace.duplicates.get(row.address, ())[:1]]
        old = self._moved.get(row.address)
        return _with_private(item, [row.call, *calls] if item.change.call is None else calls, old)

    def _judge_row(self, row: Row, named: Sequence[tuple[int, Entry]]) -> Judged:
        digest = identity.digest(row.call)
        change = Change(row.address, Action.CREATE, digest, row.source, scheduled_at=row.rings_at)
        entry = self._match_entry(row.address, named)
        if entry is not None and entry.unknown:
            return Judged(_with(change, Action.UNCERTAIN, explain.uncertain(entry)))
        if entry is not None and entry.placed:
            ahead = entry if entry.will_ring(self.context.now) else None
            return Judged(self._judge_placed(row, entry, change), ahead, row)
        return Judged(self._judge_absent(row, entry, [other for _, other in named if other is not entry], change))

    def _judge_placed(self, row: Row, entry: Entry, change: Change) -> Change:
        now = self.context.now
        if not row.enabled:
            if entry.will_ring(now):
                return _with(change, Action.REMOVED, explain.removed(entry, "disabled"))
            return _with(change, Action.UNCHANGED, explain.over(entry))
        if self._same(entry, change):
            return _with(change, Action.UNCHANGED, explain.unchanged(entry))
        change = structs.replace(change, diff=self.context.view.diff(entry, row.call))
        if entry.will_ring(now):
            return _with(change, Action.CHANGED, explain.changed_pending(entry))
        if ring_time(row.rings_at, row.call.delay_minutes, entry.attempted_at) <= now:
            return _with(change, Action.CHANGED, explain.changed_past(entry))
        if entry.stopped_at is not None:
            return _with(change, Action.CHANGED, explain.changed_stopped(entry))
        self.trace.diagnostics.append(explain.new_occurrence(row, entry))
        return _with(change, Action.CHANGED, explain.changed_rang(entry))

    def _judge_absent(self, row: Row, entry: Entry | None, others: Sequence[Entry], change: Change) -> Change:
        if not row.enabled:
            return _with(change, Action.HELD, explain.DISABLED)
        conflict = find_conflict(row.address, row.call, self.context)
        if conflict is not None:
            return self._wanted(row, change, Action.CONFLICT, explain.conflict(conflict))
        expiry = passed(row.rings_at, row.place_by, self.context.now)
        if expiry is not None:
            recorded = entry is not None and entry.status is Status.MISSED and self._same(entry, change)
            change = structs.replace(
                change, call=row.call, place_by=row.place_by, called_timezone=row.called_timezone
            )
            return _with(change, Action.EXPIRED, explain.expired(expiry, _timezone(row), recorded=recorded))
        obstacle = self._obstacle(row, others, change.digest)
        if obstacle is not None:
            return _with(change, Action.BLOCKED, obstacle)
        refused = entry is not None and entry.rejections >= MAX_REJECTIONS and self._same(entry, change)
        retry = self.context.retry_failed or row.address in self.context.retried
        if entry is not None and refused and not retry:
            return _with(change, Action.HELD, explain.rejected_twice(entry))
        return self._create(row, change, explain.create(entry, retried=refused))

    def _same(self, entry: Entry, change: Change) -> bool:
        """Whether the row of ``change`` requests exactly the call of ``entry``."""
        return entry.digest == self.context.view.digest(change.digest)

    def _obstacle(self, row: Row, others: Sequence[Entry], digest: str) -> explain.Reasons | None:
        """Why the row cannot be placed: ``others``, the entries of its key in other revisions, or the same call
        elsewhere.
        """
        for other in others:
            if other.address.revision > row.address.revision and (other.placed or other.unknown):
                return explain.revision_lowered(other)
            if other.address.revision < row.address.revision:
                if other.unknown:
                    return explain.earlier_uncertain(other)
                if other.will_ring(self.context.now):
                    return explain.earlier_pending(other)
        duplicates = [] if row.distinct else self._duplicates.find(row, digest, self.context.now)
        if not duplicates:
            return None
        self.trace.duplicates[row.address] = duplicates
        return explain.same_call(row, self.known.item(duplicates[0]))

    def _create(self, row: Row, change: Change, why: explain.Reasons) -> Change:
        action = Action.CREATE
        later = place_from(row.rings_at, self.context.policy.place_within, self.context.now)
        if later is not None:
            action, why = Action.WAITING, explain.waiting(later, _timezone(row))
        return self._wanted(row, change, action, why)

    @staticmethod
    def _wanted(row: Row, change: Change, action: Action, why: explain.Reasons) -> Change:
        """Add what is needed to place the call, now or later."""
        return _with(
            change,
            action,
            why,
            call=row.call,
            place_by=row.place_by,
            called_timezone=row.called_timezone,
            distinct=row.distinct,
        )

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

    def _renamed(self, judged: Sequence[Change]) -> Sequence[Change]:
        """Add to each change that is blocked as the same call how to declare the rename."""
        told = renames(self.known, self.trace.duplicates, self._has_row(), self.trace.plans, self.context)
        if not told:
            return judged

        def renamed(change: Change) -> Change:
            why = told.get(change.address)
            return change if why is None else _with(change, Action.BLOCKED, why)

        return judged.mapped(renamed) if isinstance(judged, Changes) else tuple(map(renamed, judged))

    def _has_row(self) -> bytearray:
        """For each entry, whether a row was seen for it."""
        there = bytearray(len(self.known))
        for place in self.trace.places:
            there[place] = 1
        return there

    def _vanished(self) -> Iterator[Change]:
        """Entries without a row, in their order: those that will still ring, and those with an unknown outcome. A
        call that a row seems to be renamed from need not be stopped, unless a guard forbids it.
        """
        renamed = {self.known.item(place).address for places in self.trace.duplicates.values() for place in places}
        for item in self._placed.judged(self._without_row()):
            kept = self.context.complete and item.change.address not in renamed
            if item.change.action is not Action.REMOVED or kept:
                self._list(item)
                yield item.change

    def _without_row(self) -> Iterator[Judged]:
        scope = self.context.scope
        for entry, there in zip(self.known, self._has_row(), strict=True):
            address = entry.address
            if there or (scope is not None and address.plan not in scope):
                continue
            change = Change(address, Action.UNCERTAIN, entry.digest, scheduled_at=_scheduled(entry))
            if entry.unknown:
                item = Judged(_with(change, Action.UNCERTAIN, explain.uncertain(entry)))
                yield self._of_state(item, entry)
            elif entry.will_ring(self.context.now):
                superseded = self.trace.latest.get((address.plan, address.key), 0) > address.revision
                why = explain.removed(entry, "superseded" if superseded else "no-row")
                yield self._of_state(Judged(_with(change, Action.REMOVED, why), entry), entry)

    def _of_state(self, item: Judged, entry: Entry) -> Judged:
        """Add what is known of the call of an entry without a row."""
        item = _with_shown_call(item, self.context.view.placed(entry, None))
        return _with_private(item, [entry.call])


def _with_shown_call(item: Judged, call: Call | None) -> Judged:
    """Set ``shown_call``, except where the change has its call, or is unchanged and is only counted."""
    change = item.change
    if call is None or change.call is not None or change.action is Action.UNCHANGED:
        return item
    return structs.replace(item, change=structs.replace(change, shown_call=call))


def _with_private(item: Judged, calls: Sequence[Call], old: Address | None = None) -> Judged:
    """Set ``private``: the personal values of these calls that occur in the key, in ``old`` or in the message."""
    change = item.change
    text = f"{change.address.key}\n{old or ''}\n{change.message or ''}"
    private = parts_in(text, dict.fromkeys(value for call in calls for value in personal_values(call)))
    return structs.replace(item, change=structs.replace(change, private=private)) if private else item


def find_conflict(address: Address, call: Call, context: Context) -> Conflict | None:
    """The recorded conflict of a row. It no longer applies once the row certainly calls another person."""
    conflict = context.conflicts.get(address)
    if conflict is None:
        return None
    wanted = {context.view.target(name) for name in context.people.names(call.target)}
    same = not wanted.isdisjoint(context.people.names(conflict.target))
    return conflict if same else None


def _address(item: Row | Change) -> Address:
    return item.address


def _scheduled(entry: Entry) -> datetime | None:
    return entry.rings_at if entry.call.schedule is not None else None


def _timezone(row: Row) -> str:
    return row.call.schedule.timezone if row.call.schedule is not None else "UTC"


def _with(change: Change, action: Action, why: explain.Reasons, **fields: Any) -> Change:  # fields of a Change
    codes, said = why
    if said is None or isinstance(said, str):
        return structs.replace(change, action=action, reasons=codes, message=said, **fields)
    return structs.replace(
        change, action=action, reasons=codes, message=explain.plain(said), message_parts=said, **fields
    )
