"""Rows and changes as bytes that this very process reads again, for what is kept on disk while it works."""

from __future__ import annotations

from msgspec.msgpack import Decoder, Encoder

from reconciler.model import Row
from reconciler.plan import Change

_pack = Encoder().encode
_rows, _changes = Decoder(Row), Decoder(Change)


def pack_row(row: Row) -> bytes:
    """The inverse of ``unpack_row``."""
    return _pack(row)


def unpack_row(data: bytes) -> Row:
    """The row that was packed."""
    return _rows.decode(data)


def pack_change(change: Change) -> bytes:
    """The inverse of ``unpack_change``."""
    return _pack(change)


def unpack_change(data: bytes) -> Change:
    """The change that was packed."""
    return _changes.decode(data)
