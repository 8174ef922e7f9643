"""The packaged JSON Schemas, and validators for them."""

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
    """The schemas are inside the package in a wheel, and beside it in a checkout."""
    packaged = Path(str(resources.files("reconciler").joinpath("schemas")))
    return packaged if packaged.is_dir() else packaged.parent.parent / "schemas"


def schema_names() -> tuple[str, ...]:
    """The names for ``schema_text``, sorted."""
    return tuple(sorted(path.name.removesuffix(_SUFFIX) for path in _folder().glob(f"*{_SUFFIX}")))


def schema_text(name: str) -> str:
    """The text of a schema file. ``name`` is one of ``schema_names``."""
    return (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


@cache
def validator(name: str, *parts: str) -> Validator:
    """A validator of values from ``values.to_value``: patterns and lengths apply to the text as written.

    With ``parts``, a value must fit each of these definitions. References outside of the schema are never
    followed, because the registry is empty and retrieves nothing.
    """
    from reconciler.source.schema.values import WrittenValidator  # noqa: PLC0415 - jsonschema takes 90 ms

    return WrittenValidator(part_of(name, parts))


def part_of(name: str, parts: tuple[str, ...]) -> JsonObject:
    """A schema, or one that requires some of its definitions."""
    document: JsonObject = json.loads(schema_text(name))
    if not parts:
        return document
    wanted: list[JsonValue] = [{"$ref": f"#/$defs/{part}"} for part in parts]
    return {"$schema": document["$schema"], "$defs": document["$defs"], "allOf": wanted}
