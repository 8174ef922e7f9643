"""JSON documents that this tool writes and reads: one canonical byte form, and typed members."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypeVar

from msgspec import Struct
from msgspec.json import Encoder
from msgspec.json import format as spaced

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.times import format_instant, parse_instant

_T = TypeVar("_T")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
_COMPILED = Encoder()


@dataclass(frozen=True, slots=True)
class Lines:
    """A list whose items are written lazily. ``written`` yields lines made by ``to_line``, or several of them
    combined by ``joined``."""

    written: Callable[[], Iterable[bytes]]


Document: TypeAlias = "Mapping[str, JsonValue | Lines]"
END = b"\n}\n"
_NEXT = b",\n    "


def to_bytes(document: Document) -> bytes:
    """UTF-8 JSON with one member or list item per line, so that diffs are short.

    Raises:
        ValueError: a number that JSON does not have, or text that is not valid Unicode.
    """
    return b"".join(pieces(document))


def pieces(document: Document) -> Iterator[bytes]:
    """The same, piece by piece."""
    return (piece for _, piece in named_pieces(document))


def named_pieces(document: Document) -> Iterator[tuple[str, bytes]]:
    """The same, each piece with the name of its member. The last piece, ``END``, belongs to no member."""
    opening = b"{\n  "
    for name, value in document.items():
        start = opening + to_line(name) + b": "
        if isinstance(value, Lines):
            yield from ((name, piece) for piece in _list(start, value.written()))
        elif isinstance(value, list):
            yield from ((name, piece) for piece in _list(start, map(to_line, value)))
        else:
            yield name, start + to_line(value)
        opening = b",\n  "
    yield "", END


def _list(start: bytes, lines: Iterable[bytes]) -> Iterator[bytes]:
    opening = start + b"[\n    "
    for line in lines:
        yield opening
        yield line
        opening = _NEXT
    yield start + b"[]" if opening.startswith(start) else b"\n  ]"


def joined(lines: Iterable[bytes]) -> bytes:
    """Several lines of a list with the separators between them."""
    return _NEXT.join(lines)


def to_line(value: JsonValue) -> bytes:
    """One value on one line."""
    return inert(_ENCODER.encode(value).encode())


def to_whole_line(value: Struct) -> bytes:
    """The same, many times faster, for values without fractions, which the two encoders write differently."""
    return inert(spaced(_COMPILED.encode(value), indent=0))


def inert(written: bytes) -> bytes:
    """The same JSON without ``##[``, which CI runners read as a command in a log.

    In JSON, ``#`` only occurs inside strings.
    """
    return written.replace(b"##", rb"#\u0023") if b"#" in written and b"##" in written else written


def optional_instant(moment: datetime | None) -> str | None:
    """A moment as it is written in a document."""
    return None if moment is None else format_instant(moment)


# Each of these reads one member, and raises TypeError or ValueError if it has another type.


def maybe(convert: Callable[[JsonValue], _T], value: JsonValue) -> _T | None:
    return None if value is None else convert(value)


def text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def integer(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, got {type(value).__name__}")
    return value


def instant(value: JsonValue) -> datetime:
    return parse_instant(text(value))


def members(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value


def items(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return value
