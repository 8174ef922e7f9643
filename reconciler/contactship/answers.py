"""Decode the service's answers into types. They are untrusted: unknown members are ignored."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert
from msgspec.structs import fields

from reconciler.domain.model import JsonValue

T = TypeVar("T", bound=Struct)


def read(value: JsonValue, kind: type[T]) -> T:
    """``value`` as a ``kind``. A member that has a default counts as absent if it is not of its type.

    Raises:
        ValidationError: it is not an object, or a member without a default is missing or of another type.
    """
    try:
        return convert(value, kind)
    except ValidationError:
        if not isinstance(value, dict):
            raise
    unfit = {
        item.encode_name
        for item in fields(kind)
        if not item.required and item.encode_name in value and not _fits(value[item.encode_name], item.type)
    }
    return convert({name: item for name, item in value.items() if name not in unfit}, kind)


def _fits(value: JsonValue, kind: Any) -> bool:
    try:
        convert(value, kind)
    except ValidationError:
        return False
    return True


def unwrap(answer: JsonValue) -> JsonValue:
    """The object in ``data``, or else the answer itself: the service wraps some objects."""
    inner = answer.get("data") if isinstance(answer, dict) else None
    return inner if isinstance(inner, dict) else answer
