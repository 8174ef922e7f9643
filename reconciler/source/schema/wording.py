"""Short descriptions of what a schema expects and what a file contains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.domain.sensitive import is_harmless
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar, ScalarType

if TYPE_CHECKING:
    from jsonschema import ValidationError

_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
}
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_LIMITS = {
    "minimum": "{} or more",
    "maximum": "{} or less",
    "minLength": "a value that is not empty",
    "maxLength": "at most {} characters",
    "minItems": "at least one item",
    "maxItems": "at most {} items",
    "uniqueItems": "no duplicate items",
    "minProperties": "at least one field",
    "maxProperties": "at most {} fields",
}
_LONGEST = 60
_MOST_LISTED = 12


def shown(path: Iterable[str | int]) -> str:
    """A path for people: ``calls[2].schedule.at``, rows counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the file"


def revealing_names(path: Iterable[str | int]) -> tuple[str, ...]:
    """The names in a path that masked output must hide: one may be a person's name by mistake."""
    return tuple(part for part in path if isinstance(part, str) and not is_harmless(part))


def describe(node: Node) -> str:
    """A node as a message names it."""
    if isinstance(node, MapNode):
        return "a map"
    if isinstance(node, ListNode):
        return "a list"
    if node.kind is ScalarType.NULL:
        return "nothing"
    if node.kind is ScalarType.TEXT:
        return quoted(node.text) if node.plain else f"the text {quoted(node.text)}"
    return node.text


def quoted(text: str) -> str:
    """The text in quotes, shortened if it is long."""
    return repr(text) if len(text) <= _LONGEST else f"{text[:_LONGEST]!r}..."


def listed(names: Iterable[str]) -> str:
    """The first few names, in quotes."""
    return ", ".join(map(quoted, islice(names, _MOST_LISTED)))


def expected(error: ValidationError, node: Node) -> tuple[str, str | None]:
    """What the schema expects, and a hint or None."""
    schema: Mapping[str, object] = error.schema if isinstance(error.schema, Mapping) else {}
    phrase = schema.get("errorMessage")
    limit = error.validator_value
    if error.validator == "type":
        return _types(limit), _type_hint(limit, node)
    if isinstance(phrase, str):
        return phrase, None
    phrase = _LIMITS.get(str(error.validator))
    if error.validator == "enum" and isinstance(limit, list):
        return " or ".join(str(item) for item in limit), None
    return (phrase.format(limit) if phrase else f"a value that {error.validator} allows"), None


def expected_name(error: ValidationError) -> str:
    """What the schema expects of a name in a free map."""
    schema: Mapping[str, object] = error.schema if isinstance(error.schema, Mapping) else {}
    phrase = schema.get("errorMessage")
    return phrase if isinstance(phrase, str) else "an allowed name"


def _types(limit: object) -> str:
    names = limit if isinstance(limit, list) else [limit]
    if {"string", "number"} <= set(names):
        return "text"
    types = [_TYPES[str(name)] for name in names if str(name) in _TYPES]
    return " or ".join(types) if types else "another type"


def _type_hint(limit: object, node: Node) -> str | None:
    names = limit if isinstance(limit, list) else [limit]
    if not isinstance(node, Scalar):
        return None
    if "boolean" in names and "string" not in names and node.text.lower() in _YES_NO:
        return f"write {_YES_NO[node.text.lower()]}"
    digits = node.text.lstrip("+").lstrip("0")
    if ("integer" in names or "number" in names) and "string" not in names:
        if not node.plain and digits.isdigit():
            return f"write {digits} without quotes"
        if node.text.lstrip("+-").isdigit():
            return f"write {digits or '0'}, without leading zeros and plus"
        if "integer" in names and node.kind is ScalarType.NUMBER:
            return "write it with digits only, such as 1000"
    if "string" in names and node.kind is ScalarType.BOOLEAN:
        return f'put it in quotes: "{node.text}"'
    return None
