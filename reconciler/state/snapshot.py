"""A public snapshot of a state: what a plan compares with, and no text that a person wrote.

``schemas/snapshot.schema.json`` describes the document. Anybody may have edited it, so each member must be exactly
what this module writes. ``checksum`` detects merged or truncated files. It is not a signature: whoever can replace
a snapshot can also compute its checksum.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, convert

from reconciler.domain import identity
from reconciler.domain.blinding import DIGEST_PREFIX, HIDDEN, BlindedView, is_blind, is_blind_text
from reconciler.domain.documents import optional_instant, to_bytes
from reconciler.domain.facts import Conflict, unresolved
from reconciler.domain.merging import ascending
from reconciler.domain.model import Address, Entry, JsonObject, Status
from reconciler.domain.people import person
from reconciler.domain.ports import StateReader
from reconciler.domain.times import format_instant, parse_instant
from reconciler.errors import StateError, StateMissing
from reconciler.state.rules import check_lineage
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import read_named

FORMAT_VERSION = "1.2"
_PURPOSE = "snapshot"
_Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_NO_REASON = f"its reason is {HIDDEN.strip('()')}"
_HINT = "export it again: reconciler state export --public FILE"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as of ``created_at``. Calls, digests and the persons of conflicts are blinded with ``key``.
    Conflicts have no call ids.
    """

    lineage: str
    serial: int
    created_at: datetime
    key: bytes
    entries: tuple[Entry, ...]
    conflicts: Mapping[Address, Conflict]


class _EntryDocument(Struct, frozen=True, forbid_unknown_fields=True):
    address: str
    status: Status
    digest: Annotated[str, Meta(pattern=f"^{re.escape(DIGEST_PREFIX)}[0-9a-f]{{64}}\\Z")]
    fields: dict[str, Any]
    attempted_at: str
    rings_at: str
    stopped_at: str | None
    let_ring_at: str | None
    rejections: _Count


class _ConflictDocument(Struct, frozen=True, forbid_unknown_fields=True):
    address: str
    person: str
    at: str


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    """Without the checksum."""

    format_version: str
    lineage: str
    serial: _Count
    created_at: str
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    entries: list[_EntryDocument]
    conflicts: list[_ConflictDocument]


def export(reader: StateReader, now: datetime) -> bytes:
    """The snapshot of a state. The same calls give the same lines, so that diffs are short."""
    key = reader.key_for(_PURPOSE)
    blind = BlindedView(key)
    # The serial is read first. While an apply runs it can be too low, which is safe, but never too high.
    document: JsonObject = {
        "format_version": FORMAT_VERSION,
        "lineage": reader.lineage,
        "serial": reader.serial,
        "created_at": format_instant(now),
        "key": key.hex(),
        "entries": [_entry_document(entry, blind) for entry in reader.entries()],
        "conflicts": [
            {
                "address": str(item.address),
                "person": blind.target(person(item.target)),
                "at": format_instant(item.at),
            }
            for _, item in sorted(unresolved(reader).items())
        ],
    }
    return to_bytes(document | {"checksum": _checksum(document)})


def _checksum(document: JsonObject) -> str:
    return "sha256:" + hashlib.sha256(to_bytes(document)).hexdigest()


def _entry_document(entry: Entry, blind: BlindedView) -> JsonObject:
    return {
        "address": str(entry.address),
        "status": entry.status.value,
        "digest": blind.digest(entry.digest),
        "fields": identity.to_logical(blind.call(entry.call)),
        "attempted_at": format_instant(entry.attempted_at),
        "rings_at": format_instant(entry.rings_at),
        "stopped_at": optional_instant(entry.stopped_at),
        "let_ring_at": optional_instant(entry.let_ring_at),
        "rejections": entry.rejections,
    }


def read(path: Path, *, lineage: str | None = None) -> Snapshot:
    """Read a snapshot. ``lineage`` is the pinned one.

    Raises:
        StateMissing: there is no file.
        StateError: it is not a snapshot, is damaged, or has another version or lineage.
    """
    try:
        data = read_named(path, pipe=False)
    except FileNotFoundError as error:
        hint = "fetch it, or export one: reconciler state export --public FILE"
        raise StateMissing(f"no snapshot at {path}", hint=hint) from error
    except OSError as error:
        raise StateError(
            f"the snapshot {path} cannot be read: {error_message(error)}", hint=next_step(error)
        ) from error
    snapshot = _loads(data, path)
    check_lineage(snapshot.lineage, lineage)
    return snapshot


def _loads(data: bytes, path: Path) -> Snapshot:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is not a snapshot: {error}", hint=_HINT) from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise StateError(f"{path} is not a snapshot: it has no format_version", hint=_HINT)
    if document["format_version"] != FORMAT_VERSION:
        version = json.dumps(document["format_version"])[:20]
        raise StateError(f"the snapshot {path} has format {version}; this version reads {FORMAT_VERSION}")
    try:
        if document.pop("checksum", None) != _checksum(document):
            raise ValueError("its checksum does not match its content")
        return _snapshot(convert(document, _Document))
    except (TypeError, ValueError, LookupError, RecursionError) as error:
        raise StateError(f"the snapshot {path} is damaged: {error}", hint=_HINT) from error


def _snapshot(document: _Document) -> Snapshot:
    conflicts = map(_conflict, document.conflicts)
    return Snapshot(
        lineage=document.lineage,
        serial=document.serial,
        created_at=parse_instant(document.created_at),
        key=bytes.fromhex(document.key),
        entries=tuple(ascending(map(_entry, document.entries))),
        conflicts={item.address: item for item in conflicts},
    )


def _conflict(item: _ConflictDocument) -> Conflict:
    if not is_blind_text(item.person):
        raise ValueError(f"{item.address} has a text that is not a keyed digest")
    return Conflict(Address.parse(item.address), (), item.person, "", parse_instant(item.at), "")


def _entry(item: _EntryDocument) -> Entry:
    call = identity.from_logical(item.fields)
    if not is_blind(call):
        raise ValueError(f"{item.address} has a text that is not a keyed digest")
    return Entry(
        address=Address.parse(item.address),
        status=item.status,
        call=call,
        digest=item.digest,
        attempted_at=parse_instant(item.attempted_at),
        rings_at=parse_instant(item.rings_at),
        error=_NO_REASON if item.status is Status.FAILED else None,
        rejections=item.rejections,
        stopped_at=None if item.stopped_at is None else parse_instant(item.stopped_at),
        let_ring_at=None if item.let_ring_at is None else parse_instant(item.let_ring_at),
    )
