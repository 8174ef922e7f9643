"""The texts of ``reconciler help TOPIC``: one file for each, its first line is the title. Tests check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources

from reconciler.source.codes import CODES
from reconciler.source.schema.packaged import schema_text

_SUFFIX = ".txt"
_ORDER = (
    "plan-files",
    "formulas",
    "sheets",
    "settings",
    "guards",
    "actions",
    "uncertain",
    "state",
    "ci",
    "privacy",
)


def topic_names() -> list[str]:
    """All topics, in the order for a new user; topics without a defined position come last."""
    names = {
        item.name.removesuffix(_SUFFIX) for item in resources.files(__name__).iterdir() if _is_text(item.name)
    }
    return [*(name for name in _ORDER if name in names), *sorted(names.difference(_ORDER))]


def topic_text(name: str) -> str:
    """The text of one topic. ``name`` is one of ``topic_names``."""
    return resources.files(__name__).joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def title(name: str) -> str:
    return topic_text(name).partition("\n")[0]


def code_meanings() -> Mapping[str, str]:
    """Every code of a problem or a guard with its meaning, sorted by code."""
    policy = json.loads(schema_text("project"))["properties"]["policy"]["properties"]
    guards = {code: str(item["description"]) for code, item in policy["guards"]["properties"].items()}
    return dict(sorted((CODES | guards).items()))


def _is_text(name: str) -> bool:
    return name.endswith(_SUFFIX)
