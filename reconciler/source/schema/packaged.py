"""The packaged JSON Schemas."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path

from reconciler.domain.model import JsonObject, JsonValue

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


def part_of(name: str, parts: tuple[str, ...]) -> JsonObject:
    """A schema, or one that requires some of its definitions."""
    document: JsonObject = json.loads(schema_text(name))
    if not parts:
        return document
    wanted: list[JsonValue] = [{"$ref": f"#/$defs/{part}"} for part in parts]
    return {"$schema": document["$schema"], "$defs": document["$defs"], "allOf": wanted}
