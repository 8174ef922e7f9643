"""The JSON Schemas that travel with the package, and validators made of them."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.domain.model import JsonObject, JsonValue

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SUFFIX = ".schema.json"


@cache
def _folder() -> Path:
    """In a wheel the schemas stand inside the package; in a checkout beside it."""
    packaged = Path(str(resources.files("reconciler").joinpath("schemas")))
    return packaged if packaged.is_dir() else packaged.parent.parent / "schemas"


def schema_names() -> tuple[str, ...]:
    """The names ``schema_text`` takes, sorted."""
    return tuple(sorted(path.name.removesuffix(_SUFFIX) for path in _folder().glob(f"*{_SUFFIX}")))


def schema_text(name: str) -> str:
    """One schema as its file has it. ``name`` is one of ``schema_names``."""
    return (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


@cache
def validator(name: str, *parts: str) -> Validator:
    """A validator of values made by ``values.to_value``: patterns and lengths judge text as written.

    With ``parts`` it judges what must fit each of those definitions. References outside the schema are never
    followed: the registry is empty and retrieves nothing.
    """
    from reconciler.source.schema.values import WrittenValidator  # noqa: PLC0415 - jsonschema takes 90 ms

    return WrittenValidator(part_of(name, parts))


def part_of(name: str, parts: tuple[str, ...]) -> JsonObject:
    """A schema, or one that asks for some definitions of it."""
    document: JsonObject = json.loads(schema_text(name))
    if not parts:
        return document
    wanted: list[JsonValue] = [{"$ref": f"#/$defs/{part}"} for part in parts]
    return {"$schema": document["$schema"], "$defs": document["$defs"], "allOf": wanted}
