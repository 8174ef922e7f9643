"""Sequences too long to hold in memory: items on disk, and views that make theirs as they are asked for."""

from __future__ import annotations

import os
import tempfile
import weakref
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar, overload

from reconciler.bulk.parallel import spread
from reconciler.errors import ReconcilerError
from reconciler.system.failures import error_message, next_step

K = TypeVar("K")
T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")

MOST_HELD = 10_000  # items; of the changes of a plan some 30 MB
PART = 250  # items: what is made of them together stays in a processor's cache
_CHUNK = 1 << 20
_NEAR = 1 << 16


class LazySequence(Sequence[T]):
    """A sequence that knows its length and how to make each item. A slice is a view of it."""

    @abstractmethod
    def item(self, index: int) -> T:
        """The item at an index from 0 to the length."""

    def part(self, start: int, stop: int) -> Sequence[T]:
        """The view of those from an index to before another."""
        return Subset(self, range(start, stop))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        places = range(len(self))[index]
        if not isinstance(places, range):
            return self.item(places)
        return self.part(places.start, places.stop) if places.step == 1 else Subset(self, places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list's


@dataclass(frozen=True, slots=True)
class Packed(Generic[T]):
    """Items as bytes, one after the other, and how many bytes each of them takes."""

    data: bytes
    sizes: array[int]

    @classmethod
    def from_items(cls, items: Iterable[T], pack: Callable[[T], bytes]) -> Packed[T]:
        packed = list(map(pack, items))
        return cls(b"".join(packed), array("L", map(len, packed)))

    def __len__(self) -> int:
        return len(self.sizes)

    def items(self, unpack: Callable[[bytes], T]) -> Iterator[T]:
        start = 0
        for size in self.sizes:
            yield unpack(self.data[start : start + size])
            start += size


class Spool(LazySequence[T]):
    """Items kept packed in a file without a name, which goes with the process however that ends; mode 0600.

    ``pack`` and ``unpack`` turn an item into bytes and back.
    """

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T]) -> None:
        self._pack = pack
        self._unpack = unpack
        self._starts = array("Q", [0])  # of each item, and of the next one
        self._waiting = bytearray()
        self._near = (0, b"")  # the bytes read last, and where they stand in the file
        try:
            with tempfile.TemporaryFile(prefix="reconciler-", buffering=0) as file:
                self._file = os.dup(file.fileno())
        except OSError as error:
            raise _no_room(error) from error
        weakref.finalize(self, os.close, self._file)

    def append(self, item: T) -> None:
        """Raises ``ReconcilerError`` where the disk takes no more."""
        data = self._pack(item)
        self._waiting += data
        self._starts.append(self._starts[-1] + len(data))
        if len(self._waiting) >= _CHUNK:
            self._flush()

    def extend(self, packed: Packed[T]) -> None:
        """The same for many items."""
        self._waiting += packed.data
        self._starts.extend(accumulate(packed.sizes, initial=self._starts.pop()))
        if len(self._waiting) >= _CHUNK:
            self._flush()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def item(self, index: int) -> T:
        start, end = self._starts[index], self._starts[index + 1]
        base, near = self._near
        if not base <= start <= end <= base + len(near):
            self._flush()
            after = base + len(near) <= start < base + len(near) + _NEAR  # who goes forwards will go on
            base, near = self._near = (start, self._read(start, max(end - start, _NEAR if after else 0)))
        return self._unpack(near[start - base : end - base])

    def __iter__(self) -> Iterator[T]:
        return self.between(0, len(self))

    def between(self, index: int, stop: int) -> Iterator[T]:
        """The items from an index to before another, read in large pieces."""
        self._flush()
        starts, base, data = self._starts, 0, b""
        while index < stop:
            start, end = starts[index] - base, starts[index + 1] - base
            if end > len(data):
                base = starts[index]
                data = self._read(base, max(end - start, min(_CHUNK, starts[stop] - base)))
            else:
                yield self._unpack(data[start:end])
                index += 1

    def _flush(self) -> None:
        """Write what waits. A copy of this process may do the same: the same bytes, at the same place."""
        try:
            while self._waiting:
                start = self._starts[-1] - len(self._waiting)
                del self._waiting[: os.pwrite(self._file, self._waiting, start)]
        except OSError as error:
            raise _no_room(error) from error

    def _read(self, start: int, size: int) -> bytes:
        """``size`` bytes, or as many as there are."""
        size = min(size, self._starts[-1] - start)
        parts: list[bytes] = []
        while size > 0:
            try:
                part = os.pread(self._file, size, start)
            except OSError as error:
                raise _no_room(error) from error
            if not part:
                raise ReconcilerError("a temporary file of this run was cut short by another program")
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


