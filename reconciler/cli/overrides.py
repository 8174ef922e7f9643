"""``--override CODE=REASON``: override a guard for one plan, with a reason. This is the only way to
override one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.domain.plan import Action, Lifted
from reconciler.domain.policy import GUARD_CODES
from reconciler.errors import Refused, UsageError
from reconciler.planning.guards.registry import is_blocking

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
    from reconciler.domain.policy import Policy

MIN_REASON = 4


def read_overrides(texts: Iterable[str], policy: Policy) -> tuple[Lifted, ...]:
    """The overridden guards.

    Raises:
        UsageError: a code is missing, unknown or repeated, a reason is too short, or a guard does not block
            anyway.
        Refused: the policy does not allow overriding this guard.
    """
    found: dict[str, Lifted] = {}
    for text in texts:
        item = _read(text)
        if item.code in found:
            raise UsageError(f"--override {item.code} is given twice")
        _check(item.code, policy)
        found[item.code] = item
    return tuple(found.values())


def check_used(lifted: Sequence[Lifted], codes: Iterable[str]) -> None:
    """Check that each overridden guard objected to something; ``codes`` are those that did.

    Raises:
        UsageError: one did not, so that the override would have no known effect.
    """
    said = set(codes)
    for item in lifted:
        if item.code not in said:
            hint = "omit it: override only guards that block calls in the plan"
            raise UsageError(f"--override {item.code}: this guard blocks nothing here", hint=hint)


def offer(plan: Plan, policy: Policy) -> str | None:
    """How to override what blocks a plan; None if it is blocked by anything that cannot be overridden."""
    blocked = plan.with_action(Action.BLOCKED)
    codes = sorted({reason for change in blocked for reason in change.reasons})
    if not codes or not policy.overridable.issuperset(codes):
        return None
    flags = " ".join(f"--override {code}=REASON" for code in codes)
    return f"If this is intended, save the plan with a reason: reconciler plan --out FILE {flags}"


def _read(text: str) -> Lifted:
    code, separator, reason = text.partition("=")
    code, reason = code.strip().upper(), reason.strip()
    if not separator:
        raise UsageError(
            f"--override {text}: missing reason", hint='use --override G006="the launch, agreed with legal"'
        )
    if code not in GUARD_CODES:
        near = get_close_matches(code, GUARD_CODES, n=1)
        hint = (
            f"did you mean {near[0]} ({GUARD_CODES[near[0]]})?" if near else "run reconciler plan to see the code"
        )
        raise UsageError(f"--override {code}: no guard has this code", hint=hint)
    if len(reason) < MIN_REASON or not reason.isprintable():
        hint = f"write one line of at least {MIN_REASON} characters; it is recorded in the ledger"
        raise UsageError(f"--override {code}: the reason is too short", hint=hint)
    return Lifted(code, reason)


def _check(code: str, policy: Policy) -> None:
    if code not in policy.overridable:
        may = ", ".join(sorted(policy.overridable)) or "none"
        hint = f"policy.overridable in reconciler.yaml lists the guards that may be: {may}"
        raise Refused(f"{code} ({GUARD_CODES[code]}) may not be overridden", hint=hint)
    if not is_blocking(code, policy):
        raise UsageError(
            f"--override {code}: this guard blocks nothing", hint="omit it: the policy does not enforce this guard"
        )
