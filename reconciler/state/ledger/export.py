"""A ledger exported to a JSON Lines file, which can be verified where the state is not available.

The first line has the lineage and the head. One line for each entry follows. The last line has the SHA-256 of all
bytes before it. ``schemas/audit.schema.json`` describes the lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from reconciler import __version__
from reconciler.domain.canonical import canonical_json
from reconciler.domain.documents import inert
from reconciler.domain.ledger import ChainVerifier, Head, LedgerRecord, Link, read
from reconciler.domain.model import JsonObject
from reconciler.domain.ports import StateReader
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.state.ledger.audit import AuditResult, verify_chain
from reconciler.state.ledger.replay import Replay
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import read_named

FORMAT_VERSION = "1.0"
_MEMBERS = ("number", "at", "kind", "run", "serial", "prev", "content")
_T = TypeVar("_T")


class _FirstLine(msgspec.Struct, tag_field="type", tag="ledger"):
    format_version: object = None
    lineage: object = None
    head: object = None


class _EntryLine(msgspec.Struct, tag_field="type", tag="entry"):
    number: int
    at: object
    kind: object
    run: object
    serial: object
    prev: object
    content: object
    hash: str
    salt: str | None = None
    texts: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class _LastLine(msgspec.Struct, tag_field="type", tag="end"):
    digest: object = None


def export(reader: StateReader, now: datetime) -> bytes:
    """The complete ledger. Its head is that of the exported entries, even while an apply runs."""
    links = list(reader.ledger())
    head = Head(links[-1].number, links[-1].hash) if links else reader.head
    first: JsonObject = {
        "type": "ledger",
        "format_version": FORMAT_VERSION,
        "lineage": reader.lineage,
        "head": {"number": head.number, "hash": head.hash},
        "exported_at": format_instant(now),
        "tool_version": __version__,
    }
    body = b"".join(_line(item) for item in (first, *(line(link, read(link.entry)) for link in links)))
    return body + _line({"type": "end", "entries": len(links), "digest": _digest(body)})


def line(link: Link, record: LedgerRecord) -> JsonObject:
    """One entry as a JSON object."""
    document: JsonObject = {
        "type": "entry",
        **{name: getattr(record, name) for name in _MEMBERS},
        "hash": link.hash,
    }
    return document if link.texts is None else document | {"salt": link.salt, "texts": dict(link.texts)}


def _line(document: JsonObject) -> bytes:
    """A line that a CI runner does not read as a command."""
    return inert(canonical_json(document)) + b"\n"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def verify(path: Path, anchors: Iterable[Head] = ()) -> AuditResult:
    """Verify an exported ledger: its own digest, the chain, the texts, and the heads that were kept elsewhere.

    Raises:
        StateError: it cannot be read, or is not an exported ledger.
    """
    try:
        lines = read_named(path).splitlines(keepends=True)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error_message(error)}", hint=next_step(error)) from error
    first = _decode(lines[0] if lines else b"", _FirstLine)
    if first is None:
        raise StateError(f"{path} is not an exported ledger", hint="reconciler audit export FILE")
    if first.format_version != FORMAT_VERSION:
        raise StateError(f"{path} has another format; this version reads {FORMAT_VERSION}")
    problems: list[str] = []
    body, end = lines[:-1], _decode(lines[-1], _LastLine)
    if end is None:
        problems.append("the file was cut off: its last line is missing")
        body = lines
    elif end.digest != _digest(b"".join(body)):
        problems.append("the file was changed: its digest does not match its lines")
    verifier, links = ChainVerifier(str(first.lineage)), list[Link]()
    for number, raw in enumerate(body[1:], start=2):
        link = _link(raw)
        if link is None:
            problems.append(f"line {number}: it is not a ledger entry")
        else:
            links.append(link)
    with closing(Replay()) as replay:
        verify_chain(links, verifier, replay)
    verifier.check_head(_head(first.head))
    for anchor in anchors:
        verifier.check_anchor(anchor)
    return AuditResult(problems + verifier.problems, verifier.head, str(first.lineage))


def _link(raw: bytes) -> Link | None:
    item = _decode(raw, _EntryLine)
    if item is None:
        return None
    try:
        entry = canonical_json({name: getattr(item, name) for name in _MEMBERS}).decode()
    except (TypeError, ValueError):
        return None
    texts = None if item.texts is msgspec.UNSET else item.texts
    return Link(item.number, entry, item.hash, item.salt, texts)


def _head(value: object) -> Head | None:
    try:
        return msgspec.convert(value, Head)
    except msgspec.ValidationError:
        return None


def _decode(raw: bytes, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        return None
