"""The changes of a plan, with an index by action and ring time; on disk if they are many."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import compress, islice
from operator import le

from msgspec import structs

from reconciler.bulk.spool import LazySequence, MappedView, Packed, SpooledList, Subset
from reconciler.domain.plan import Action, Change

_NUMBERS = {action: number for number, action in enumerate(Action)}


_SORTED_TOGETHER = 50_000  # positions: sorting takes about 70 bytes for each, and an array keeps 8
_AT_ONCE = -1e12  # before the delays, and these before all times


def _delay(change: Change) -> float:
    call = change.call or change.shown_call
    return _AT_ONCE + 60 * (call.delay_minutes or 0 if call is not None else 0)


class ChangeIndex:
    """The action and the ring time of each of some changes, in their order."""

    def __init__(self) -> None:
        self._actions = bytearray()
        self._times = array("d")  # seconds since 1970; below 0: it rings after the apply, in this order

    def add(self, change: Change) -> Change:
        """Index the next change, and return it."""
        self._actions.append(_NUMBERS[change.action])
        self._times.append(_delay(change) if change.scheduled_at is None else change.scheduled_at.timestamp())
        return change

    def extend(self, later: ChangeIndex) -> None:
        self._actions += later._actions
        self._times += later._times

    def subset(self, places: Iterable[int]) -> ChangeIndex:
        index = ChangeIndex()
        for place in places:
            index._actions.append(self._actions[place])
            index._times.append(self._times[place])
        return index

    def count(self, action: Action) -> int:
        return self._actions.count(_NUMBERS[action])

    def places(self, actions: Collection[Action]) -> Sequence[int]:
        """The positions of the changes with one of the actions, in ascending order."""
        if sum(map(self.count, {*actions})) == len(self._actions):
            return range(len(self._actions))
        selected = bytes(action in actions for action in Action).ljust(256, b"\0")
        return array("L", compress(range(len(self._actions)), self._actions.translate(selected)))

    def by_time(self, action: Action) -> Sequence[int]:
        """The positions of the changes with the action, in the order in which they ring."""
        places, time = self.places([action]), self._times.__getitem__
        if all(map(le, map(time, places), map(time, islice(places, 1, None)))):
            return places
        parts = range(0, len(places), _SORTED_TOGETHER)
        ordered = [array("L", sorted(places[start : start + _SORTED_TOGETHER], key=time)) for start in parts]
        return array("L", merge(*ordered, key=time))

    def span(self, action: Action) -> tuple[int, int] | None:
        """The positions of the first and the last to ring of the changes that have the action and a time."""
        times = self._times
        timed = [place for place in self.places([action]) if times[place] >= 0]
        return (min(timed, key=times.__getitem__), max(timed, key=times.__getitem__)) if timed else None


@dataclass(frozen=True, slots=True)
class ChangesPart:
    """Some of the changes, packed to be sent from the worker process that made them."""

    packed: Packed[Change]
    index: ChangeIndex

    @classmethod
    def from_changes(cls, changes: Iterable[Change]) -> ChangesPart:
        index = ChangeIndex()
        return cls(Packed.from_items(map(index.add, changes)), index)


class Changes(LazySequence[Change]):
    """Changes with an index, so that a few can be selected without reading all.

    ``bare`` are the changes without requests, if requests are added on access.
    """

    def __init__(self, items: Sequence[Change], index: ChangeIndex, bare: Sequence[Change] | None = None) -> None:
        self._items = items
        self._index = index
        self._bare = bare

    @classmethod
    def from_items(cls, changes: Iterable[Change]) -> Changes:
        """Raises ``ReconcilerError`` if the disk is full."""
        items, index = SpooledList(Change), ChangeIndex()
        for change in changes:
            items.append(index.add(change))
        return cls(items, index)

    @classmethod
    def from_parts(cls, parts: Iterable[ChangesPart]) -> Changes:
        """The changes of all parts, in their order. Raises ``ReconcilerError`` if the disk is full."""
        items, index = SpooledList(Change), ChangeIndex()
        for part in parts:
            items.extend(part.packed)
            index.extend(part.index)
        return cls(items, index)

    def __len__(self) -> int:
        return len(self._items)

    def item(self, index: int) -> Change:
        return self._items[index]

    def part(self, start: int, stop: int) -> Sequence[Change]:
        return self._items[start:stop]

    def __iter__(self) -> Iterator[Change]:
        return iter(self._items)

    def with_action(self, *actions: Action) -> Sequence[Change]:
        """The changes with one of these actions."""
        places = self._index.places(actions)
        return self._items if len(places) == len(self._items) else Subset(self._items, places)

    def by_time(self, action: Action) -> Sequence[Change]:
        """The changes with this action, the soonest to ring first. Immediate and delayed calls come before all
        others."""
        return Subset(self._items, self._index.by_time(action))

    def count_action(self, action: Action) -> int:
        return self._index.count(action)

    def span(self, action: Action) -> tuple[Change, Change] | None:
        """The first and the last to ring of the changes that have the action and a time."""
        places = self._index.span(action)
        return None if places is None else (self._items[places[0]], self._items[places[1]])

    def filtered(self, keep: Callable[[Change], bool]) -> Changes:
        """The changes that ``keep`` returns true for. It is called once for each change."""
        places = array("L", (place for place, change in enumerate(self) if keep(change)))
        return Changes(Subset(self._items, places), self._index.subset(places))

    def mapped(self, make: Callable[[Change], Change]) -> Changes:
        """Apply ``make`` to each change on access; it must not change the action or the time."""
        return Changes(MappedView(self._items, make), self._index)

    def with_requests(self, add: Callable[[Change], Change]) -> Changes:
        """Add requests with ``add`` on access."""
        return Changes(MappedView(self._items, add), self._index, bare=self._items)

    def without_requests(self) -> Changes:
        """The changes without their requests."""
        if self._bare is not None:
            return Changes(self._bare, self._index)
        return self.mapped(lambda change: structs.replace(change, request=None))
