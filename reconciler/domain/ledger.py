"""The ledger's hash chain: each entry holds the hash of the previous one; the first holds the lineage's hash.

An entry never contains personal data, only salted hashes of it. The texts and their salt are stored beside the
entry until they are redacted. After that no guess can be tested, and the chain can still be verified.

An entry is RFC 8785 JSON. Its hash is SHA-256 over a fixed header line, followed by these bytes.
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

from reconciler.domain.canonical import canonical_json
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.times import format_instant

_GENESIS = b"call-reconciler ledger 1: genesis\n"
_ENTRY = b"call-reconciler ledger 1: entry\n"
_TEXT = b"call-reconciler ledger 1: text\n"


class EntryKind(StrEnum):
    """The type of a ledger entry. An ``expired`` row was never attempted, a ``missed`` attempt came too late. A
    state that ``departed`` is closed; its chain continues where it ``arrived``."""

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
    """The content of a new entry. ``texts`` can be redacted later; everything else is permanent."""

    kind: EntryKind
    at: datetime
    run_id: str | None
    content: JsonObject
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the number of its latest entry (0: none) and that entry's hash."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number} {self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is stored: ``entry`` is its JSON. ``texts`` is None if it has none, or they were redacted."""

    number: int
    entry: str
    hash: str
    salt: str | None = None
    texts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """A decoded entry. ``serial`` is the state's serial after the entry was written."""

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
        """The end of the ledger, which is stored apart from its entries."""
        ...


def genesis(lineage: str) -> Head:
    """The head that the first entry of a state's ledger follows."""
    return Head(0, hashlib.sha256(_GENESIS + lineage.encode()).hexdigest())


def entry_hash(entry: str) -> str:
    return hashlib.sha256(_ENTRY + entry.encode("utf-8", "surrogatepass")).hexdigest()


def text_hash(salt: str, name: str, text: str) -> str:
    return hashlib.sha256(_TEXT + f"{salt}\n{name}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def link(head: Head, note: Note, serial: int, salt: str) -> Link:
    """The entry that follows ``head``. ``salt`` must be random and used only once.

    Raises:
        UnicodeEncodeError: a text is not valid Unicode.
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
    entry = canonical_json(members).decode()
    kept = (salt, dict(note.texts)) if note.texts else (None, None)
    return Link(number, entry, entry_hash(entry), *kept)


def read(entry: str) -> LedgerRecord:
    """Decode an entry's JSON.

    Raises:
        ValueError: it is not in the form that ``link`` writes.
    """
    try:
        members = json.loads(entry)
        same = canonical_json(members) == entry.encode()
        record = LedgerRecord(**members)
    except (TypeError, UnicodeEncodeError, RecursionError, rfc8785.CanonicalizationError) as error:
        raise ValueError(str(error)) from error
    if not same or not isinstance(members["content"], dict):
        raise ValueError("it is not in its canonical form")
    return record


class ChainVerifier:
    """Verifies a chain, entry by entry, and collects its ``problems``.

    After a broken entry it continues from the stored hash, so one change is reported once.
    """

    def __init__(self, lineage: str) -> None:
        self.head = genesis(lineage)
        self.hashes: list[str] = []
        self.problems: list[str] = []

    def step(self, found: Link) -> LedgerRecord | None:
        """Check the next entry; None where it cannot be read."""
        before, self.head = self.head, Head(found.number, found.hash)
        self.hashes.append(found.hash)
        if found.number != before.number + 1:
            self._add_problem(found, f"it follows entry {before.number}: the entries between them are missing")
        if entry_hash(found.entry) != found.hash:
            self._add_problem(found, "it was changed: its hash does not match its content")
        try:
            record = read(found.entry)
        except ValueError as error:
            self._add_problem(found, f"it cannot be read: {error}")
            return None
        if record.number != found.number:
            self._add_problem(found, f"it is entry {record.number}, moved to another position")
        if record.prev != before.hash:
            self._add_problem(found, f"its previous hash does not match entry {before.number}")
        self._check_texts(found, record)
        return record

    def _check_texts(self, found: Link, record: LedgerRecord) -> None:
        promised = promised_texts(record)
        if found.texts is None:
            return
        if found.salt is None or found.texts.keys() != promised.keys():
            self._add_problem(found, "the texts stored beside it are not those it was written with")
            return
        for name, text in found.texts.items():
            if text_hash(found.salt, name, text) != promised[name]:
                self._add_problem(found, f"its text '{name}' was changed")

    def _add_problem(self, found: Link, message: str) -> None:
        self.problems.append(f"ledger entry {found.number}: {message}")

    def check_head(self, kept: Head | None) -> None:
        """Compare the end of the chain with the head that the state stores apart from it."""
        if kept is None:
            self.problems.append("ledger head: it is missing, so the end of the ledger cannot be checked")
        elif self.head != kept:
            self.problems.append(
                f"the ledger ends with entry {self.head.number} ({self.head.hash[:12]}), but the state "
                f"records entry {kept.number} ({kept.hash[:12]}) as its end: the end was cut off or replaced"
            )

    def check_anchor(self, anchor: Head) -> None:
        """Compare with a head that was kept elsewhere. Its number is 0 if only the hash was kept."""
        known = anchor.hash in self.hashes if anchor.number == 0 else self._at(anchor.number) == anchor.hash
        if not known:
            place = f"entry {anchor.number} with " if anchor.number else "an entry with "
            self.problems.append(
                f"the ledger does not contain {place}the hash {anchor.hash[:12]} that was kept elsewhere: "
                "it was rewritten, or cut off before that entry"
            )

    def _at(self, number: int) -> str | None:
        return self.hashes[number - 1] if number <= len(self.hashes) else None


def promised_texts(record: LedgerRecord) -> dict[str, JsonValue]:
    """The hashes of the texts that an entry was written with, by text name."""
    texts = record.content.get("texts")
    return texts if isinstance(texts, dict) else {}
