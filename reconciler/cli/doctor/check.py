"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.domain.model import JsonObject
from reconciler.errors import ReconcilerError


class Health(StrEnum):
    """``skip``: not checked, for the reason in the message."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, with a stable name. ``next`` is the next step for a person.

    A message contains only aliases, ids, addresses and paths, so a result is never private.
    """

    check: str
    health: Health
    message: str
    next: str | None = None

    def to_json(self) -> JsonObject:
        return {"check": self.check, "status": self.health.value, "message": self.message, "next": self.next}


def failed(check: str, error: ReconcilerError) -> CheckResult:
    """A failed check from an error that makes other commands fail."""
    return CheckResult(check, Health.FAIL, error.message, error.hint)


def skipped(why: str, *checks: str) -> list[CheckResult]:
    return [CheckResult(check, Health.SKIP, why) for check in checks]
