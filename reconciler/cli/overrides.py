"""``--override CODE=REASON``: a guard lifted for one plan, by a person who says why. There is no other way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from reconciler.domain.plan import Action, Lifted
from reconciler.domain.policy import GUARD_CODES
from reconciler.errors import Refused, UsageError
from reconciler.planning.lifting import blocks

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
    from reconciler.domain.policy import Policy

MIN_REASON = 4
override_option = click.option(
    "--override",
    "overrides",
    multiple=True,
    metavar="CODE=REASON",
    help="Lift a guard for this plan, and say why. Recorded with the plan and the run. Repeatable.",
)


def read_overrides(texts: Iterable[str], policy: Policy) -> tuple[Lifted, ...]:
    """What a person lifts.

    Raises:
        UsageError: no code, an unknown one, one twice, no real reason, or a guard that blocks nothing anyway.
        Refused: a guard that the policy does not let anybody lift.
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
    """Whether each lifted guard had something to say; ``codes`` are those that had.

    Raises:
        UsageError: one had nothing: then nobody would know what was overridden.
    """
    said = set(codes)
    for item in lifted:
        if item.code not in said:
            hint = "leave it out: an override is for what the plan shows as blocked"
            raise UsageError(f"--override {item.code}: this guard blocks nothing here", hint=hint)


def offer(plan: Plan, policy: Policy) -> str | None:
    """How to lift what blocks a plan; None where something else than guards that may be lifted blocks it."""
    blocked = plan.with_action(Action.BLOCKED)
    codes = sorted({reason for change in blocked for reason in change.reasons})
    if not codes or not policy.overridable.issuperset(codes):
        return None
    flags = " ".join(f"--override {code}=REASON" for code in codes)
    return f"If it is meant, save the plan with a reason: reconciler plan --out FILE {flags}"


def _read(text: str) -> Lifted:

    code, separator, reason = text.partition("=")
    code, reason = code.strip().upper(), reason.strip()
    if not separator:
        raise UsageError(f"--override {text}: no reason", hint='--override G006="the launch, agreed with legal"')
    if code not in GUARD_CODES:
        near = get_close_matches(code, GUARD_CODES, n=1)
        hint = f"did you mean {near[0]} ({GUARD_CODES[near[0]]})?" if near else "plan names the code"
        raise UsageError(f"--override {code}: no guard has this code", hint=hint)
    if len(reason) < MIN_REASON or not reason.isprintable():
        hint = f"one line of at least {MIN_REASON} characters: who reads the ledger must understand it"
        raise UsageError(f"--override {code}: the reason says nothing", hint=hint)
    return Lifted(code, reason)


def _check(code: str, policy: Policy) -> None:

    if code not in policy.overridable:
        may = ", ".join(sorted(policy.overridable)) or "none"
        hint = f"policy.overridable in reconciler.yaml says which may be: {may}"
        raise Refused(f"{code} ({GUARD_CODES[code]}) may not be overridden", hint=hint)
    if not blocks(code, policy):
        raise UsageError(f"--override {code}: this guard blocks nothing", hint="the policy does not enforce it")
