"""A ledger as a file of its own: JSON Lines, to be checked where the state is not.

The first line says whose ledger it is and where it ends, one line an entry follows, and the last line holds the
SHA-256 of all bytes before it. The lines are those of ``schemas/audit.schema.json``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from reconciler import __version__
from reconciler.domain.canonical import canonical_json
from reconciler.domain.chain import ChainVerifier, Head, LedgerRecord, Link, read
from reconciler.domain.documents import inert, integer, members, text
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.ports import StateReader
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.state.audit import Verdict, walk_along
from reconciler.state.replay import Replay
from reconciler.system.failures import error_message, next_step
from reconciler.system.files import read_named

FORMAT_VERSION = "1.0"
_MEMBERS = ("number", "at", "kind", "run", "serial", "prev", "content")


def export(reader: StateReader, now: datetime) -> bytes:
    """The whole ledger. The head is that of the entries that are written, also beside a running apply."""
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
    end: JsonObject = {"type": "end", "entries": len(links), "digest": _digest(body)}
    return body + _line(end)


def line(link: Link, record: LedgerRecord) -> JsonObject:
    """One entry as a JSON object."""
    told: JsonObject = {
        "type": "entry",
        **{name: getattr(record, name) for name in _MEMBERS},
        "hash": link.hash,
    }
    if link.texts is not None:
        told |= {"salt": link.salt, "texts": dict(link.texts)}
    return told


def _line(document: JsonObject) -> bytes:
    """A line in which a CI runner finds no command."""
    return inert(canonical_json(document)) + b"\n"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def verify(path: Path, anchors: Iterable[Head] = ()) -> Verdict:
    """Check an exported ledger: its own digest, the chain, the texts, and the heads that were kept elsewhere.

    Raises:
        StateError: it cannot be read, or is no exported ledger at all.
    """
    try:
        data = read_named(path)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error_message(error)}", hint=next_step(error)) from error
    lines = data.splitlines(keepends=True)
    first = _object(lines[0] if lines else b"")
    if first is None or first.get("type") != "ledger":
        raise StateError(f"{path} is no exported ledger", hint="reconciler audit export FILE")
    if first.get("format_version") != FORMAT_VERSION:
        raise StateError(f"{path} has another format; this version reads {FORMAT_VERSION}")
    return _examine(lines, first, anchors)


def _examine(lines: list[bytes], first: JsonObject, anchors: Iterable[Head]) -> Verdict:
    lineage, problems = str(first.get("lineage")), list[str]()
    body, end = lines[:-1], _object(lines[-1])
    if end is None or end.get("type") != "end":
        problems.append("the file was cut off: its last line is missing")
        body = lines
    elif end.get("digest") != _digest(b"".join(body)):
        problems.append("the file was changed: its digest is not that of its lines")
    walk, links = ChainVerifier(lineage), list[Link]()
    for number, raw in enumerate(body[1:], start=2):
        link = _link(raw)
        if link is None:
            problems.append(f"line {number}: it is no entry")
        else:
            links.append(link)
    with closing(Replay()) as replay:
        walk_along(links, walk, replay)
    walk.check_head(_head(first.get("head")))
    for anchor in anchors:
        walk.check_anchor(anchor)
    return Verdict(problems + walk.problems, walk.head, lineage)


def _link(raw: bytes) -> Link | None:
    found = _object(raw)
    try:
        if found is None or found["type"] != "entry":
            return None
        entry = canonical_json({name: found[name] for name in _MEMBERS}).decode()
        texts = None
        if "texts" in found:
            texts = {name: text(item) for name, item in members(found["texts"]).items()}
        salt = text(found["salt"]) if "salt" in found else None
        return Link(integer(found["number"]), entry, text(found["hash"]), salt, texts)
    except (LookupError, TypeError, ValueError):
        return None


def _object(raw: bytes) -> JsonObject | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _head(value: JsonValue) -> Head | None:
    try:
        return Head(integer(members(value)["number"]), text(members(value)["hash"]))
    except (LookupError, TypeError):
        return None
