"""Who is one person: a contact and its number, however that is written; and the lists of those not to call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from reconciler.model import Location

LIST_MAX_AGE = timedelta(days=31)

_ID_PREFIX = re.compile(r"[A-Za-z]+[-_](?=[0-9A-Fa-f]{8}-)", re.ASCII)
# Numbers that ring the same phone: the digit that calls to a mobile from abroad need, or once needed (Mexico's
# numbering plan of August 2019 dropped the 1; Argentina keeps the 9).
_SAME_PHONE = re.compile(r"(\+52)1([0-9]{10})|(\+54)9([0-9]{10})", re.ASCII)


def person(target: str) -> str:
    """A contact's id or an E.164 number, in the one form in which persons are compared."""
    if target.startswith("+"):
        same = _SAME_PHONE.fullmatch(target)
        return "".join(part or "" for part in same.groups()) if same else target
    return _ID_PREFIX.sub("", target).lower()


@dataclass(frozen=True, slots=True)
class ListFile:
    """A file that lists people, relative to the project. ``country`` is where numbers without ``+`` are from.

    ``source`` is where the project file names it.
    """

    file: str
    source: Location
    country: str | None = None


@dataclass(frozen=True, slots=True)
class SuppressionFile:
    """A list of people who must not be called, and the day of which it is."""

    list: ListFile
    as_of: date
    max_age: timedelta = LIST_MAX_AGE


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A suppression list as it was read: ``persons`` in the form of ``person``.

    ``numbers_only`` says that some line names a person by number alone, which no contact's id is held against.
    """

    file: SuppressionFile
    persons: frozenset[str] = frozenset()
    numbers_only: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """What the lists say. ``numbers`` are those of contacts by id, both in the form of ``person``."""

    suppressed: tuple[Suppressed, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)

    def names(self, target: str) -> tuple[str, ...]:
        """All that a person is known by: the target itself, and a contact's number where it is known, last."""
        own = person(target)
        number = self.numbers.get(own)
        return (own,) if number is None else (own, number)
