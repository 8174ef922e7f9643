"""G012-G014: how often one person is called. Calls of the files and of the state count alike.

Who rings first keeps the place: calls are taken in the order in which they ring, ties by address, and each is held
against what the state has and against those before it that met no objection.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import chain
from typing import TypeAlias

from reconciler.domain.model import Address
from reconciler.domain.times import exact_span
from reconciler.planning.guards.persons import Persons, clocks, counts, local, tell_local
from reconciler.planning.guards.words import Candidate, Objection, Scene

Ring: TypeAlias = tuple[datetime, Address]
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Rule:
    """``limit`` calls in one ``period``, which is named by what ``of`` makes of a local time."""

    period: str
    limit: int
    of: Callable[[datetime], Hashable]


class _Diary:
    """The calls of one person, in the order in which they ring, and by period on each clock that was asked for."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self._pages: dict[tuple[str, tzinfo], dict[Hashable, list[Ring]]] = {}
        self._rules: dict[str, _Rule] = {}

    def add(self, ring: Ring) -> None:
        insort(self.rings, ring)
        for (period, clock), pages in self._pages.items():
            pages[self._rules[period].of(local(ring[0], clock))].append(ring)

    def page(self, rule: _Rule, moment: datetime, clock: tzinfo) -> Sequence[Ring]:
        """The calls of the period in which ``moment`` lies."""
        if len(self.rings) < rule.limit:
            return ()
        if (rule.period, clock) not in self._pages:
            pages: dict[Hashable, list[Ring]] = defaultdict(list)
            for ring in self.rings:
                pages[rule.of(local(ring[0], clock))].append(ring)
            self._rules[rule.period] = rule
            self._pages[rule.period, clock] = pages
        return self._pages[rule.period, clock].get(rule.of(local(moment, clock)), ())

    def nearest(self, ring: Ring) -> Ring | None:
        """The call that rings closest to another, the earlier one of two."""
        at = bisect(self.rings, ring)
        return min(self.rings[max(at - 1, 0) : at + 1], key=lambda other: abs(ring[0] - other[0]), default=None)


def check_days_and_weeks(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection to each call beyond what a person may get in one of their days or ISO weeks."""
    limits = scene.policy.per_person
    if limits is None:
        return
    rules: list[_Rule] = []
    if limits.per_day is not None:
        rules.append(_Rule("day", limits.per_day, datetime.date))
    if limits.per_week is not None:
        rules.append(_Rule("week", limits.per_week, lambda moment: moment.isocalendar()[:2]))

    def judge(item: Candidate, diary: _Diary) -> str | None:
        where = clocks(item)
        for rule in rules:
            for clock in where:
                others = diary.page(rule, item.rings_at, clock)
                if len(others) >= rule.limit:
                    return _crowded(item, rule, others, known=len(where) == 1)
        return None

    yield from _in_order(candidates, scene, judge)


def _crowded(item: Candidate, rule: _Rule, others: Sequence[Ring], *, known: bool) -> str:
    shown = ", ".join(str(address) for _, address in others[:_SHOWN])
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    zone = "" if known else " (the person's time zone is not known, so it may be)"
    return (
        f"it would ring at {tell_local(item)}, call {len(others) + 1} to this person in one "
        f"{rule.period}{zone}; per_person.per_{rule.period} allows {rule.limit}. Besides it: {shown}{more}"
    )


def check_gap(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection to each call that rings less than ``min_gap`` away from another one to the same person."""
    limits = scene.policy.per_person
    if limits is not None and limits.min_gap is not None:
        yield from _too_near(candidates, scene, limits.min_gap, "per_person.min_gap asks for")


def check_overlap(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection to each call that rings while another one to the same person may still be on the line."""
    limits = scene.policy.per_person
    if limits is not None:
        words = "both may be on the line: per_person.call_length is"
        yield from _too_near(candidates, scene, limits.call_length, words)


def _too_near(candidates: Sequence[Candidate], scene: Scene, least: timedelta, words: str) -> Iterator[Objection]:
    def judge(item: Candidate, diary: _Diary) -> str | None:
        other = diary.nearest((item.rings_at, item.address))
        if other is None or abs(item.rings_at - other[0]) >= least:
            return None
        away = exact_span(abs(item.rings_at - other[0]))
        order = "after" if other[0] <= item.rings_at else "before"
        apart = f"{away} {order}" if other[0] != item.rings_at else "at the same moment as"
        at = tell_local(item)
        return f"it would ring at {at}, {apart} {other[1]} to the same person; {words} {exact_span(least)}"

    return _in_order(candidates, scene, judge)


def _in_order(
    candidates: Sequence[Candidate], scene: Scene, judge: Callable[[Candidate, _Diary], str | None]
) -> Iterator[Objection]:
    """What ``judge`` says of each call to a person who gets another one: limits allow one call."""
    persons = Persons(scene.people, scene.view, (item.call.target for item in candidates))
    reached = [persons.names(item.call.target)[0] for item in candidates]
    contacts = persons.with_number(reached)
    wanted = frozenset(reached)

    def shared(target: str) -> list[str]:
        """The persons among those reached whom a call to this target is counted for."""
        names = persons.names(target)
        return [name for name in {*names, *contacts.get(names[0], ())} if name in wanted]

    calls = Counter(chain.from_iterable(map(shared, reached)))
    diaries: defaultdict[str, _Diary] = defaultdict(_Diary)
    for entry in scene.entries:
        for name in shared(entry.call.target) if counts(entry) else ():
            diaries[name].add((entry.rings_at, entry.address))
    repeated = (
        (item, name) for item, name in zip(candidates, reached, strict=True) if calls[name] > 1 or name in diaries
    )
    for item, own in sorted(repeated, key=lambda pair: (pair[0].rings_at, pair[0].address)):
        message = judge(item, diaries[own])
        if message is not None:
            yield Objection(item.address, message)
            continue
        for name in shared(own):
            diaries[name].add((item.rings_at, item.address))
