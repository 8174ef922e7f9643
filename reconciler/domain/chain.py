"""The ledger's chain: each entry holds the hash of the one before it, the first one that of the state's lineage.

What could tell of a person is never in an entry, only a salted hash of it. The text stands beside the entry, with
its salt, until somebody redacts it: then nothing is left to test a guess with, and the chain holds all the same.

An entry is RFC 8785 JSON; its hash is SHA-256 over a line that says what it is, and these bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import rfc8785
from msgspec.json import Encoder

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.times import format_instant

_GENESIS = b"call-reconciler ledger 1: genesis\n"
_ENTRY = b"call-reconciler ledger 1: entry\n"
_TEXT = b"call-reconciler ledger 1: text\n"
_PLAIN = Encoder(order="sorted")
_SAFE_INTEGERS = 1 << 53  # RFC 8785 refuses larger ones


class Kind(StrEnum):
    """What an entry records. An ``expired`` row was never attempted, a ``missed`` attempt came too late. A state
    that ``departed`` is closed until it has ``arrived``, where its chain goes on."""

    CREATED = "created"
    MIGRATED = "migrated"
    INHERITED = "inherited"
    BEGAN = "began"
    ENDED = "ended"
    LOOKED = "looked"
    INTENDED = "intended"
    EXPIRED = "expired"
    PLACED = "placed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    RULED_OUT = "ruled_out"
    MISSED = "missed"
    ADOPTED = "adopted"
    DECIDED = "decided"
    CLEARED = "cleared"
    FORGOTTEN = "forgotten"
    MOVED = "moved"
    REDACTED = "redacted"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    PAUSED = "paused"
    RESUMED = "resumed"
    CONFLICT = "conflict"
    CONFLICT_ENDED = "conflict_ended"
    APPROVED = "approved"
    APPROVAL_ENDED = "approval_ended"
    APPLIED_FROM = "applied_from"
    OBSERVED = "observed"
    TO_STOP = "to_stop"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to write down. ``texts`` may be taken away later; all else stays for good."""

    kind: Kind
    at: datetime
    run_id: str | None
    content: JsonObject
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: the number of its latest entry (0: none) and that entry's hash."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is stored: ``entry`` is its JSON. ``texts`` are None where it has none, or none any more."""

    number: int
    entry: str
    hash: str
    salt: str | None = None
    texts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as it is read. ``serial`` is the state's after it was written."""

    number: int
    at: str
    kind: str
    run: str | None
    serial: int
    prev: str
    content: JsonObject


class LedgerReader(Protocol):
    """Reads a ledger."""

    def ledger(self) -> Iterator[Link]:
        """All entries, oldest first."""
        ...

    @property
    def head(self) -> Head:
        """Where the ledger ends, as it is kept apart from its entries."""
        ...


def genesis(lineage: str) -> Head:
    """What the first entry of a state's ledger follows."""
    return Head(0, hashlib.sha256(_GENESIS + lineage.encode()).hexdigest())


def entry_hash(entry: str) -> str:
    return hashlib.sha256(_ENTRY + entry.encode("utf-8", "surrogatepass")).hexdigest()


