"""The entries of the state, one call a row, for spreadsheets and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from reconciler.domain import identity
from reconciler.domain.documents import optional_instant
from reconciler.domain.masking import mask_entry, personal_values
from reconciler.domain.model import Entry, JsonObject
from reconciler.domain.sensitive import mask_names
from reconciler.domain.times import format_instant
from reconciler.render.documents import address_document
from reconciler.render.escape import for_json
from reconciler.render.labels import standing
from reconciler.render.table import Table, TableRow, by_column, column_for, field_columns
from reconciler.render.workbook_cells import VALUE

FORMAT_VERSION = "1.0"
_FIRST = ("status", "address", "plan", "key", "revision", "call_id", "attempted_at", "rings_at", "stopped_at")
_LAST = ("rejections", "error", "digest")


def entries_table(entries: Sequence[Entry], public_metadata: frozenset[str] | None) -> Table:
    """One row for each address, in the order of ``entries``; masked unless ``public_metadata`` is None."""
    fields = field_columns(name for entry in entries for name in _names(entry, masked=public_metadata is not None))
    return Table("Calls", (*_FIRST, *fields, *_LAST), _lines(entries, fields, public_metadata), len(entries))


def summary_table(entries: Sequence[Entry], lineage: str, serial: int) -> Table:
    """The number of calls for each status, and the state that they are from."""
    counts = sorted(Counter(map(standing, entries)).items())
    lines = [TableRow((status.replace("_", " ").capitalize(), str(count))) for status, count in counts]
    lines += [TableRow(("State", f"{lineage}, serial {serial}"))]
    return Table("Summary", ("summary", VALUE), lines, len(lines))


def _names(entry: Entry, *, masked: bool) -> list[str]:
    names = list(map(column_for, identity.cells(entry.call)))
    return mask_names(names, personal_values(entry.call)) if masked else names


def _lines(
    entries: Sequence[Entry], fields: Sequence[str], public_metadata: frozenset[str] | None
) -> Iterator[TableRow]:
    for entry in _shown(entries, public_metadata):
        cells = by_column(identity.cells(entry.call))
        texts = (cells.get(name, "") for name in fields)
        yield TableRow((*_first(entry), *texts, str(entry.rejections), entry.error or "", entry.digest))


def _first(entry: Entry) -> tuple[str, ...]:
    address = entry.address
    who = (str(address), address.plan, address.key, str(address.revision), entry.call_id or "")
    when = (format_instant(entry.attempted_at), format_instant(entry.rings_at))
    return (standing(entry), *who, *when, optional_instant(entry.stopped_at) or "")


def entries_json(
    entries: Sequence[Entry], lineage: str, serial: int, public_metadata: frozenset[str] | None
) -> bytes:
    """The document of ``schemas/export.schema.json``, UTF-8, masked unless ``public_metadata`` is None.

    Equal states give equal bytes.
    """
    document: JsonObject = {
        "format_version": FORMAT_VERSION,
        "lineage": lineage,
        "serial": serial,
        "entries": [_entry(entry) for entry in _shown(entries, public_metadata)],
    }
    return (for_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n").encode()


def _entry(entry: Entry) -> JsonObject:
    return {
        **address_document(entry.address),
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


def _shown(entries: Iterable[Entry], public_metadata: frozenset[str] | None) -> Iterator[Entry]:
    if public_metadata is None:
        return iter(entries)
    return (mask_entry(entry, public_metadata) for entry in entries)
