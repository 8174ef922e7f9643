"""JSON documents that this tool writes and reads again: one canonical byte form, and members of one type each."""

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
    """A list whose items are written as they are needed. ``written`` makes lines of them, each by ``to_line``, and
    may give many at a time, by ``joined``."""

    written: Callable[[], Iterable[bytes]]


Document: TypeAlias = "Mapping[str, JsonValue | Lines]"
END = b"\n}\n"
_NEXT = b",\n    "


def to_bytes(document: Document) -> bytes:
    """UTF-8 JSON: one member a line, and lists one item a line, so that a diff of two is short.

    Raises:
        ValueError: a number that JSON does not have, or text that is no Unicode.
    """
    return b"".join(pieces(document))


def pieces(document: Document) -> Iterator[bytes]:
    """The same, piece by piece."""
    return (piece for _, piece in named_pieces(document))


def named_pieces(document: Document) -> Iterator[tuple[str, bytes]]:
    """The same, each piece with the name of the member it belongs to; ``END``, the last one, belongs to none."""
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
    """Lines of a list as they stand there, one after the other."""
    return _NEXT.join(lines)


def to_line(value: JsonValue) -> bytes:
    """One value on one line."""
    return inert(_ENCODER.encode(value).encode())


def to_whole_line(value: Struct) -> bytes:
    """The same, many times faster, of what holds no fractions, which the two encoders write differently."""
    return inert(spaced(_COMPILED.encode(value), indent=0))


def inert(written: bytes) -> bytes:
    """The same JSON without ``##[``, which starts a command wherever a CI runner meets it in a log.

    ``#`` stands in texts only.
    """
    return written.replace(b"##", rb"#\u0023") if b"#" in written and b"##" in written else written


def optional_instant(moment: datetime | None) -> str | None:
    """A moment as a document has it."""
    return None if moment is None else format_instant(moment)


# Each of these reads one member, and raises TypeError or ValueError where it holds anything else.


def maybe(convert: Callable[[JsonValue], _T], value: JsonValue) -> _T | None:
    return None if value is None else convert(value)


def text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def integer(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    return value


def instant(value: JsonValue) -> datetime:
    return parse_instant(text(value))


def members(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def items(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value
