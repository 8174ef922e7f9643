"""A public snapshot of a state: what a plan needs to be compared with, and nothing that a person said.

The document is ``schemas/snapshot.schema.json``. It is read as what it may be, a file that anybody edited: each
member must be exactly what this module writes, and ``checksum`` tells where two files were merged or one was cut.
It is no signature: whoever can replace a snapshot can make another.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.domain import identity
from reconciler.domain.blinding import DIGEST_PREFIX, HIDDEN, BlindedView, is_blind, is_blind_text
from reconciler.domain.documents import instant, integer, items, maybe, members, optional_instant, text, to_bytes
from reconciler.domain.facts import Conflict, unresolved
from reconciler.domain.merging import ascending
from reconciler.domain.model import Address, Entry, JsonObject, JsonValue, Status
from reconciler.domain.people import person
from reconciler.domain.ports import StateReader
from reconciler.domain.times import format_instant
from reconciler.errors import StateError, StateMissing
from reconciler.state.rules import check_lineage
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import read_named

FORMAT_VERSION = "1.2"
_PURPOSE = "snapshot"
_KEY = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(re.escape(DIGEST_PREFIX) + r"[0-9a-f]{64}")
_NO_REASON = f"its reason is {HIDDEN.strip('()')}"
_HINT = "make it again: reconciler state export --public FILE"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state as it was at ``created_at``. The entries' calls and digests are blinded with ``key``, and so are the
    persons of the conflicts, which name no call ids.
    """

    lineage: str
    serial: int
    created_at: datetime
    key: bytes
    entries: tuple[Entry, ...]
    conflicts: Mapping[Address, Conflict]


def export(reader: StateReader, now: datetime) -> bytes:
    """The snapshot of a state. The same calls give the same lines, so that a diff of two snapshots is short."""
    key = reader.key_for(_PURPOSE)
    blind = BlindedView(key)
    # The serial is read first: beside a running apply it may be too low, which is safe, and never too high.
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
        StateError: it is no snapshot, damaged, of another version, or of another lineage.
    """
    try:
        data = read_named(path, pipe=False)
    except FileNotFoundError as error:
        hint = "fetch it, or make one: reconciler state export --public FILE"
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
        raise StateError(f"{path} is no snapshot: {error}", hint=_HINT) from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise StateError(f"{path} is no snapshot: it has no format_version", hint=_HINT)
    if document["format_version"] != FORMAT_VERSION:
        version = json.dumps(document["format_version"])[:20]
        raise StateError(f"the snapshot {path} has format {version}; this version reads {FORMAT_VERSION}")
    try:
        return _snapshot(document)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else error
        raise StateError(f"the snapshot {path} is damaged: {told}", hint=_HINT) from error


def _snapshot(document: JsonObject) -> Snapshot:
    rest = dict(document)
    if rest.pop("checksum", None) != _checksum(rest):
        raise ValueError("its checksum is not that of its content")
    _only(rest, {"format_version", "lineage", "serial", "created_at", "key", "entries", "conflicts"})
    key = text(rest["key"])
    if not _KEY.fullmatch(key):
        raise ValueError("its key is none")
    conflicts = map(_conflict, map(members, items(rest["conflicts"])))
    return Snapshot(
        lineage=text(rest["lineage"]),
        serial=_count(rest["serial"]),
        created_at=instant(rest["created_at"]),
        key=bytes.fromhex(key),
        entries=tuple(ascending(_entry(members(item)) for item in items(rest["entries"]))),
        conflicts={item.address: item for item in conflicts},
    )


def _conflict(item: JsonObject) -> Conflict:
    _only(item, {"address", "person", "at"})
    target = text(item["person"])
    if not is_blind_text(target):
        raise ValueError(f"{item['address']} holds what is no keyed digest")
    return Conflict(Address.parse(text(item["address"])), (), target, "", instant(item["at"]), "")


def _entry(item: JsonObject) -> Entry:
    written = {
        "address",
        "status",
        "digest",
        "fields",
        "attempted_at",
        "rings_at",
        "stopped_at",
        "let_ring_at",
        "rejections",
    }
    _only(item, written)
    address, status = Address.parse(text(item["address"])), Status(text(item["status"]))
    call, digest = identity.from_logical(members(item["fields"])), text(item["digest"])
    if not is_blind(call) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{address} holds what is no keyed digest")
    return Entry(
        address=address,
        status=status,
        call=call,
        digest=digest,
        attempted_at=instant(item["attempted_at"]),
        rings_at=instant(item["rings_at"]),
        error=_NO_REASON if status is Status.FAILED else None,
        rejections=_count(item["rejections"]),
        stopped_at=maybe(instant, item["stopped_at"]),
        let_ring_at=maybe(instant, item["let_ring_at"]),
    )


def _count(value: JsonValue) -> int:
    number = integer(value)
    if not 0 <= number < 2**63:
        raise ValueError("a count is below zero, or none that a state can have")
    return number


def _only(item: dict[str, JsonValue], names: set[str]) -> None:
    if unknown := item.keys() - names:
        raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
