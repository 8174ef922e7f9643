"""Identify persons: contacts and their numbers in all spellings; and the lists of people not to call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from reconciler.domain.model import Location

LIST_MAX_AGE = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class OptionalDigit:
    """Numbers that ring the same phone with and without one digit.

    ``before`` and ``after`` are patterns for the text on its left and right; ``source`` cites the numbering plan.
    """

    country: str
    before: str
    digit: str
    after: str
    source: str


OPTIONAL_DIGITS = (
    OptionalDigit(
        "MX",
        r"\+52",
        "1",
        r"[0-9]{10}",
        "IFT, numbering plan in the Diario Oficial of 11 May 2018: since 3 August 2019 a mobile is called from "
        "abroad with 10 digits after 52, as a landline is; before, a 1 stood between them. No two phones share "
        "the 10 digits.",
    ),
    OptionalDigit(
        "BR",
        r"\+55[1-9]{2}",
        "9",
        r"[6-9][0-9]{7}",
        "Anatel, resolution 553 of 14 December 2010: a 9 before the eight digits of mobiles, which began with 6 "
        "to 9. Landlines begin with 2 to 5, and stay as they are.",
    ),
    OptionalDigit(
        "AR",
        r"\+54",
        "9",
        r"[0-9]{10}",
        "Argentina's national numbering plan (ITU-T, E.164): 10 digits, which no landline shares with a mobile; "
        "from abroad a mobile is called with a 9 before them, and gets text messages without it.",
    ),
)

_WITH_DIGIT = re.compile(
    "|".join(f"({rule.before}){rule.digit}({rule.after})" for rule in OPTIONAL_DIGITS), re.ASCII
)
_WITHOUT_DIGIT = tuple(
    (re.compile(f"({rule.before})({rule.after})", re.ASCII), rule.digit) for rule in OPTIONAL_DIGITS
)
_PREFIXED_UUID = re.compile(r"(?:contact-|agent-|pn-)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)


def exact_id(identifier: str) -> str:
    """The normalized form of a contact's, agent's or number's id, or of an E.164 number.

    It ignores case, and the service's prefixes before a UUID. Equal forms may be used as evidence.
    """
    lower = identifier.lower()
    matches = _PREFIXED_UUID.fullmatch(lower)
    return matches[1] if matches else lower


def person(target: str) -> str:
    """The form of a contact's id or an E.164 number that is equal if it is probably the same person.

    Numbers that are dialled alike have one form. It may block a call, but is no evidence that one was placed.
    """
    matches = _WITH_DIGIT.fullmatch(target)
    return "".join(part or "" for part in matches.groups()) if matches else exact_id(target)


def spellings(target: str) -> frozenset[str]:
    """All spellings of ``target``: its own, that of ``person``, and for a number the one with the optional
    digit."""
    short = person(target)
    longer = (
        f"{matches[1]}{digit}{matches[2]}"
        for pattern, digit in _WITHOUT_DIGIT
        if (matches := pattern.fullmatch(short))
    )
    return frozenset({target, short, *longer})


@dataclass(frozen=True, slots=True)
class ListFile:
    """A file that lists people, relative to the project. ``country`` applies to numbers without ``+``.

    ``source`` is the location in the project file. ``sheet`` is for workbooks, ``encoding`` and ``delimiter`` are
    for text.
    """

    file: str
    source: Location
    country: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class SuppressionFile:
    """A list of people who must not be called, and its date."""

    list: ListFile
    as_of: date
    max_age: timedelta = LIST_MAX_AGE


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A suppression list: ``persons`` in the form of ``person``.

    ``numbers_only``: some line has only a number, which cannot be compared with a contact's id.
    """

    file: SuppressionFile
    persons: frozenset[str] = frozenset()
    numbers_only: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """The content of the lists. ``numbers`` maps contact ids to numbers, both in the form of ``person``."""

    suppressed: tuple[Suppressed, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)

    def names(self, target: str) -> tuple[str, ...]:
        """All identifiers of a person: the target itself, then the contact's number if it is known."""
        own = person(target)
        number = self.numbers.get(own)
        return (own,) if number is None else (own, number)
