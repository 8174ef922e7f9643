"""A fast prefilter for schemas, with a compiled validator. jsonschema checks and explains what it does not accept.

It may refuse a valid file or row, which only costs time. It must never accept one that jsonschema refuses. So
numbers are passed to it as text, in the form they are written, if a field accepts both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isinf
from typing import TypeAlias

import jsonschema_rs

from reconciler.source.schema.packaged import part_of
from reconciler.source.yaml.nodes import BOOLEANS, NULLS, ListNode, MapNode, Node, Scalar, ScalarType

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_WORDS = NULLS | BOOLEANS.keys()  # without quotes, these are not text

# Characters that match Python's \s, but not Rust's.
_MORE_SPACES = "\\s\\x1c-\\x1f\\x85"


class Prefilter:
    """Compiled once for a schema, or for some of its definitions (``parts``), all of which a row must fit."""

    def __init__(self, schema: str, parts: tuple[str, ...]) -> None:
        document = part_of(schema, parts)
        self._typed = _names(document, lambda types: not types >= {"string", "number"})
        self._whole = _names(document, lambda types: "integer" in types)
        stricter = {name: _stricter(item) for name, item in document.items()}
        self._validator = jsonschema_rs.Draft202012Validator(
            stricter, pattern_options=jsonschema_rs.RegexOptions()
        )

    def passes(self, node: Node) -> bool:
        """Whether a file, or a row of it, certainly fits the schema."""
        return self._validator.is_valid(self._plain(node, ""))

    def problems(self, node: Node) -> frozenset[str]:
        """The errors as positions in the schema: equal for rows with the same errors.

        This is much faster than an explanation.
        """
        return frozenset(map(_signature, self._validator.iter_errors(self._plain(node, ""))))

    def _plain(self, node: Node, name: str) -> Json:
        if isinstance(node, MapNode):
            made: dict[str, Json] = {}
            for key, (_, item) in node.items.items():
                if isinstance(item, Scalar) and (
                    not item.plain or not (item.text in _WORDS or key in self._typed)
                ):
                    made[key] = item.text
                else:
                    made[key] = self._plain(item, key)
            return made
        if isinstance(node, ListNode):
            return [self._plain(item, name) for item in node.items]
        kind = node.kind
        if kind is ScalarType.TEXT or (kind is ScalarType.NUMBER and name not in self._typed):
            return node.text
        if kind is ScalarType.NUMBER:
            return _number(node.text, whole=name in self._whole)
        return None if kind is ScalarType.NULL else node.boolean


def _signature(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind
    detail = ""
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        detail = kind.property
    elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Type):
        detail = type(error.instance).__name__
    return f"{'/'.join(map(str, error.schema_path))} {detail}"


def _number(text: str, *, whole: bool) -> float | str:
    """A number; or the text, which the schema refuses, if the number is infinite, or if a ``whole`` number is
    required but is not written with digits only (``1e3``)."""
    value = float(text)
    return text if isinf(value) or (whole and not text.lstrip("-").isdigit()) else value


@cache
def prefilter(schema: str, *parts: str) -> Prefilter:
    """The prefilter of a schema, or of some of its definitions."""
    return Prefilter(schema, parts)


def _names(schema: Json, wanted: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """The fields that have the wanted types anywhere in the schema. Their numbers must stay numbers."""
    if isinstance(schema, list):
        return frozenset().union(*(_names(item, wanted) for item in schema))
    if not isinstance(schema, dict):
        return frozenset()
    names = frozenset().union(*(_names(item, wanted) for item in schema.values()))
    fields = schema.get("properties")
    own = fields.items() if isinstance(fields, dict) else ()
    return names | {name for name, field in own if not _is_mention(field) and wanted(_types(field))}


def _is_mention(field: Json) -> bool:
    """Whether a field is only mentioned, next to ``required``, and defined elsewhere."""
    return isinstance(field, dict) and field.keys() <= {"title", "description"}


def _types(field: Json) -> frozenset[str]:
    types = field.get("type") if isinstance(field, dict) else None
    return frozenset(str(item) for item in (types if isinstance(types, list) else [types]))


def _stricter(schema: Json) -> Json:
    """The schema without error messages, and with Python's definition of whitespace."""
    if isinstance(schema, list):
        return [_stricter(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: _stricter(item) for name, item in schema.items() if name != "errorMessage"}
    if isinstance(pattern := out.get("pattern"), str):
        out["pattern"] = pattern.replace("\\s", _MORE_SPACES)
    return out
