"""Lifting a guard for one plan: what a person said, with a reason, makes of its objections warnings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.domain.plan import Lifted
from reconciler.domain.policy import Policy, Strictness
from reconciler.planning.context import Context
from reconciler.planning.guards.registry import strictness_of


def lift(context: Context, lifted: Sequence[Lifted]) -> Context:
    """The context of a plan for which guards were lifted. Where the policy lets nobody lift one, it stays."""
    allowed = [item for item in lifted if item.code in context.policy.overridable]
    eased = {item.code: Strictness.WARNING for item in allowed if blocks(item.code, context.policy)}
    policy = replace(context.policy, strictness={**context.policy.strictness, **eased})
    return replace(context, policy=policy, lifted=(*context.lifted, *allowed))


def blocks(code: str, policy: Policy) -> bool:
    """Whether the guard of this code blocks what it objects to, and does not only warn."""
    return strictness_of(code, policy) is Strictness.ERROR
