"""The table as data for the page's script: columns of numbers, with each text stored once."""

from __future__ import annotations

from reconciler.domain import identity
from reconciler.domain.model import Call, JsonObject, JsonValue
from reconciler.domain.plan import CellDiff
from reconciler.render.escape import cut
from reconciler.render.formats import format_place, shorten
from reconciler.render.html.call_table import CallBook, CallLine
from reconciler.source.provenance import TAG, Provenance, ValueOrigin

LONGEST = 2_000


class _Texts:
    """Assigns numbers to texts; 0 is the empty text."""

    def __init__(self) -> None:
        self._numbers = {"": 0}

    def __call__(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def listed(self) -> list[JsonValue]:
        return [cut(text, LONGEST) for text in self._numbers]


class _Origins:
    """Assigns numbers to origins, because thousands of rows share a default."""

    def __init__(self, texts: _Texts) -> None:
        self._texts = texts
        self._numbers: dict[ValueOrigin, int] = {}
        self._documents: list[JsonValue] = []

    def __call__(self, origin: ValueOrigin) -> int:
        if origin not in self._numbers:
            document = self._document(origin)
            self._numbers[origin] = len(self._documents)
            self._documents.append(document)
        return self._numbers[origin]

    def _document(self, origin: ValueOrigin) -> JsonValue:
        texts = self._texts
        return {
            "kind": texts(str(origin.kind)),
            "value": texts(origin.value),
            "place": texts("" if origin.place is None else format_place(origin.place)),
            "formula": texts(origin.formula or ""),
            "cut": origin.cut,
            "inputs": [
                [texts(item.name), None if item.origin is None else self(item.origin)] for item in origin.inputs
            ],
        }

    def row_origins(self, row: Provenance | None) -> JsonValue:
        """Fields and their origins in turn, without the tags that reconciler adds; 0 if they were not
        requested.
        """
        fields = () if row is None else (field for field in row.fields if field.origin.kind != TAG)
        return [number for field in fields for number in (self._texts(field.path), self(field.origin))] or 0

    def listed(self) -> list[JsonValue]:
        return self._documents


def table_data(book: CallBook) -> JsonObject:
    """The document that ``assets/data.js`` reads: every call, in the given order."""
    texts = _Texts()
    origins = _Origins(texts)
    rows = [
        _row(line, texts) | {"origins": origins.row_origins(book.origins.get(line.address))} for line in book.lines
    ]
    names = list(rows[0]) if rows else []
    return {
        "now": int(book.now.timestamp()),
        "branch": book.branch,
        "show": book.show,
        "heads": {
            "kind": book.kind,
            "value": book.value,
            "changes": book.changes,
            "place": book.place,
            "reason": book.reason,
        },
        "actions": [{"name": kind.name, "word": kind.word, "mark": kind.mark} for kind in book.kinds],
        "series": [{"name": item.name, "tone": item.tone} for item in book.series],
        "limit": book.limit,
        "unlisted": [[item.second, texts(item.zone), item.calls] for item in book.unlisted],
        "origins": origins.listed(),
        "columns": {name: [row[name] for row in rows] for name in names},
        "texts": texts.listed(),
    }


def _row(line: CallLine, texts: _Texts) -> JsonObject:
    """The cells of one call. A text is given by its number; ``rings`` is in seconds since 1970; a missing value is
    0 or null.
    """
    subject = line.subject
    return {
        "plan": texts(line.address.plan),
        "key": texts(line.address.key),
        "revision": line.address.revision,
        "action": line.kind,
        "rings": None if line.rings is None else int(line.rings.timestamp()),
        "when": texts(line.when),
        "zone": texts(subject.zone),
        "load": line.load,
        "person": texts(line.person),
        "to": texts(shorten(subject.target)),
        "value": texts(subject.value),
        "agent": texts(subject.agent),
        "place": texts(line.place),
        "message": texts(line.message),
        "reasons": [texts(reason) for reason in line.reasons] or 0,
        "on_base": int(line.on_base),
        "diff": [_cell(cell, texts) for cell in line.diff] or 0,
        "facts": [texts(text) for pair in line.facts for text in pair] or 0,
        "fields": 0 if line.call is None else _fields(line.call, texts),
    }


def _cell(cell: CellDiff, texts: _Texts) -> JsonValue:
    sides: list[JsonValue] = [None if side is None else texts(side) for side in (cell.before, cell.after)]
    return [texts(cell.field), *sides]


def _fields(call: Call, texts: _Texts) -> JsonValue:
    """Names and values in turn."""
    return [texts(text) for pair in identity.cells(call).items() for text in pair]
