"""Rows of all plan files, put in order: however many there are, and with next to nothing for each in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from reconciler.model import Address, Row
from reconciler.packing import pack, unpacker
from reconciler.spool import Keeper, Picked, Spool

_Name: TypeAlias = tuple[str, int]
_UNPACK = unpacker(Row)


@dataclass(slots=True)
class _File:
    """The rows of one plan, which no other file has. ``known`` is where each stands, once it must be known: rows
    that come in order hold no address twice, and need no sorting."""

    plan: str
    start: int
    end: int
    last: _Name = ("", 0)
    known: dict[_Name, int] | None = None


class Gathering:
    """Takes the rows of plan after plan, and gives them back sorted by address."""

    def __init__(self) -> None:
        self._kept = Keeper(pack, _UNPACK)
        self._files: list[_File] = []
        self._calls = array("q")  # a hash of whom each row calls and when

    def begin(self) -> None:
        """The rows that follow are another file's."""
        self._files.append(_File("", len(self._kept.items), len(self._kept.items)))

    def add(self, row: Row) -> Row | None:
        """Take a row; or give back the one that has its address already."""
        file, name, end = self._files[-1], (row.address.key, row.address.revision), len(self._kept.items)
        if file.known is None and name <= file.last:
            file.known = {_name(self._kept.items[index].address): index for index in range(file.start, end)}
        if file.known is not None:
            if name in file.known:
                return self._kept.items[file.known[name]]
            file.known[name] = end
        file.plan, file.last, file.end = row.address.plan, name, end + 1
        self._kept.append(row)
        self._calls.append(hash(same_call(row)))
        return None

    def rows(self) -> Sequence[Row]:
        """All of them, sorted by address."""
        items, order = self._kept.items, self._order()
        if isinstance(items, Spool):
            return items if isinstance(order, range) else Picked(items, order)
        return tuple(items[place] for place in order)

    def alike(self) -> Iterator[Row]:
        """Those that may call one person at one time, and hardly any others; sorted by address."""
        met = {first for first, second in pairwise(sorted(self._calls)) if first == second}
        for place in self._order() if met else ():
            if self._calls[place] in met:
                yield self._kept.items[place]

    def _order(self) -> Sequence[int]:
        files = sorted(self._files, key=lambda file: file.plan)
        if all(file.known is None for file in files) and files == self._files:
            return range(len(self._kept.items))
        order = array("Q")
        for file in files:
            if file.known is None:
                order.extend(range(file.start, file.end))
            else:
                order.extend(file.known[name] for name in sorted(file.known))
        return order


def same_call(row: Row) -> tuple[str, object]:
    """What rows share that call one person at one time."""
    return (row.call.target, row.rings_at if row.rings_at is not None else "no schedule")


def _name(address: Address) -> _Name:
    return (address.key, address.revision)
