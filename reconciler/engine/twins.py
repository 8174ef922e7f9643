"""The same call under another name: what a renamed plan or an edited key would phone a second time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.blinding import View
from reconciler.known import Known
from reconciler.model import Address, Entry, Row
from reconciler.people import People, person

WINDOW = timedelta(hours=24)


class Twins:
    """Entries by what makes a call recognisable: its digest, its target and its time.

    A call that a person stopped is a twin too: a rename must not bring it back. Attempts that came to nothing are
    none. ``siblings`` were approved together with the row that asks. ``view`` is how the state has a row's call.
    Targets are compared as probable persons.
    """

    def __init__(self, known: Known, siblings: frozenset[Address], view: View, people: People) -> None:
        self._known = known
        self._view = view
        self._people = people
        self._by_digest, self._by_target = _Index(len(known)), _Index(len(known))
        for place, entry in enumerate(known):
            if (entry.unknown or entry.placed) and entry.address not in siblings:
                self._by_digest.add(entry.digest, place)
                for name in people.names(entry.call.target):
                    self._by_target.add(name, place)

    def find(self, row: Row, digest: str, now: datetime) -> list[int]:
        """Where the entries of other plans or keys stand that are the same call as ``row``: first those with its
        key, each kind in the order of addresses.

        Same digest; or same target and ring instant; or, for immediate and delayed rows, the same target in an
        immediate or delayed call attempted within 24 hours.
        """
        if not self._known:
            return []
        digest = self._view.digest(digest)
        found = set()
        for place in self._by_digest.places(digest):
            entry = self._known.item(place)
            if entry.digest == digest and _other(entry, row):
                found.add(place)
        own = {person(row.call.target), row.call.target}
        names = {self._view.target(name) for name in own.union(self._people.names(row.call.target))}
        own = {self._view.target(name) for name in own}
        for place in (place for name in names for place in self._by_target.places(name)):
            entry = self._known.item(place)
            if self._is_alike(entry.call.target, own, names) and _collides(entry, row, now):
                found.add(place)
        return sorted(found, key=lambda place: (self._known.item(place).address.key != row.address.key, place))

    def _is_alike(self, target: str, own: set[str], names: set[str]) -> bool:
        """Whether ``target`` is probably the person of a row known by ``own`` and by all ``names`` in the state.

        No chains: two contacts that share a number are two persons.
        """
        return person(target) in names or not own.isdisjoint(self._people.names(target))


class _Index:
    """Where entries stand, by a text that each of them has, in some 30 bytes for each."""

    def __init__(self, size: int) -> None:
        self._last = (1 << size.bit_length()) - 1
        self._heads = array("i", [-1]) * (self._last + 1)  # of chains: of all texts whose hashes end alike
        self._hashes, self._places, self._nexts = array("q"), array("I"), array("i")

    def add(self, text: str, place: int) -> None:
        number = hash(text)
        self._nexts.append(self._heads[number & self._last])
        self._heads[number & self._last] = len(self._hashes)
        self._hashes.append(number)
        self._places.append(place)

    def places(self, text: str) -> Iterator[int]:
        """Where the entries with a text stand, and hardly any others."""
        number = hash(text)
        index = self._heads[number & self._last]
        while index >= 0:
            if self._hashes[index] == number:
                yield self._places[index]
            index = self._nexts[index]


def _other(entry: Entry, row: Row) -> bool:
    return (entry.address.plan, entry.address.key) != (row.address.plan, row.address.key)


def _collides(entry: Entry, row: Row, now: datetime) -> bool:
    if not _other(entry, row):
        return False
    if row.rings_at is not None:
        return entry.rings_at == row.rings_at
    return entry.call.schedule is None and abs(now - entry.attempted_at) < WINDOW
