"""The history of the plan files: which commit comes before which."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Relation(Enum):
    """Whether one commit is an ancestor of another. Every commit is its own ancestor. UNKNOWN: the history is
    incomplete.
    """

    ANCESTOR = "ancestor"
    NOT_ANCESTOR = "not_ancestor"
    UNKNOWN = "unknown"


class History(Protocol):
    """The commits around a checkout."""

    def head(self) -> str | None:
        """The commit that is checked out; None if there is no readable one."""
        ...

    def relation(self, commit: str, descendant: str) -> Relation:
        """Whether ``commit`` is an ancestor of ``descendant``; both are full ids."""
        ...
