"""The state's entries, sorted by address: on disk if they are many, and searchable by address."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from reconciler.bulk.spool import LazySequence, SpooledList
from reconciler.domain.model import Address, Entry

_TOGETHER = 128  # entries per block; callers that ask in address order usually need the same block again


class EntryIndex(LazySequence[Entry]):
    """Entries sorted by address."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Raises ``ReconcilerError`` if the disk is full."""
        kept, ascending, last = SpooledList(Entry), True, None
        for entry in entries:
            ascending = ascending and (last is None or last < entry.address)
            last = entry.address
            kept.append(entry)
        self._items: Sequence[Entry] = kept
        if not ascending:  # rows were moved, or the entries do not come from a state
            self._items = sorted(kept, key=lambda entry: entry.address)
        self._firsts = [self._items[place].address for place in range(0, len(self._items), _TOGETHER)]
        self._near: tuple[int, Sequence[Entry], Sequence[Address]] = (-1, (), ())

    @classmethod
    def from_entries(cls, entries: Iterable[Entry]) -> EntryIndex:
        """The same entries."""
        return entries if isinstance(entries, cls) else cls(entries)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._items)

    def item(self, index: int) -> Entry:
        return self._items[index]

    def get(self, address: Address) -> Entry | None:
        """The entry with exactly this address, or None."""
        if not self._firsts:
            return None
        entries, addresses = self._read(max(bisect_right(self._firsts, address) - 1, 0))
        place = bisect_left(addresses, address)
        return entries[place] if place < len(addresses) and addresses[place] == address else None

    def named(self, address: Address) -> list[tuple[int, Entry]]:
        """The entries of a row in all revisions, in ascending order, each with its position."""
        first = Address(address.plan, address.key, 0)
        block = max(bisect_right(self._firsts, first) - 1, 0)
        matches: list[tuple[int, Entry]] = []
        while block < len(self._firsts):
            entries, addresses = self._read(block)
            for index in range(bisect_left(addresses, first), len(entries)):
                here = addresses[index]
                if here.key != address.key or here.plan != address.plan:
                    return matches
                matches.append((block * _TOGETHER + index, entries[index]))
            block += 1
        return matches

    def _read(self, block: int) -> tuple[Sequence[Entry], Sequence[Address]]:
        near, entries, addresses = self._near
        if near != block:
            entries = list(self._items[block * _TOGETHER : (block + 1) * _TOGETHER])
            addresses = [entry.address for entry in entries]
            self._near = (block, entries, addresses)
        return entries, addresses
