"""Whether a file fits its schema: most do, and to say so takes less time than to import jsonschema.

It knows the keywords that our schemas use, and judges as ``values.WrittenValidator`` does. Where it knows no
answer, jsonschema decides; what does not fit, jsonschema explains.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

from reconciler.source.nodes import Kind, ListNode, MapNode, Node, Scalar
from reconciler.source.schema import schema_text

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Schema: TypeAlias = "dict[str, Json]"

_WORDS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default", "errorMessage"})
_KIND_TYPES = {
    Kind.NULL: {"null"},
    Kind.BOOLEAN: {"boolean"},
    Kind.TEXT: {"string"},
    Kind.NUMBER: {"number", "integer"},
}


class _DoubtError(Exception):
    """Nothing certain can be said."""


def fits(node: Node, schema: str, parts: Sequence[str] = ()) -> bool:
    """Whether a file certainly fits the schema of this name, or a part of one all the definitions named."""
    document = _document(schema)
    wanted: list[Json] = [{"$ref": f"#/$defs/{part}"} for part in parts] or [document]
    try:
        return all(_Judge(document).fits(node, item) for item in wanted)
    except _DoubtError:
        return False


@cache
def _document(schema: str) -> dict[str, Json]:
    document: dict[str, Json] = json.loads(schema_text(schema))
    return document


class _Judge:
    """Each method named like a keyword judges it alone. ``document`` is where references lead."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def fits(self, node: Node, schema: Json) -> bool:
        if not isinstance(schema, dict):
            return bool(schema)
        return all(
            _keyword(word)(self, node, value, schema) for word, value in schema.items() if word not in _WORDS
        )

    def ref(self, node: Node, value: Json, _: Schema) -> bool:
        target: Json = self._document
        for part in str(value).removeprefix("#/").split("/"):
            target = _map(target)[part]
        return self.fits(node, target)

    def any_of(self, node: Node, value: Json, _: Schema) -> bool:
        return any(self.fits(node, item) for item in _list(value))

    def one_of(self, node: Node, value: Json, _: Schema) -> bool:
        return sum(self.fits(node, item) for item in _list(value)) == 1

    def not_(self, node: Node, value: Json, _: Schema) -> bool:
        return not self.fits(node, value)

    def if_(self, node: Node, value: Json, schema: Schema) -> bool:
        return self.fits(node, schema.get("then" if self.fits(node, value) else "else", True))

    def properties(self, node: Node, value: Json, _: Schema) -> bool:
        if not isinstance(node, MapNode):
            return True
        known = _map(value)
        return all(self.fits(item, known[name]) for name, (_, item) in node.items.items() if name in known)

    def additional_properties(self, node: Node, value: Json, schema: Schema) -> bool:
        if not isinstance(node, MapNode):
            return True
        known = _map(schema.get("properties", {}))
        return all(self.fits(item, value) for name, (_, item) in node.items.items() if name not in known)

    def property_names(self, node: Node, value: Json, _: Schema) -> bool:
        names = node.items if isinstance(node, MapNode) else ()
        return all(self.fits(Scalar(name, plain=False, line=0, column=0), value) for name in names)

    def items(self, node: Node, value: Json, _: Schema) -> bool:
        return not isinstance(node, ListNode) or all(self.fits(item, value) for item in node.items)


_Keyword: TypeAlias = Callable[[_Judge, Node, Json, Schema], bool]


def _keyword(word: str) -> _Keyword:
    found = _KEYWORDS.get(word)
    if found is None:
        raise _DoubtError
    return found


def _type(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
    wanted = {str(item) for item in value} if isinstance(value, list) else {str(value)}
    if isinstance(node, Scalar):
        found = _KIND_TYPES[node.kind]
        if wanted & found == {"integer"}:
            return float(_number(node)).is_integer()
        return bool(wanted & found)
    return ("object" if isinstance(node, MapNode) else "array") in wanted


def _enum(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
    if isinstance(node, Scalar) and node.kind is Kind.TEXT:
        return node.text in _list(value)
    if isinstance(node, Scalar) and node.kind is Kind.NUMBER:
        return any(_number(node) == item for item in _list(value) if not isinstance(item, bool))
    raise _DoubtError


def _pattern(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
    text = _written(node)
    return text is None or _matcher(str(value))(text) is not None


def _required(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
    return not isinstance(node, MapNode) or all(name in node.items for name in _list(value))


def _unique(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
    if not value or not isinstance(node, ListNode):
        return True
    texts = {item.text for item in node.items if isinstance(item, Scalar) and item.kind is Kind.TEXT}
    if len(texts) < len(node.items):
        raise _DoubtError  # 1 and 1.0 are one value, and so are two maps
    return True


def _within(size: Callable[[Node], float | None], fits: Callable[[float, float], bool]) -> _Keyword:
    """A limit on a size; a node that has no such size keeps it."""

    def judge(_: _Judge, node: Node, value: Json, __: Schema) -> bool:
        found = size(node)
        if not isinstance(value, int | float):
            raise _DoubtError
        return found is None or fits(found, value)

    return judge


def _number(node: Scalar) -> int | float:
    return int(node.text) if node.text.lstrip("-").isdigit() else float(node.text)


def _amount(node: Node) -> float | None:
    return _number(node) if isinstance(node, Scalar) and node.kind is Kind.NUMBER else None


def _written(node: Node) -> str | None:
    """The text of a text or a number as it stands in the file."""
    return node.text if isinstance(node, Scalar) and node.kind in {Kind.TEXT, Kind.NUMBER} else None


def _length(node: Node) -> float | None:
    text = _written(node)
    return None if text is None else len(text)


def _count(node: Node) -> float | None:
    return len(node.items) if isinstance(node, ListNode) else None


def _fields(node: Node) -> float | None:
    return len(node.items) if isinstance(node, MapNode) else None


def _at_least(found: float, limit: float) -> bool:
    return found >= limit


def _at_most(found: float, limit: float) -> bool:
    return found <= limit


@cache
def _matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """An anchored pattern must match all of the text: Python's ``$`` would let a line break pass."""
    compiled = re.compile(pattern)
    return compiled.fullmatch if pattern.startswith("^") and pattern.endswith("$") else compiled.search


def _map(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise _DoubtError
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _DoubtError
    return value


_KEYWORDS: Mapping[str, _Keyword] = {
    "$ref": _Judge.ref,
    "additionalProperties": _Judge.additional_properties,
    "anyOf": _Judge.any_of,
    "else": lambda *_: True,  # what `if` says
    "enum": _enum,
    "if": _Judge.if_,
    "items": _Judge.items,
    "maxItems": _within(_count, _at_most),
    "maxLength": _within(_length, _at_most),
    "maxProperties": _within(_fields, _at_most),
    "maximum": _within(_amount, _at_most),
    "minItems": _within(_count, _at_least),
    "minLength": _within(_length, _at_least),
    "minProperties": _within(_fields, _at_least),
    "minimum": _within(_amount, _at_least),
    "not": _Judge.not_,
    "oneOf": _Judge.one_of,
    "pattern": _pattern,
    "properties": _Judge.properties,
    "propertyNames": _Judge.property_names,
    "required": _required,
    "then": lambda *_: True,
    "type": _type,
    "uniqueItems": _unique,
}
