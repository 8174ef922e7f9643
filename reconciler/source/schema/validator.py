"""Validate nodes with ``jsonschema``, with patterns and lengths applied to their text as written.

Importing this module takes 90 ms, so it is only done to explain an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from operator import ge, le
from typing import TypeAlias

from jsonschema import Draft202012Validator, TypeChecker, ValidationError, validators
from jsonschema.protocols import Validator

from reconciler.source.schema.packaged import part_of
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, ScalarType

Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"
_Keyword: TypeAlias = "Callable[[Validator, int, object, Mapping[str, object]], Iterator[ValidationError]]"


class WrittenInt(int):
    """A whole number and its text."""

    text: str


class WrittenFloat(float):
    """A number with a fraction or an exponent, and its text."""

    text: str


def to_value(node: Node) -> Value:
    """The node as a JSON value. Numbers are ``WrittenInt`` or ``WrittenFloat``."""
    if isinstance(node, MapNode):
        return {key: to_value(item) for key, (_, item) in node.items.items()}
    if isinstance(node, ListNode):
        return [to_value(item) for item in node.items]
    if node.kind is ScalarType.NULL:
        return None
    if node.kind is ScalarType.BOOLEAN:
        return node.boolean
    return _number(node.text) if node.kind is ScalarType.NUMBER else node.text


def _number(text: str) -> WrittenInt | WrittenFloat:
    number = WrittenInt(text) if text.lstrip("-").isdigit() else WrittenFloat(text)
    number.text = text
    return number


def written(value: object) -> str | None:
    """The text of a string or a number as written in the file; None for other values."""
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    return value if isinstance(value, str) else None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _pattern(
    _validator: Validator, pattern: str, instance: object, _schema: Mapping[str, object]
) -> Iterator[ValidationError]:
    """An anchored pattern must match the whole text: ECMA's ``$`` is the end of the text, Python's is not."""
    text = written(instance)
    if text is None:
        return
    whole = pattern.startswith("^") and pattern.endswith("$")
    if not (_compiled(pattern).fullmatch(text) if whole else _compiled(pattern).search(text)):
        yield ValidationError("does not match")


def _length(is_allowed: Callable[[int, int], bool]) -> _Keyword:
    """A check of the length of a text as written."""

    def check(
        _validator: Validator, limit: int, instance: object, _schema: Mapping[str, object]
    ) -> Iterator[ValidationError]:
        text = written(instance)
        if text is not None and not is_allowed(len(text), limit):
            yield ValidationError("too short or too long")

    return check


def _is_integer(_checker: TypeChecker, instance: object) -> bool:
    """Whole numbers written with digits only. JSON Schema also accepts ``1.0`` and ``1e3``; this tool does not."""
    return isinstance(instance, int) and not isinstance(instance, bool)


_extend: Callable[..., type[Validator]] = validators.extend

WrittenValidator = _extend(
    Draft202012Validator,
    {"pattern": _pattern, "minLength": _length(ge), "maxLength": _length(le)},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


@cache
def validator(name: str, *parts: str) -> Validator:
    """A validator for a packaged schema. With ``parts``, a value must fit each of these definitions.

    References outside of the schema are never followed, because the registry is empty and retrieves nothing.
    """
    return WrittenValidator(part_of(name, parts))
