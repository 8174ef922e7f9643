"""The changes of a plan: a tuple if they are few, otherwise a list on disk with an index by action."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Generic, Protocol, TypeAlias, TypeVar

from reconciler.bulk.packing import pack, unpacker
from reconciler.bulk.spool import LazySequence, MappedView, Packed, Spool, SpooledList, Subset
from reconciler.domain.model import Address
from reconciler.domain.plan import Action, Change, Changes

_Span: TypeAlias = tuple[int, int]
_UNPACK = unpacker(Change)


@dataclass(frozen=True, slots=True, eq=False)
class IndexedChanges(LazySequence[Change], Changes):
    """``places`` are the positions in ``items`` per action; ``spans`` are the first and last to ring per action.

    ``bare`` are the items without requests, or None if requests are not added on access.
    """

    items: Sequence[Change]
    places: Mapping[Action, Sequence[int]]
    spans: Mapping[Action, _Span]
    bare: Sequence[Change] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int) -> Change:
        return self.items[index]

    def part(self, start: int, stop: int) -> Sequence[Change]:
        return self.items[start:stop]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.items)

    def with_action(self, *actions: Action) -> Sequence[Change]:
        positions = [self.places[action] for action in actions if action in self.places]
        if sum(map(len, positions)) == len(self.items):
            return self.items
        return Subset(self.items, positions[0] if len(positions) == 1 else array("L", merge(*positions)))

    def span(self, action: Action) -> tuple[Change, Change] | None:
        if action not in self.spans:
            return None
        first, last = self.spans[action]
        return self.items[first], self.items[last]

    def mapped(self, make: Callable[[Change], Change], *, requests: bool = True) -> IndexedChanges:
        items = self.items if requests or self.bare is None else self.bare
        return IndexedChanges(MappedView(items, make), self.places, self.spans)

    def requested(self, make: Callable[[Change], Change]) -> IndexedChanges:
        return IndexedChanges(MappedView(self.items, make), self.places, self.spans, bare=self.items)


def gathered(changes: Iterable[Change]) -> Sequence[Change]:
    """All changes in their order. Raises ``ReconcilerError`` if the disk is full."""
    spooled = SpooledList(pack, _UNPACK)
    counts = _Counts()
    for change in changes:
        spooled.append(change)
        counts.add(change)
    return tuple(spooled.items) if isinstance(spooled.items, list) else counts.gathered(spooled.items)


@dataclass(frozen=True, slots=True)
class ChangesPart:
    """Some of the changes, packed to be sent from the worker process that made them."""

    packed: Packed[Change]
    counts: _Counts

    @classmethod
    def from_changes(cls, changes: Iterable[Change]) -> ChangesPart:
        counts = _Counts()
        return cls(Packed.from_items(map(counts.add, changes), pack), counts)


def together(parts: Iterable[ChangesPart]) -> IndexedChanges:
    """The changes of all parts, in their order. Raises ``ReconcilerError`` if the disk is full."""
    spool = Spool(pack, _UNPACK)
    counts = _Counts()
    for part in parts:
        spool.extend(part.packed)
        counts.add_all(part.counts)
    return counts.gathered(spool)


class _Counts:
    """The positions of the changes per action, and the first and last of them to ring. Of several changes that
    ring at the same time, the one with the lowest position counts."""

    def __init__(self) -> None:
        self._count = 0
        self._places: dict[Action, array[int]] = {}
        self._first: dict[Action, tuple[datetime, int]] = {}
        self._last: dict[Action, tuple[datetime, int]] = {}

    def add(self, change: Change) -> Change:
        """Count the next change, and return it."""
        action = change.action
        if action not in self._places:
            self._places[action] = array("L")
        self._places[action].append(self._count)
        if change.scheduled_at is not None:
            self._widen(action, change.scheduled_at, self._count)
        self._count += 1
        return change

    def add_all(self, later: _Counts) -> None:
        """Append the counts of another process, whose changes follow."""
        start = self._count
        for action, places in later._places.items():
            self._places.setdefault(action, array("L")).extend(start + place for place in places)
        for ends in (later._first, later._last):
            for action, (moment, place) in ends.items():
                self._widen(action, moment, start + place)
        self._count += later._count

    def _widen(self, action: Action, moment: datetime, place: int) -> None:
        if action not in self._first or moment < self._first[action][0]:
            self._first[action] = moment, place
        if action not in self._last or moment > self._last[action][0]:
            self._last[action] = moment, place

    def gathered(self, items: Sequence[Change]) -> IndexedChanges:
        """The indexed changes. ``items`` holds the changes that were counted."""
        spans = {action: (first[1], self._last[action][1]) for action, first in self._first.items()}
        return IndexedChanges(items, self._places, spans)


class _Addressed(Protocol):
    @property
    def address(self) -> Address: ...


_A = TypeVar("_A", bound=_Addressed)


def ascending(items: Iterable[_A]) -> Iterator[_A]:
    """The items unchanged. Raises ``ValueError`` if an address is repeated or not in ascending order."""
    last: Address | None = None
    for item in items:
        if last is not None and item.address <= last:
            raise ValueError(f"{item.address} is out of order")
        last = item.address
        yield item


class MergeCursor(Generic[_A]):
    """Finds items by address. Both the items and the requested addresses must be in ascending order."""

    def __init__(self, items: Iterable[_A]) -> None:
        self._items = iter(items)
        self._next = next(self._items, None)

    def at(self, address: Address) -> _A | None:
        while self._next is not None and self._next.address < address:
            self._next = next(self._items, None)
        return self._next if self._next is not None and self._next.address == address else None
