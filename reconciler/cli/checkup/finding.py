"""What a check came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.model import JsonObject
from reconciler.errors import ReconcilerError


class Health(StrEnum):
    """``skip``: not looked at, and the message says why."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, by a name that stays. ``next`` is what a person does about it.

    A message names aliases, ids, addresses and places only: a finding is never private.
    """

    check: str
    health: Health
    message: str
    next: str | None = None

    def to_json(self) -> JsonObject:
        return {"check": self.check, "status": self.health.value, "message": self.message, "next": self.next}


def failed(check: str, error: ReconcilerError) -> Finding:
    """An error that other commands would end with, as a finding."""
    return Finding(check, Health.FAIL, error.message, error.hint)


def skipped(why: str, *checks: str) -> list[Finding]:
    return [Finding(check, Health.SKIP, why) for check in checks]
