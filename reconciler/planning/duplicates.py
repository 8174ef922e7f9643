"""Find the same call under another name, which a renamed plan or an edited key would otherwise place again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta

from reconciler.domain.blinding import View
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address, Entry, Row
from reconciler.domain.people import People, spellings
from reconciler.domain.persons import Persons

WINDOW = timedelta(hours=24)


class Duplicates:
    """An index of entries by digest, target and time, to find the same call again.

    Calls that were stopped by hand count, so that a rename cannot place them again. Attempts that placed nothing
    do not. ``siblings`` were approved together with the row. ``view`` converts a row's call to the form in the
    state. Targets are compared as probable persons.
    """

    def __init__(self, entries: EntryIndex, siblings: frozenset[Address], view: View, people: People) -> None:
        self._entries = entries
        self._view = view
        self._persons = Persons(people, view)
        self._by_digest, self._by_target = _Index(len(entries)), _Index(len(entries))
        for place, entry in enumerate(entries):
            if (entry.unknown or entry.placed) and entry.address not in siblings:
                self._by_digest.add(entry.digest, place)
                for name in self._persons.names(entry.call.target):
                    self._by_target.add(name, place)

    def find(self, row: Row, digest: str, now: datetime) -> list[int]:
        """Positions of the entries of other plans or keys that are the same call as ``row``: first those with its
        key, then the others, each in the order of addresses.

        Calls are the same if they have the same digest, or the same target and ring time, or, for immediate and
        delayed rows, the same target in an immediate or delayed call attempted within 24 hours.
        """
        if not self._entries:
            return []
        digest = self._view.digest(digest)
        matches = set()
        for place in self._by_digest.places(digest):
            entry = self._entries.item(place)
            if entry.digest == digest and _other(entry, row):
                matches.add(place)
        own, *number = self._persons.names(row.call.target)
        own_forms, forms = self._stored(own), self._stored(own, *number)
        for place in (place for name in forms for place in self._by_target.places(name)):
            entry = self._entries.item(place)
            names = self._persons.names(entry.call.target)
            if (names[0] in forms or not own_forms.isdisjoint(names)) and _collides(entry, row, now):
                matches.add(place)
        return sorted(matches, key=lambda place: (self._entries.item(place).address.key != row.address.key, place))

    def _stored(self, *names: str) -> set[str]:
        """The names of a person, in each form that the state may have."""
        return {*names, *(self._view.target(text) for name in names for text in spellings(name))}


class _Index:
    """A compact index of positions by text, about 30 bytes for each."""

    def __init__(self, size: int) -> None:
        self._last = (1 << size.bit_length()) - 1
        self._heads = array("i", [-1]) * (self._last + 1)  # the latest position in each hash bucket
        self._hashes, self._places, self._nexts = array("q"), array("I"), array("i")

    def add(self, text: str, place: int) -> None:
        number = hash(text)
        self._nexts.append(self._heads[number & self._last])
        self._heads[number & self._last] = len(self._hashes)
        self._hashes.append(number)
        self._places.append(place)

    def places(self, text: str) -> Iterator[int]:
        """Positions of the entries with a text; rarely also of others, because of hash collisions."""
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