def _no_room(error: OSError) -> ReconcilerError:
    message = f"what this takes does not fit into a temporary file: {error_message(error)}"
    return ReconcilerError(message, hint=next_step(error) or "TMPDIR=FOLDER chooses another place for it")


@dataclass(frozen=True, slots=True, eq=False)
class Subset(LazySequence[T]):
    """Those of ``items`` that stand at ``places``, in that order."""

    items: Sequence[T]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def item(self, index: int) -> T:
        return self.items[self.places[index]]

    def part(self, start: int, stop: int) -> Sequence[T]:
        return Subset(self.items, self.places[start:stop])

    def __iter__(self) -> Iterator[T]:
        if isinstance(self.items, Spool) and isinstance(self.places, range) and self.places.step == 1:
            return self.items.between(self.places.start, self.places.stop)
        return map(self.items.__getitem__, self.places)


@dataclass(frozen=True, slots=True, eq=False)
class MappedView(LazySequence[T], Generic[S, T]):
    """What ``make`` makes of each of ``items``, each time it is asked for."""

    items: Sequence[S]
    make: Callable[[S], T]

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int) -> T:
        return self.make(self.items[index])

    def part(self, start: int, stop: int) -> Sequence[T]:
        return MappedView(self.items[start:stop], self.make)

    def __iter__(self) -> Iterator[T]:
        return map(self.make, self.items)


def filtered(items: Sequence[T], keep: Callable[[T], bool]) -> Sequence[T]:
    """Those of ``items`` that ``keep`` is true of: in memory where ``items`` are."""
    if not isinstance(items, LazySequence):
        return [item for item in items if keep(item)]
    return Subset(items, array("L", (place for place, item in enumerate(items) if keep(item))))


def in_parts(items: Sequence[T], make: Callable[[Sequence[T]], R]) -> Iterator[R]:
    """What ``make`` makes of each part of ``items``, in their order: of a long lazy sequence in other processes
    (``spread``); of any other sequence in one part.
    """
    if not isinstance(items, LazySequence) or len(items) <= PART:
        yield make(items)
        return

    def part(number: int) -> R | None:
        start = number * PART
        return make(items[start : start + PART]) if start < len(items) else None

    yield from spread(part)


class SpooledMap(Mapping[K, T]):
    """What stands for each key; values wait on disk where they are many."""

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T]) -> None:
        self._kept = SpooledList(pack, unpack)
        self._places: dict[K, int] = {}

    def add(self, key: K, value: T) -> None:
        """Put a value under a key that has none. Raises ``ReconcilerError`` where the disk takes no more."""
        self._places[key] = len(self._kept.items)
        self._kept.append(value)

    def __getitem__(self, key: K) -> T:
        return self._kept.items[self._places[key]]

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class SpooledList(Generic[T]):
    """Takes items one by one, and keeps them in memory while they are few; in a spool from then on."""

    def __init__(self, pack: Callable[[T], bytes], unpack: Callable[[bytes], T]) -> None:
        self._pack, self._unpack = pack, unpack
        self.items: list[T] | Spool[T] = []

    def append(self, item: T) -> None:
        """Raises ``ReconcilerError`` where the disk takes no more."""
        self.items.append(item)
        if isinstance(self.items, list) and len(self.items) > MOST_HELD:
            self.items = self._spooled(self.items)

    def extend(self, packed: Packed[T]) -> None:
        """The same for many items, which go on disk."""
        if isinstance(self.items, list):
            self.items = self._spooled(self.items)
        self.items.extend(packed)

    def _spooled(self, held: Iterable[T]) -> Spool[T]:
        spool = Spool(self._pack, self._unpack)
        for item in held:
            spool.append(item)
        return spool
