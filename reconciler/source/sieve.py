"""What certainly fits a schema, by a compiled validator: what it doubts, jsonschema judges and explains.

It may doubt a file or a row that is right: that only costs time. It must never pass one that jsonschema
refuses, which is why numbers are shown to it as the text they are written as, wherever a field takes both.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TypeAlias

import jsonschema_rs

from reconciler.source.nodes import BOOLEANS, NULLS, Kind, ListNode, MapNode, Node, Scalar
from reconciler.source.schema import schema_text

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_WORDS = NULLS | BOOLEANS.keys()  # which are no texts where they stand without quotes

# Characters that Python's \s takes for space and Rust's does not.
_MORE_SPACES = "\\s\\x1c-\\x1f\\x85"


class Sieve:
    """Compiled once a schema, or some definitions of one, all of which a row must fit (``parts``)."""

    def __init__(self, schema: str, parts: tuple[str, ...]) -> None:
        document: dict[str, Json] = json.loads(schema_text(schema))
        if parts:
            wanted: list[Json] = [{"$ref": f"#/$defs/{part}"} for part in parts]
            document = {"$schema": document["$schema"], "$defs": document["$defs"], "allOf": wanted}
        self._typed = _typed_names(document)
        stricter = {name: _stricter(item) for name, item in document.items()}
        self._validator = jsonschema_rs.Draft202012Validator(
            stricter, pattern_options=jsonschema_rs.RegexOptions()
        )

    def passes(self, node: Node) -> bool:
        """Whether a file, or a row of it, certainly fits."""
        return self._validator.is_valid(self._plain(node, ""))

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
        if kind is Kind.TEXT or (kind is Kind.NUMBER and name not in self._typed):
            return node.text
        if kind is Kind.NUMBER:
            return float(node.text)
        return None if kind is Kind.NULL else node.boolean


@cache
def sieve(schema: str, *parts: str) -> Sieve:
    """The sieve of a schema, or of some definitions of it."""
    return Sieve(schema, parts)


def _typed_names(schema: Json) -> frozenset[str]:
    """The fields that are somewhere not both text and number: what was a number there must stay one."""
    if isinstance(schema, list):
        return frozenset().union(*map(_typed_names, schema))
    if not isinstance(schema, dict):
        return frozenset()
    found = frozenset().union(*map(_typed_names, schema.values()))
    fields = schema.get("properties")
    own = fields.items() if isinstance(fields, dict) else ()
    return found | {name for name, field in own if not _types(field) >= {"string", "number"}}


def _types(field: Json) -> frozenset[str]:
    types = field.get("type") if isinstance(field, dict) else None
    return frozenset(str(item) for item in (types if isinstance(types, list) else [types]))


def _stricter(schema: Json) -> Json:
    """The schema without the words for people, and with Python's idea of a space."""
    if isinstance(schema, list):
        return [_stricter(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: _stricter(item) for name, item in schema.items() if name != "errorMessage"}
    if isinstance(pattern := out.get("pattern"), str):
        out["pattern"] = pattern.replace("\\s", _MORE_SPACES)
    return out
