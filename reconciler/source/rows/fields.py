"""The fields that a column can set, and a check for the values of each, from the plan file's schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.source.schema.packaged import schema_text
from reconciler.source.schema.shape import bad_value
from reconciler.source.yaml.nodes import BOOLEANS, JSON_NUMBER, Scalar

# A number as spreadsheets show it if its digits do not fit: 1.41556E+10.
SPOILED_NUMBER = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
# The same in text that may not be a number: only forms that no code or name has.
ROUNDED_NUMBER = re.compile(r"[+-]?[0-9](?:[.,][0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}", re.ASCII)
MAPS = ("additional_data", "metadata")


class Check(Protocol):
    """Whether a non-empty text is valid in a field."""

    def __call__(self, text: str) -> bool: ...

    def all(self, texts: Sequence[str]) -> bool:
        """Whether all of the texts are valid."""
        return all(map(self, texts))


@cache
def fields() -> Mapping[str, JsonObject]:
    """The schema of each field by its path; ``additional_data.`` and ``metadata.`` stand for all of their keys."""
    row = _member(_member(json.loads(schema_text("callplan")), "$defs"), "row")
    schemas: dict[str, JsonObject] = {}
    for name, node in _member(row, "properties").items():
        if not isinstance(node, dict) or name == "repeat":  # repeat produces rows, and is not a field of one
            continue
        if name in MAPS:
            schemas[f"{name}."] = _member(node, "additionalProperties")
        elif "properties" in node:
            schemas |= {
                f"{name}.{inner}": item
                for inner, item in _member(node, "properties").items()
                if isinstance(item, dict)
            }
        else:
            schemas[name] = node
    return schemas


@lru_cache(maxsize=4096)
def schema_of(path: str) -> JsonObject | None:
    """The schema of a field, or None if there is no such field."""
    head, dot, name = path.partition(".")
    return fields().get(f"{head}." if head in MAPS and dot and name else path)


@cache
def check_of(path: str) -> Check:
    """The check for the field at ``path``, which must exist."""
    schema = schema_of(path) or {}
    types = schema.get("type")
    kinds = types if isinstance(types, list) else [types]
    if "string" in kinds:
        return _text_check(schema)
    if "boolean" in kinds:
        return _Boolean()
    return _number_check(schema, whole="integer" in kinds)


@dataclass(frozen=True, slots=True)
class _Text(Check):
    """Texts of a maximum length that match a pattern."""

    limit: int
    match: Callable[[str], object | None] | None

    def __call__(self, text: str) -> bool:
        return len(text) <= self.limit and (self.match is None or self.match(text) is not None)

    def all(self, texts: Sequence[str]) -> bool:
        return max(map(len, texts)) <= self.limit and (self.match is None or all(map(self.match, texts)))


def _text_check(schema: JsonObject) -> Check:
    longest, pattern = schema.get("maxLength"), schema.get("pattern")
    match = re.compile(pattern).fullmatch if isinstance(pattern, str) else None
    return _Text(longest if isinstance(longest, int) else 1 << 30, match)


@dataclass(frozen=True, slots=True)
class _Boolean(Check):
    """Words that YAML reads as booleans."""

    def __call__(self, text: str) -> bool:
        return text in BOOLEANS


@dataclass(frozen=True, slots=True)
class _Number(Check):
    """Numbers from ``low`` to ``high``, in JSON notation."""

    low: float
    high: float
    whole: bool

    def __call__(self, text: str) -> bool:
        if len(text) > 100 or not JSON_NUMBER.fullmatch(text) or (self.whole and not text.lstrip("-").isdigit()):
            return False
        return self.low <= float(text) <= self.high


def _number_check(schema: JsonObject, *, whole: bool) -> Check:
    least, most = schema.get("minimum"), schema.get("maximum")
    low = float(least) if isinstance(least, int | float) else float("-inf")
    high = float(most) if isinstance(most, int | float) else float("inf")
    return _Number(low, high, whole)


def explain(path: str, text: str) -> tuple[str, str, str | None]:
    """Code, message and hint for a text that ``check_of`` refused, from the schema."""
    from reconciler.source.schema.validator import WrittenValidator, to_value  # noqa: PLC0415 - jsonschema takes 90 ms

    schema = schema_of(path) or {}
    types = schema.get("type")
    scalar = Scalar(text, "string" not in (types if isinstance(types, list) else [types]), 1, 1)
    error = next(WrittenValidator(schema).iter_errors(to_value(scalar)), None)
    if error is None:
        return "E204", f"{path}: this value is not allowed", None
    code, message, hint = bad_value(error, scalar, tuple(path.split(".")))
    if text != text.strip():
        hint = "remove the spaces at its start or end"
    elif SPOILED_NUMBER.fullmatch(text):
        hint = "a spreadsheet program rounded this number: format the column as text, and export it again"
    return code, message, hint


def is_repeat(name: str) -> bool:
    """Whether a column is meant to be ``repeat`` or a part of it."""
    return name.partition(".")[0].strip().lower() == "repeat"


def folded(name: str) -> str:
    """A name without differences in case, spaces, dashes and dots."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def _member(node: Mapping[str, JsonValue], name: str) -> JsonObject:
    member = node.get(name)
    return member if isinstance(member, dict) else {}
