"""What the state holds, one call a row: for spreadsheets, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from reconciler import identity
from reconciler.documents import optional_instant
from reconciler.masking import mask_entry
from reconciler.model import Entry, JsonObject
from reconciler.render.escape import for_json
from reconciler.render.table import Line, Table, by_column, column_of, field_columns
from reconciler.render.words import standing
from reconciler.times import format_instant

FORMAT_VERSION = "1.0"
_FIRST = ("status", "address", "plan", "key", "revision", "call_id", "attempted_at", "rings_at", "stopped_at")
_LAST = ("rejections", "error", "digest")


def entries_table(entries: Sequence[Entry], *, masked: bool) -> Table:
    """One row an address, in the order of ``entries``."""
    fields = field_columns(column_of(name) for entry in entries for name in identity.cells(entry.call))
    return Table("Calls", (*_FIRST, *fields, *_LAST), _lines(entries, fields, masked=masked), len(entries))


def _lines(entries: Sequence[Entry], fields: Sequence[str], *, masked: bool) -> Iterator[Line]:
    for entry in _shown(entries, masked=masked):
        cells = by_column(identity.cells(entry.call))
        texts = (cells.get(name, "") for name in fields)
        yield Line((*_first(entry), *texts, str(entry.rejections), entry.error or "", entry.digest))


def _first(entry: Entry) -> tuple[str, ...]:
    address = entry.address
    who = (str(address), address.plan, address.key, str(address.revision), entry.call_id or "")
    when = (format_instant(entry.attempted_at), format_instant(entry.rings_at))
    return (standing(entry), *who, *when, optional_instant(entry.stopped_at) or "")


def entries_json(entries: Sequence[Entry], lineage: str, serial: int, *, masked: bool) -> bytes:
    """The document of ``schemas/export.schema.json``, UTF-8. Equal states give equal bytes."""
    document: JsonObject = {
        "format_version": FORMAT_VERSION,
        "lineage": lineage,
        "serial": serial,
        "entries": [_entry(entry) for entry in _shown(entries, masked=masked)],
    }
    return (for_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n").encode()


def _entry(entry: Entry) -> JsonObject:
    return {
        "address": str(entry.address),
        "plan": entry.address.plan,
        "key": entry.address.key,
        "revision": entry.address.revision,
        "status": standing(entry),
        "call_id": entry.call_id,
        "attempted_at": format_instant(entry.attempted_at),
        "rings_at": format_instant(entry.rings_at),
        "stopped_at": optional_instant(entry.stopped_at),
        "call": identity.to_logical(entry.call),
        "rejections": entry.rejections,
        "error": entry.error,
        "digest": entry.digest,
    }


def _shown(entries: Iterable[Entry], *, masked: bool) -> Iterator[Entry]:
    return map(mask_entry, entries) if masked else iter(entries)
