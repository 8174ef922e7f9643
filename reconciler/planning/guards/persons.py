"""Which persons calls reach, and the time zones in which their days are counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import chain

from reconciler.domain.blinding import ClearView, View
from reconciler.domain.model import Entry
from reconciler.domain.people import People, person, spellings
from reconciler.planning.guards.base import Candidate
from reconciler.planning.guards.zones import called_zones

# If a person's zone is unknown, every offset is possible. All offsets are a multiple of 15 minutes.
EVERYWHERE: tuple[tzinfo, ...] = tuple(timezone(timedelta(minutes=offset)) for offset in range(-720, 855, 15))


class Persons:
    """The persons that calls reach, for rows and for the state's entries, whose texts a view may have masked.

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

    def with_number(self, targets: Iterable[str]) -> dict[str, list[str]]:
        """The contacts among these targets that have a known number, by that number."""
        contacts: dict[str, list[str]] = {}
        for name, *numbers in map(self.names, dict.fromkeys(targets)):
            for number in numbers:
                contacts.setdefault(number, []).append(name)
        return contacts


def counts(entry: Entry) -> bool:
    """Whether the person was, will be or may have been called: false only for a call that was stopped before it
    rang.
    """
    stopped = entry.stopped_at is not None and entry.stopped_at < entry.rings_at
    return entry.unknown or (entry.placed and not stopped)


def clocks(item: Candidate) -> tuple[tzinfo, ...]:
    """The time zones in which the called person may be."""
    return called_zones(item) or EVERYWHERE


def local(moment: datetime, clock: tzinfo) -> datetime:
    """The moment in a time zone. It stays in UTC at the limits of the calendar, where time zones cannot be
    applied.
    """
    try:
        return moment.astimezone(clock)
    except OverflowError:
        return moment.astimezone(UTC)


def format_local(item: Candidate) -> str:
    """``2026-06-01 10:30 America/Mexico_City``: when a call rings in the person's time zone, else in UTC."""
    zones = called_zones(item)
    clock, name = (zones[0], zones[0].key) if zones else (UTC, "UTC")
    return f"{local(item.rings_at, clock):%Y-%m-%d %H:%M} {name}"