def text_hash(salt: str, name: str, text: str) -> str:
    return hashlib.sha256(_TEXT + f"{salt}\n{name}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def link(head: Head, note: Note, serial: int, salt: str) -> Link:
    """The entry that follows ``head``. ``salt`` is random, and used once.

    Raises:
        UnicodeEncodeError: a text is no Unicode.
    """
    content = dict(note.content)
    if note.texts:
        content["texts"] = {name: text_hash(salt, name, text) for name, text in note.texts.items()}
    number = head.number + 1
    members: JsonObject = {
        "number": number,
        "at": format_instant(note.at),
        "kind": note.kind.value,
        "run": note.run_id,
        "serial": serial,
        "prev": head.hash,
        "content": content,
    }
    entry = canonical(members).decode()
    kept = (salt, dict(note.texts)) if note.texts else (None, None)
    return Link(number, entry, entry_hash(entry), *kept)


def canonical(members: JsonObject) -> bytes:
    """RFC 8785. A compiled encoder writes the same of what is plain, and many times faster.

    Raises:
        UnicodeEncodeError: a text is no Unicode.
    """
    return _PLAIN.encode(members) if _is_plain(members) else rfc8785.dumps(members)


def _is_plain(value: JsonValue) -> bool:
    """Without fractions, of which the standard has its own idea, and names that it may order otherwise."""
    if isinstance(value, dict):
        return all(key.isascii() and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < _SAFE_INTEGERS)


def read(entry: str) -> Record:
    """An entry's JSON.

    Raises:
        ValueError: it is not what ``link`` writes.
    """
    try:
        members = json.loads(entry)
        same = canonical(members) == entry.encode()
        record = Record(**members)
    except (TypeError, UnicodeEncodeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise ValueError(str(error)) from error
    if not same or not isinstance(members["content"], dict):
        raise ValueError("it is not in its canonical form")
    return record


class Walk:
    """Goes along a chain, entry by entry, and notes in ``problems`` what does not hold, and where.

    After a broken place it goes on from what it found there: one change is told once.
    """

    def __init__(self, lineage: str) -> None:
        self.head = genesis(lineage)
        self.hashes: list[str] = []
        self.problems: list[str] = []

    def step(self, found: Link) -> Record | None:
        """Check the next entry; None where it cannot be read."""
        before, self.head = self.head, Head(found.number, found.hash)
        self.hashes.append(found.hash)
        if found.number != before.number + 1:
            self._tell(found, f"it follows entry {before.number}: what was between them is gone")
        if entry_hash(found.entry) != found.hash:
            self._tell(found, "it was changed: its hash is not that of its content")
        try:
            record = read(found.entry)
        except ValueError as error:
            self._tell(found, f"it cannot be read: {error}")
            return None
        if record.number != found.number:
            self._tell(found, f"it is entry {record.number}, put in another place")
        if record.prev != before.hash:
            self._tell(found, f"it does not follow entry {before.number} as it now is")
        self._check_texts(found, record)
        return record

    def _check_texts(self, found: Link, record: Record) -> None:
        promised = promised_texts(record)
        if found.texts is None:
            return
        if found.salt is None or found.texts.keys() != promised.keys():
            self._tell(found, "the texts beside it are not those it was written with")
            return
        for name, text in found.texts.items():
            if text_hash(found.salt, name, text) != promised[name]:
                self._tell(found, f"its text '{name}' was changed")

    def _tell(self, found: Link, message: str) -> None:
        self.problems.append(f"ledger entry {found.number}: {message}")

    def check_head(self, kept: Head | None) -> None:
        """Compare where the chain ends with what the state keeps apart from it."""
        if kept is None:
            self.problems.append("ledger head: it is gone; nothing says where the ledger ended")
        elif self.head != kept:
            self.problems.append(
                f"the ledger ends with entry {self.head.number} ({self.head.hash[:12]}), and the state says "
                f"that it ends with entry {kept.number} ({kept.hash[:12]}): its end was cut off or replaced"
            )

    def check_anchor(self, anchor: Head) -> None:
        """Compare with a head that somebody kept elsewhere; its number is 0 where only the hash was kept."""
        known = anchor.hash in self.hashes if anchor.number == 0 else self._at(anchor.number) == anchor.hash
        if not known:
            place = f"entry {anchor.number} with " if anchor.number else "an entry with "
            self.problems.append(
                f"the ledger does not hold {place}the hash {anchor.hash[:12]} that was kept elsewhere: "
                "it was rewritten, or cut off before that entry"
            )

    def _at(self, number: int) -> str | None:
        return self.hashes[number - 1] if number <= len(self.hashes) else None


def promised_texts(record: Record) -> dict[str, JsonValue]:
    """The hashes of the texts that an entry was written with, by name."""
    texts = record.content.get("texts")
    return texts if isinstance(texts, dict) else {}
