"""JSON documents that this tool writes and reads again: one canonical byte form, and members of one type each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias, TypeVar

from reconciler.model import JsonObject, JsonValue
from reconciler.times import format_instant, parse_instant

_T = TypeVar("_T")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


class Lines(list[bytes]):
    """A list whose items are written already, each by ``to_line``."""


Document: TypeAlias = "Mapping[str, JsonValue | Lines]"


def to_bytes(document: Document) -> bytes:
    """UTF-8 JSON: one member a line, and lists one item a line, so that a diff of two is short.

    Raises:
        ValueError: a number that JSON does not have, or text that is no Unicode.
    """
    return b"".join(pieces(document))


def pieces(document: Document) -> Iterator[bytes]:
    """The same, piece by piece."""
    opening = b"{\n  "
    for name, value in document.items():
        yield opening + to_line(name) + b": "
        if isinstance(value, list) and value:
            yield from _list(value)
        else:
            yield to_line(value) if not isinstance(value, Lines) else b"[]"
        opening = b",\n  "
    yield b"\n}\n"


def _list(value: list[JsonValue] | Lines) -> Iterator[bytes]:
    opening = b"[\n    "
    for item in value:
        yield opening + (item if isinstance(item, bytes) else to_line(item))
        opening = b",\n    "
    yield b"\n  ]"


def to_line(value: JsonValue) -> bytes:
    """One value on one line."""
    written = _ENCODER.encode(value)
    # "##[" starts a command wherever a CI runner meets it in a log. "#" stands in texts only.
    return (written.replace("##", r"#\u0023") if "##" in written else written).encode()


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
