"""The changes of a plan, gathered one by one: a tuple of a few, and where they are many on disk, and counted."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Generic, Protocol, TypeAlias, TypeVar

from reconciler.model import Address
from reconciler.packing import pack, unpacker
from reconciler.plan import Action, Change, Changes
from reconciler.spool import Keeper, Lazy, Mapped, Packed, Picked, Spool

_Span: TypeAlias = tuple[int, int]
_UNPACK = unpacker(Change)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered(Lazy[Change], Changes):
    """``places`` are those of each action among ``items``, ``spans`` those of its first and its last to ring."""

    items: Sequence[Change]
    places: Mapping[Action, Sequence[int]]
    spans: Mapping[Action, _Span]

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int) -> Change:
        return self.items[index]

    def part(self, start: int, stop: int) -> Sequence[Change]:
        return self.items[start:stop]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.items)

    def of(self, *actions: Action) -> Sequence[Change]:
        found = [self.places[action] for action in actions if action in self.places]
        if sum(map(len, found)) == len(self.items):
            return self.items
        return Picked(self.items, found[0] if len(found) == 1 else array("L", merge(*found)))

    def span(self, action: Action) -> tuple[Change, Change] | None:
        if action not in self.spans:
            return None
        first, last = self.spans[action]
        return self.items[first], self.items[last]

    def mapped(self, make: Callable[[Change], Change]) -> Gathered:
        return Gathered(Mapped(self.items, make), self.places, self.spans)


def gathered(changes: Iterable[Change]) -> Sequence[Change]:
    """All of them, in their order. Raises ``ReconcilerError`` where the disk takes no more."""
    keeper = Keeper(pack, _UNPACK)
    places: dict[Action, array[int]] = {}
    spans = _Spans()
    for place, change in enumerate(changes):
        keeper.append(change)
        _count(place, change, places, spans)
    if isinstance(keeper.items, list):
        return tuple(keeper.items)
    return Gathered(keeper.items, places, spans.places())


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the changes, on their way from the process that made them."""

    packed: Packed[Change]
    places: Mapping[Action, array[int]]
    spans: _Spans

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Part:
        places: dict[Action, array[int]] = {}
        spans = _Spans()

        def met() -> Iterator[Change]:
            for place, change in enumerate(changes):
                _count(place, change, places, spans)
                yield change

        return cls(Packed.of(met(), pack), places, spans)


def together(parts: Iterable[Part]) -> Gathered:
    """The changes of all parts, in their order. Raises ``ReconcilerError`` where the disk takes no more."""
    kept = Spool(pack, _UNPACK)
    places: dict[Action, array[int]] = {}
    spans = _Spans()
    for part in parts:
        start = len(kept)
        kept.extend(part.packed)
        for action, found in part.places.items():
            places.setdefault(action, array("L")).extend(start + place for place in found)
        spans.add_all(part.spans, start)
    return Gathered(kept, places, spans.places())


def _count(place: int, change: Change, places: dict[Action, array[int]], spans: _Spans) -> None:
    if change.action not in places:
        places[change.action] = array("L")
    places[change.action].append(place)
    if change.scheduled_at is not None:
        spans.add(change.action, change.scheduled_at, place)


class _Spans:
    """The first and the last to ring, of those that ring together the first one."""

    def __init__(self) -> None:
        self._first: dict[Action, tuple[datetime, int]] = {}
        self._last: dict[Action, tuple[datetime, int]] = {}

    def add_all(self, others: _Spans, start: int) -> None:
        """What others found, whose places begin at ``start``."""
        for found in (others._first, others._last):
            for action, (moment, place) in found.items():
                self.add(action, moment, start + place)

    def add(self, action: Action, moment: datetime, place: int) -> None:
        if action not in self._first or moment < self._first[action][0]:
            self._first[action] = moment, place
        if action not in self._last or moment > self._last[action][0]:
            self._last[action] = moment, place

    def places(self) -> dict[Action, _Span]:
        return {action: (first[1], self._last[action][1]) for action, first in self._first.items()}


class _Addressed(Protocol):
    @property
    def address(self) -> Address: ...


_A = TypeVar("_A", bound=_Addressed)


def ascending(items: Iterable[_A]) -> Iterator[_A]:
    """The items, each address once and in their order. Raises ``ValueError`` at the first that is not."""
    last: Address | None = None
    for item in items:
        if last is not None and item.address <= last:
            raise ValueError(f"{item.address} is not in its place")
        last = item.address
        yield item


class Along(Generic[_A]):
    """Finds what has an address among items that are sorted by it, for addresses that come in the same order."""

    def __init__(self, items: Iterable[_A]) -> None:
        self._items = iter(items)
        self._next = next(self._items, None)

    def at(self, address: Address) -> _A | None:
        while self._next is not None and self._next.address < address:
            self._next = next(self._items, None)
        return self._next if self._next is not None and self._next.address == address else None
