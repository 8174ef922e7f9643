"""Who is one person: a contact and its number, however that is written; and the lists of those not to call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from reconciler.model import Location

LIST_MAX_AGE = timedelta(days=31)

_PREFIXED_UUID = re.compile(r"(?:contact-|agent-|pn-)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
# Numbers that ring the same phone. Mexico: the 1 before mobiles, dropped by the numbering plan of August 2019.
# Brazil: the ninth digit that Anatel's resolution 553/2010 put before mobiles, whose old numbers began with 6 to 9
# (landlines begin with 2 to 5). Argentina: the 9 for mobiles called from abroad.
_SAME_PHONE = re.compile(r"(\+52)1([0-9]{10})|(\+55[1-9]{2})9([6-9][0-9]{7})|(\+54)9([0-9]{10})", re.ASCII)


def exact_id(identifier: str) -> str:
    """A contact's, agent's or number's id, or an E.164 number, in the form in which the same ones are equal.

    Case does not count, nor does one of the service's prefixes before a UUID. This form may count as evidence.
    """
    lower = identifier.lower()
    matches = _PREFIXED_UUID.fullmatch(lower)
    return matches[1] if matches else lower


def person(target: str) -> str:
    """A contact's id or an E.164 number, in the form in which probably the same persons are equal.

    Numbers that are dialled alike have one form. It may block a call; it is no evidence that one was placed.
    """
    same = _SAME_PHONE.fullmatch(target)
    return "".join(part or "" for part in same.groups()) if same else exact_id(target)


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
