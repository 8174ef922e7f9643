"""Fault injection: fault names, rules as text, and a plan that selects requests by counting.

A rule is ``[get:]NAME``, ``NAME=PROBABILITY`` or ``NAME#WHICH`` with WHICH like ``3``, ``1,4`` or ``2-5``. Rules
are tried in order and the first match wins. Requests are counted from 1 after their key and the rate limit were
accepted: POSTs that place a call and, separately, GETs (rules with ``get:``). Counting starts again with each new
plan. The same plan and seed always have the same effect on the n-th request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256


class Fault(StrEnum):
    """A way to deviate from the documented answer."""

    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    ERROR_BEFORE = "error-before"
    ERROR_AFTER = "error-after"
    BAD_GATEWAY = "bad-gateway"
    UNAVAILABLE = "unavailable"
    STALL_BEFORE = "stall-before"
    STALL_AFTER = "stall-after"
    HALF_ANSWER = "half-answer"
    NOT_JSON = "not-json"
    NO_CALL_ID = "no-call-id"
    SAME_CALL_ID = "same-call-id"
    STRAY_ANSWER = "stray-answer"
    TOO_MANY = "too-many"
    TOO_MANY_BARE = "too-many-bare"
    REJECT = "reject"
    NOT_FOUND = "not-found"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REDIRECT = "redirect"
    EMPTY_PAGE = "empty-page"
    SHORT_PAGE = "short-page"
    SAME_PAGE = "same-page"
    OTHER_ORDER = "other-order"
    HIDDEN_CALL = "hidden-call"
    WRONG_COUNT = "wrong-count"
    ENDLESS = "endless"
    EMPTY_METADATA = "empty-metadata"
    SOME_METADATA = "some-metadata"


# Faults after which the call exists -> (its value of ``answered``, the HTTP status sent or None).
RECORDED: dict[Fault, tuple[str, int | None]] = {
    Fault.DROP_AFTER: ("dropped", None),
    Fault.ERROR_AFTER: ("error", 500),
    Fault.STALL_AFTER: ("stalled", None),
    Fault.HALF_ANSWER: ("half-answer", 200),
    Fault.NOT_JSON: ("not-json", 200),
    Fault.NO_CALL_ID: ("no-call-id", 200),
    Fault.SAME_CALL_ID: ("same-call-id", 200),
    Fault.STRAY_ANSWER: ("ok", 200),
}
# Well-formed but wrong lists of calls and numbers; the last two also apply to single calls.
ON_LISTS = frozenset(
    {
        Fault.EMPTY_PAGE,
        Fault.SHORT_PAGE,
        Fault.SAME_PAGE,
        Fault.OTHER_ORDER,
        Fault.HIDDEN_CALL,
        Fault.WRONG_COUNT,
        Fault.ENDLESS,
        Fault.EMPTY_METADATA,
        Fault.SOME_METADATA,
    }
)
# A GET records nothing, so only the names that describe the client's view apply.
ON_GET = frozenset(Fault) - {
    Fault.DROP_AFTER,
    Fault.ERROR_AFTER,
    Fault.STALL_AFTER,
    Fault.NO_CALL_ID,
    Fault.SAME_CALL_ID,
    Fault.STRAY_ANSWER,
    *ON_LISTS,
}

_RULE = re.compile(
    r"(get:)?([a-z-]+)(?:=(\d+(?:\.\d+)?)|#(\d{1,9}(?:-\d{1,9})?(?:,\d{1,9}(?:-\d{1,9})?)*))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One fault and when it occurs: at the counted requests in ``which`` or, without them, randomly."""

    fault: Fault
    on_get: bool = False
    probability: float = 1.0
    which: tuple[range, ...] = ()

    @classmethod
    def parse(cls, text: str) -> FaultRule:
        """Parse one rule.

        Raises:
            ValueError: not a rule, an unknown fault, or one that does not apply to a GET.
        """
        match = _RULE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a fault: {text!r} (expected NAME, NAME=PROBABILITY or NAME#WHICH)")
        if match[2] not in {fault.value for fault in Fault}:
            raise ValueError(f"there is no fault {match[2]!r}; choose one of {', '.join(Fault)}")
        fault, on_get = Fault(match[2]), match[1] is not None
        if fault in ON_LISTS and not on_get:
            raise ValueError(f"{fault} applies to lists: use get:{fault}")
        if on_get and fault not in ON_GET | ON_LISTS:
            raise ValueError(
                f"{fault} applies to recorded calls; for a GET choose one of {', '.join(sorted(ON_GET))}"
            )
        probability = float(match[3] or 1)
        if probability > 1:
            raise ValueError(f"a probability must be between 0 and 1: {text!r}")
        return cls(fault, on_get, probability, tuple(_which(part) for part in (match[4] or "").split(",") if part))

    def strikes(self, number: int, chance: str) -> bool:
        """Whether it applies to the ``number``-th request; ``chance`` names the random draw."""
        if self.which:
            return any(number in numbers for numbers in self.which)
        if self.probability >= 1:
            return True
        return int.from_bytes(sha256(chance.encode()).digest()[:8]) < self.probability * 2**64


def _which(text: str) -> range:
    first, dash, last = text.partition("-")
    numbers = range(int(first), int(last if dash else first) + 1)
    if not numbers or numbers.start < 1:
        raise ValueError(f"not request numbers: {text!r} (they count from 1)")
    return numbers


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules in order, and their settings.

    ``stall_seconds`` limits a stall, ``retry_after`` is in seconds, ``redirect_to`` is a path or a URL.
    """

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    stall_seconds: float = 60.0
    retry_after: int = 1
    redirect_to: str = "/elsewhere"

    @classmethod
    def from_rules(cls, *rules: str, seed: int = 0) -> FaultPlan:
        """A plan from rules as text. Raises ``ValueError`` for a wrong one."""
        return cls(tuple(FaultRule.parse(rule) for rule in rules), seed=seed)


class FaultDial:
    """The current plan, and the number of requests it has counted."""

    def __init__(self, plan: FaultPlan) -> None:
        self._seen = {False: 0, True: 0}
        self.plan = plan

    def turn_to(self, plan: FaultPlan) -> None:
        """Replace the plan and count from 1 again."""
        self._seen = {False: 0, True: 0}
        self.plan = plan

    @property
    def gets(self) -> int:
        return self._seen[True]

    def pick(self, *, on_get: bool) -> Fault | None:
        """Count one request, and return its fault, if any."""
        self._seen[on_get] += 1
        number = self._seen[on_get]
        for position, rule in enumerate(self.plan.rules):
            chance = f"{self.plan.seed}:{on_get}:{number}:{position}"
            if rule.on_get == on_get and rule.strikes(number, chance):
                return rule.fault
        return None
