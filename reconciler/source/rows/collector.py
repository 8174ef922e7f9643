"""Collect the rows of all plan files, sorted by address, with little memory for each row."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import lt
from typing import TypeAlias

from reconciler.bulk.spool import Packed, SpooledList, Subset
from reconciler.domain.model import Address, Row
from reconciler.domain.people import People, person

_Name: TypeAlias = tuple[str, int]
_HALF = (1 << 32) - 1
_BUCKETS_PER_HASH = 8  # about every eighth hash shares its bucket with another


@dataclass(slots=True)
class _File:
    """The rows of one plan; no other file has the same plan. ``positions`` maps names to positions. It is built
    only if rows are not in order: ordered rows have no duplicates, and need no sorting."""

    plan: str
    start: int
    end: int
    last: _Name = ("", 0)
    positions: dict[_Name, int] | None = None


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows of one plan, packed to be sent from a worker process.

    ``calls`` has a hash of each row's target and time, which is the same in forked processes. ``ascending`` says
    whether the names are in ascending order without duplicates; ``first`` and ``last`` are the names at the ends.
    """

    plan: str
    packed: Packed[Row]
    calls: array[int]
    first: _Name
    last: _Name
    ascending: bool

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> PackedRows | None:
        """Pack the rows; None if there are none."""
        if not rows:
            return None
        names = [_name(row.address) for row in rows]
        ascending = all(map(lt, names, islice(names, 1, None)))
        calls = array("q", (_call_hash(person(row.call.target), row) for row in rows))
        return cls(rows[0].address.plan, Packed.from_items(rows), calls, names[0], names[-1], ascending)

    def __iter__(self) -> Iterator[Row]:
        return self.packed.items(Row)


class RowCollector:
    """Collects the rows of one plan after another, and returns them sorted by address."""

    def __init__(self) -> None:
        self._rows = SpooledList(Row)
        self._files: list[_File] = []
        self._calls = array("q")  # a hash of each row's target and time

    def start_file(self) -> None:
        """The following rows are those of another file."""
        self._files.append(_File("", len(self._rows), len(self._rows)))

    def add_rows(self, rows: Row | PackedRows) -> Iterator[tuple[Row, Row]]:
        """Add rows. Yields each duplicate with the earlier row of the same address."""
        if isinstance(rows, PackedRows) and self._extend(rows):
            return
        for row in rows if isinstance(rows, PackedRows) else (rows,):
            earlier = self.add(row)
            if earlier is not None:
                yield row, earlier

    def _extend(self, rows: PackedRows) -> bool:
        """Add packed rows unchanged if they continue in order."""
        file = self._files[-1]
        if file.positions is not None or not rows.ascending or rows.first <= file.last:
            return False
        self._rows.extend(rows.packed)
        self._calls.extend(rows.calls)
        file.plan, file.last, file.end = rows.plan, rows.last, len(self._rows)
        return True

    def add(self, row: Row) -> Row | None:
        """Add a row, or return the earlier row of the same address."""
        file, name, end = self._files[-1], (row.address.key, row.address.revision), len(self._rows)
        if file.positions is None and name <= file.last:
            file.positions = {_name(self._rows[index].address): index for index in range(file.start, end)}
        if file.positions is not None:
            if name in file.positions:
                return self._rows[file.positions[name]]
            file.positions[name] = end
        file.plan, file.last, file.end = row.address.plan, name, end + 1
        self._rows.append(row)
        self._calls.append(_call_hash(person(row.call.target), row))
        return None

    def rows(self) -> Sequence[Row]:
        """All rows, sorted by address."""
        return Subset(self._rows, self._order())

    def possible_duplicates(self, people: People) -> Iterator[Row]:
        """The rows that may call one person at the same time, with few false positives, sorted by address."""
        numbers = defaultdict(list)
        for contact, number in people.numbers.items():
            numbers[_hash(contact)].append(_hash(number))
        hashes = self._calls
        if numbers:
            hashes = hashes + array("q", chain.from_iterable(_with_numbers(call, numbers) for call in hashes))
        repeated = _repeated(hashes)
        for place in self._order() if repeated else ():
            call = self._calls[place]
            if call in repeated or not repeated.isdisjoint(_with_numbers(call, numbers)):
                yield self._rows.item(place)

    def _order(self) -> Sequence[int]:
        files = sorted(self._files, key=lambda file: file.plan)
        if all(file.positions is None for file in files) and files == self._files:
            return range(len(self._rows))
        order = array("Q")
        for file in files:
            if file.positions is None:
                order.extend(range(file.start, file.end))
            else:
                order.extend(file.positions[name] for name in sorted(file.positions))
        return order


def _repeated(hashes: Sequence[int]) -> set[int]:
    """The hashes that occur more than once. Their last bits select buckets, so that few have to be counted."""
    last = (1 << (_BUCKETS_PER_HASH * len(hashes)).bit_length()) - 1
    filled, shared = bytearray(last + 1), set()
    for number in hashes:
        if filled[number & last]:
            shared.add(number & last)
        filled[number & last] = 1
    counts = Counter(number for number in hashes if number & last in shared)
    return {number for number, count in counts.items() if count > 1}


def _call_hash(name: str, row: Row) -> int:
    """A hash of a row's target and time, from which the hash of the target can be taken."""
    time = hash(row.rings_at) & _HALF
    return _signed(time << 32 | _hash(name) ^ time)


def _with_numbers(call: int, numbers: Mapping[int, Sequence[int]]) -> list[int]:
    """The same for the number of the called contact, if it is known: ``numbers`` maps the hashes of contacts."""
    time = call >> 32 & _HALF
    return [_signed(time << 32 | number ^ time) for number in numbers.get((call ^ time) & _HALF, ())]


def _hash(name: str) -> int:
    return hash(name) & _HALF


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _name(address: Address) -> _Name:
    return (address.key, address.revision)
