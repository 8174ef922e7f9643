"""RFC 8785 JSON: the form of everything that is hashed, so that equal values have equal bytes."""

from __future__ import annotations

import rfc8785
from msgspec import to_builtins
from msgspec.json import Encoder

from reconciler.domain.model import Call, JsonValue

_SORTED = Encoder(order="sorted")
_SAFE_INTEGERS = 1 << 53  # RFC 8785 refuses larger ones


def canonical_json(value: JsonValue | Call) -> bytes:
    """RFC 8785 JSON. For plain values a compiled encoder writes the same bytes, many times faster.

    Raises:
        UnicodeEncodeError: a text is not valid Unicode.
        rfc8785.CanonicalizationError: a number is not finite, or a whole number of 2**53 or more.
    """
    return _SORTED.encode(value) if _is_plain(value) else rfc8785.dumps(to_builtins(value))


def _is_plain(value: JsonValue | Call) -> bool:
    """Whether both encoders write the same: no fractions, and only ASCII names, which both sort alike."""
    if isinstance(value, Call):  # all its members are texts, except the delay
        names = "".join(value.additional_data) + "".join(value.metadata)
        return names.isascii() and (value.delay_minutes is None or _is_plain(value.delay_minutes))
    if isinstance(value, dict):
        return all(key.isascii() and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < _SAFE_INTEGERS)
