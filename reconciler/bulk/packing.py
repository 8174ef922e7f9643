"""Words as bytes that this very process reads again, for what is kept on disk while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder, decode

_S = TypeVar("_S", bound=Struct)
_ENCODER = Encoder()


def pack(item: Struct) -> bytes:
    """The inverse of what ``unpacker`` gives for its kind."""
    return _ENCODER.encode(item)


def pack_values(values: list[Any]) -> bytes:
    """A row of a table, for ``unpack_values``."""
    return _ENCODER.encode(values)


def unpack_values(data: bytes) -> list[Any]:
    """What was packed, of whatever types: it is for others to judge."""
    values: list[Any] = decode(data)
    return values


def unpacker(kind: type[_S]) -> Callable[[bytes], _S]:
    """What makes a word of that kind out of its bytes."""
    return Decoder(kind).decode
