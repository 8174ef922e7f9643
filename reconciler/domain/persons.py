"""Which calls probably reach the same person, for rows and for the state's entries."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from reconciler.domain.blinding import ClearView, View
from reconciler.domain.people import People, person, spellings

_T = TypeVar("_T")


class Persons:
    """The persons that calls reach. A view may have masked the texts of entries.

    Two calls reach probably the same person if one rings the target of the other, or its contact's number. This is
    not transitive: two contacts that share a number are two persons.
    """

    def __init__(self, people: People, view: View, targets: Iterable[str] = ()) -> None:
        """``targets`` are those of the rows, so that they are recognised among masked ones."""
        self._people = people
        self._unblinded: dict[str, str] = {}
        if not isinstance(view, ClearView):
            for target in chain(people.numbers, people.numbers.values(), targets):
                self._unblinded |= {view.target(text): person(target) for text in spellings(target)}

    def names(self, target: str) -> tuple[str, ...]:
        """The target of a row or entry in the form that ``person`` gives it, and the number of a contact if it is
        known.
        """
        return self._people.names(self._unblinded.get(target, target))


class PersonIndex(Generic[_T]):
    """The first item of each target, to find those of one person. ``at`` separates items, for example by time."""

    def __init__(self, persons: Persons) -> None:
        self._persons = persons
        self._items: dict[tuple[str, Hashable], _T] = {}
        self._contacts: dict[tuple[str, Hashable], list[str]] = {}  # by number

    def add(self, target: str, item: _T, at: Hashable = None) -> None:
        own, *numbers = self._persons.names(target)
        if (own, at) not in self._items:
            self._items[own, at] = item
            for number in numbers:
                self._contacts.setdefault((number, at), []).append(own)

    def matches(self, target: str, at: Hashable = None) -> Iterator[_T]:
        """The items of the same person: of the target, of its number, and of contacts that have it as number."""
        names = self._persons.names(target)
        for name in (*names, *self._contacts.get((names[0], at), ())):
            if (name, at) in self._items:
                yield self._items[name, at]
