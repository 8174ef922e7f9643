"""Sequences too long for memory: items packed on disk, and views that make their items on access."""

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

from msgspec.msgpack import Decoder, Encoder

from reconciler.bulk.parallel import spread
from reconciler.errors import ReconcilerError
from reconciler.system.failures import error_message, next_step

K = TypeVar("K")
T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")

PARALLEL_ABOVE = 10_000  # items: work on fewer takes less time than starting processes
PART = 250  # items: what is made of them together stays in a processor's cache
_CHUNK = 1 << 20  # bytes
_READ_AHEAD = 1 << 16  # bytes
_pack = Encoder().encode


class LazySequence(Sequence[T]):
    """A sequence that knows its length and how to make each item. A slice is a view of it."""

    @abstractmethod
    def item(self, index: int) -> T:
        """The item at an index from 0 to the length."""

    def part(self, start: int, stop: int) -> Sequence[T]:
        """A view of the items from ``start`` to before ``stop``."""
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
    """Items as MessagePack, one after the other, and the size of each in bytes."""

    data: bytes
    sizes: array[int]

    @classmethod
    def from_items(cls, items: Iterable[T]) -> Packed[T]:
        packed = list(map(_pack, items))
        return cls(b"".join(packed), array("L", map(len, packed)))

    def __len__(self) -> int:
        return len(self.sizes)

    def items(self, kind: type[T]) -> Iterator[T]:
        unpack, start = Decoder(kind).decode, 0
        for size in self.sizes:
            yield unpack(self.data[start : start + size])
            start += size


class SpooledList(LazySequence[T]):
    """Items of a type that msgspec can decode, packed: in memory while they are few, then in a temporary file.

    The file has no name, and mode 0600: it disappears with the process, however that ends. A forked process can
    read what was there before the fork. All methods raise ``ReconcilerError`` if the disk is full or fails.
    """

    def __init__(self, kind: type[T]) -> None:
        self._unpack = Decoder(kind).decode
        self._starts = array("Q", [0])  # of each item, and of the next one
        self._waiting = bytearray()  # the last bytes, not in the file yet
        self._file: int | None = None
        self._near = (0, b"")  # the bytes read last, and their start

    def append(self, item: T) -> None:
        data = _pack(item)
        self._waiting += data
        self._starts.append(self._starts[-1] + len(data))
        if len(self._waiting) >= _CHUNK:
            self._flush()

    def extend(self, packed: Packed[T]) -> None:
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
            forwards = base + len(near) <= start < base + len(near) + _READ_AHEAD  # more may be asked for
            base, near = self._near = (start, self._read(start, max(end - start, _READ_AHEAD if forwards else 0)))
        return self._unpack(near[start - base : end - base])

    def __iter__(self) -> Iterator[T]:
        return self.between(0, len(self))

    def between(self, index: int, stop: int) -> Iterator[T]:
        """The items from ``index`` to before ``stop``, read in large pieces."""
        starts, unpack = self._starts, self._unpack
        while index < stop:
            base = starts[index]
            data = self._read(base, max(starts[index + 1] - base, min(_CHUNK, starts[stop] - base)))
            read_to = base + len(data)
            while index < stop and starts[index + 1] <= read_to:
                yield unpack(data[starts[index] - base : starts[index + 1] - base])
                index += 1

    def _flush(self) -> None:
        """Write the waiting bytes. A forked process may do the same: the same bytes, at the same place."""
        try:
            if self._file is None:
                with tempfile.TemporaryFile(prefix="reconciler-", buffering=0) as file:
                    self._file = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._file)
            while self._waiting:
                start = self._starts[-1] - len(self._waiting)
                del self._waiting[: os.pwrite(self._file, self._waiting, start)]
        except OSError as error:
            raise _disk_error(error) from error

    def _read(self, start: int, size: int) -> bytes:
        """``size`` bytes, or as many as there are."""
        if self._file is None:
            return bytes(self._waiting[start : start + size])
        self._flush()
        size = min(size, self._starts[-1] - start)
        parts: list[bytes] = []
        while size > 0:
            try:
                part = os.pread(self._file, size, start)
            except OSError as error:
                raise _disk_error(error) from error
            if not part:
                raise ReconcilerError("a temporary file of this run was cut short by another program")
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


def _disk_error(error: OSError) -> ReconcilerError:
    message = f"what this takes does not fit into a temporary file: {error_message(error)}"
    return ReconcilerError(message, hint=next_step(error) or "TMPDIR=FOLDER chooses another place for it")


class SpooledMap(Mapping[K, T]):
    """A mapping that keeps its values in a ``SpooledList``."""

    def __init__(self, kind: type[T]) -> None:
        self._values = SpooledList(kind)
        self._places: dict[K, int] = {}

    def add(self, key: K, value: T) -> None:
        """Add a value for a key that has none."""
        self._places[key] = len(self._values)
        self._values.append(value)

    def __getitem__(self, key: K) -> T:
        return self._values.item(self._places[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True, eq=False)
class Subset(LazySequence[T]):
    """The items at ``places``, in that order."""

    items: Sequence[T]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def item(self, index: int) -> T:
        return self.items[self.places[index]]

    def part(self, start: int, stop: int) -> Sequence[T]:
        return Subset(self.items, self.places[start:stop])

    def __iter__(self) -> Iterator[T]:
        items, places = self.items, self.places
        if isinstance(places, range) and places.step == 1:
            if isinstance(items, SpooledList):
                return items.between(places.start, places.stop)
            if isinstance(items, MappedView):
                return iter(items.part(places.start, places.stop))
        return map(items.item if isinstance(items, LazySequence) else items.__getitem__, self.places)


@dataclass(frozen=True, slots=True, eq=False)
class MappedView(LazySequence[T], Generic[S, T]):
    """The results of ``make`` for ``items``, made on each access."""

    items: Sequence[S]
    make: Callable[[S], T]

    def __len__(self) -> int:
        return len(self.items)

    def item(self, index: int) -> T:
        items = self.items
        return self.make(items.item(index) if isinstance(items, LazySequence) else items[index])

    def part(self, start: int, stop: int) -> Sequence[T]:
        return MappedView(self.items[start:stop], self.make)

    def __iter__(self) -> Iterator[T]:
        return map(self.make, self.items)


def filtered(items: Sequence[T], keep: Callable[[T], bool]) -> Sequence[T]:
    """A view of the items that ``keep`` returns true for. It is called once for each item."""
    return Subset(items, array("L", (place for place, item in enumerate(items) if keep(item))))


def in_parts(items: Sequence[T], make: Callable[[Sequence[T]], R]) -> Iterator[R]:
    """The results of ``make`` for each part of ``items``, in order. Other processes make them (``spread``) if
    there are more than ``PARALLEL_ABOVE`` items; otherwise all items are one part.
    """
    if len(items) <= PARALLEL_ABOVE:
        yield make(items)
        return

    def part(number: int) -> R | None:
        start = number * PART
        return make(items[start : start + PART]) if start < len(items) else None

    yield from spread(part)
