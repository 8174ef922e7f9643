"""The nodes of a YAML file, with the position and the exact text of every value."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct, field

JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_MAX_NUMBER_LENGTH = 100
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class ScalarType(StrEnum):
    """The type of a scalar. Quoted and block scalars are always text."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"


class Scalar(Struct, gc=False):
    """One value. ``plain`` is true if it is not quoted and not a block scalar.

    Only JSON numbers are numbers: ``0042``, ``+5``, ``0x1F``, ``1_000`` and ``10:30`` are text, because YAML
    implementations interpret them differently.
    """

    text: str
    plain: bool
    line: int
    column: int

    @property
    def kind(self) -> ScalarType:
        text = self.text
        if not self.plain:
            return ScalarType.TEXT
        if text in NULLS:
            return ScalarType.NULL
        if text in BOOLEANS:
            return ScalarType.BOOLEAN
        if text[0] in "-0123456789" and len(text) <= _MAX_NUMBER_LENGTH and JSON_NUMBER.fullmatch(text):
            return ScalarType.NUMBER
        return ScalarType.TEXT

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in NULLS

    @property
    def boolean(self) -> bool:
        """The value of a boolean scalar."""
        return BOOLEANS[self.text]


class MapNode(Struct, gc=False):
    """A map. ``items`` has the keys' texts as keys, in the order of the file, without duplicates."""

    line: int
    column: int
    items: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        item = self.items.get(key)
        return item[1] if item else None


class ListNode(Struct, gc=False):
    line: int
    column: int
    items: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | MapNode | ListNode
