"""G012-G014: how often one person is called, counting the calls of the files and those of the state.

Calls are checked in the order in which they ring, ties by address. Each one is compared with the calls in the
state and with the earlier calls that passed the check.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import TypeAlias

from reconciler.domain.model import Address, Entry
from reconciler.domain.persons import PersonIndex, Persons
from reconciler.domain.times import exact_span
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.planning.guards.zones import clocks, format_local, local

Ring: TypeAlias = tuple[datetime, Address]
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Rule:
    """At most ``limit`` calls in one ``period``; ``period_key`` maps a local time to its period."""

    period: str
    limit: int
    period_key: Callable[[datetime], Hashable]


class _Diary:
    """The calls to one person in the order in which they ring, and by period in each queried time zone."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self._pages: dict[tuple[str, tzinfo], dict[Hashable, list[Ring]]] = {}
        self._rules: dict[str, _Rule] = {}

    def add(self, ring: Ring) -> None:
        insort(self.rings, ring)
        for (period, clock), pages in self._pages.items():
            pages[self._rules[period].period_key(local(ring[0], clock))].append(ring)

    def page(self, rule: _Rule, moment: datetime, clock: tzinfo) -> Sequence[Ring]:
        """The calls in the period of ``moment``."""
        if len(self.rings) < rule.limit:
            return ()
        if (rule.period, clock) not in self._pages:
            pages: dict[Hashable, list[Ring]] = defaultdict(list)
            for ring in self.rings:
                pages[rule.period_key(local(ring[0], clock))].append(ring)
            self._rules[rule.period] = rule
            self._pages[rule.period, clock] = pages
        return self._pages[rule.period, clock].get(rule.period_key(local(moment, clock)), ())

    def nearest(self, ring: Ring) -> Ring | None:
        """The call that rings closest to the given one; of two equally close ones, the earlier."""
        at = bisect(self.rings, ring)
        return min(self.rings[max(at - 1, 0) : at + 1], key=lambda other: abs(ring[0] - other[0]), default=None)


def check_days_and_weeks(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call beyond the number that a person may get in one local day or ISO week."""
    limits = scene.policy.per_person
    if limits is None:
        return
    rules: list[_Rule] = []
    if limits.per_day is not None:
        rules.append(_Rule("day", limits.per_day, datetime.date))
    if limits.per_week is not None:
        rules.append(_Rule("week", limits.per_week, lambda moment: moment.isocalendar()[:2]))

    def judge(item: Candidate, diary: _Diary) -> str | None:
        zones = clocks(item)
        for rule in rules:
            for clock in zones:
                others = diary.page(rule, item.rings_at, clock)
                if len(others) >= rule.limit:
                    return _crowded(item, rule, others, zone_known=len(zones) == 1)
        return None

    yield from _in_order(candidates, scene, judge)


def _crowded(item: Candidate, rule: _Rule, others: Sequence[Ring], *, zone_known: bool) -> str:
    shown = ", ".join(str(address) for _, address in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    zone = "" if zone_known else " (possibly: the person's time zone is unknown)"
    return (
        f"it would ring at {format_local(item)}, call {len(others) + 1} to this person in one "
        f"{rule.period}{zone}; per_person.per_{rule.period} allows {rule.limit}. Other calls: {shown}{more}"
    )


def check_gap(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call that rings less than ``min_gap`` before or after another call to the same person."""
    limits = scene.policy.per_person
    if limits is not None and limits.min_gap is not None:
        yield from _too_near(candidates, scene, limits.min_gap, "per_person.min_gap requires")


def check_overlap(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call that rings while another call to the same person may still be in progress."""
    limits = scene.policy.per_person
    if limits is not None:
        words = "the calls may overlap: per_person.call_length is"
        yield from _too_near(candidates, scene, limits.call_length, words)


def _too_near(
    candidates: Sequence[Candidate], scene: GuardInput, least: timedelta, words: str
) -> Iterator[GuardFinding]:
    def judge(item: Candidate, diary: _Diary) -> str | None:
        other = diary.nearest((item.rings_at, item.address))
        if other is None or abs(item.rings_at - other[0]) >= least:
            return None
        away = exact_span(abs(item.rings_at - other[0]))
        order = "after" if other[0] <= item.rings_at else "before"
        apart = f"{away} {order}" if other[0] != item.rings_at else "at the same moment as"
        at = format_local(item)
        return f"it would ring at {at}, {apart} {other[1]} to the same person; {words} {exact_span(least)}"

    return _in_order(candidates, scene, judge)


def _in_order(
    candidates: Sequence[Candidate], scene: GuardInput, judge: Callable[[Candidate, _Diary], str | None]
) -> Iterator[GuardFinding]:
    """Apply ``judge`` to each call whose person gets another call as well."""
    persons = Persons(scene.people, scene.view, (item.call.target for item in candidates))
    reached = [persons.names(item.call.target)[0] for item in candidates]
    called: PersonIndex[str] = PersonIndex(persons)
    for name in reached:
        called.add(name, name)
    calls = Counter(chain.from_iterable(map(called.matches, reached)))
    diaries: defaultdict[str, _Diary] = defaultdict(_Diary)
    for entry in scene.entries:
        for name in called.matches(entry.call.target) if _counts(entry) else ():
            diaries[name].add((entry.rings_at, entry.address))
    repeated = (
        (item, name) for item, name in zip(candidates, reached, strict=True) if calls[name] > 1 or name in diaries
    )
    for item, own in sorted(repeated, key=lambda pair: (pair[0].rings_at, pair[0].address)):
        message = judge(item, diaries[own])
        if message is not None:
            yield GuardFinding(item.address, message)
            continue
        for name in called.matches(own):
            diaries[name].add((item.rings_at, item.address))


def _counts(entry: Entry) -> bool:
    """Whether the person was, will be or may have been called: false only for a call that was stopped before it
    rang.
    """
    stopped = entry.stopped_at is not None and entry.stopped_at < entry.rings_at
    return entry.unknown or (entry.placed and not stopped)
