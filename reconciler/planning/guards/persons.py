"""Whom calls reach, and on which clocks their days are counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import chain

from reconciler.domain.blinding import ClearView, View
from reconciler.domain.model import Entry
from reconciler.domain.people import People, person, spellings
from reconciler.planning.guards.places import zones_of
from reconciler.planning.guards.words import Candidate

# Where a person's zone is not known, any clock on Earth may be theirs: all are a multiple of 15 minutes from UTC.
EVERYWHERE: tuple[tzinfo, ...] = tuple(timezone(timedelta(minutes=offset)) for offset in range(-720, 855, 15))


class Persons:
    """Whom calls ring, of rows and of a state's entries, whose texts a view may have blinded.

    Two calls ring probably the same person where one rings the target of the other, or its contact's number. That
    makes no chains: two contacts that share a number are two persons.
    """

    def __init__(self, people: People, view: View, targets: Iterable[str] = ()) -> None:
        """``targets`` are those of rows, to recognise them among blinded ones."""
        self._people = people
        self._unblinded: dict[str, str] = {}
        if not isinstance(view, ClearView):
            for target in chain(people.numbers, people.numbers.values(), targets):
                self._unblinded |= {view.target(text): person(target) for text in spellings(target)}

    def names(self, target: str) -> tuple[str, ...]:
        """The target of a row or entry as ``person`` has it, and the number of a contact where it is known."""
        return self._people.names(self._unblinded.get(target, target))

    def with_number(self, targets: Iterable[str]) -> dict[str, list[str]]:
        """Of the contacts among these targets those that have a number, by that number."""
        contacts: dict[str, list[str]] = {}
        for name, *numbers in map(self.names, dict.fromkeys(targets)):
            for number in numbers:
                contacts.setdefault(number, []).append(name)
        return contacts


def counts(entry: Entry) -> bool:
    """Whether the person was, will be or may have been called: all but what a person stopped before it rang."""
    stopped = entry.stopped_at is not None and entry.stopped_at < entry.rings_at
    return entry.unknown or (entry.placed and not stopped)


def clocks(item: Candidate) -> tuple[tzinfo, ...]:
    """The zones in which the called person may be."""
    return zones_of(item) or EVERYWHERE


def local(moment: datetime, clock: tzinfo) -> datetime:
    """The moment on a clock. At the ends of the calendar, where clocks end too, it stays in UTC."""
    try:
        return moment.astimezone(clock)
    except OverflowError:
        return moment.astimezone(UTC)


def tell_local(item: Candidate) -> str:
    """``2026-06-01 10:30 America/Mexico_City``: when a call rings where the person is, or may be; else in UTC."""
    zones = zones_of(item)
    clock, name = (zones[0], zones[0].key) if zones else (UTC, "UTC")
    return f"{local(item.rings_at, clock):%Y-%m-%d %H:%M} {name}"
