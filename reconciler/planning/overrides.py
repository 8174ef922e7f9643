"""Override guards for one plan: their objections become warnings, and the reason is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.domain.plan import Lifted
from reconciler.domain.policy import Policy, Strictness
from reconciler.planning.context import Context
from reconciler.planning.guards.registry import guard_strictness


def override_guards(context: Context, lifted: Sequence[Lifted]) -> Context:
    """The context of a plan for which guards were overridden. Guards that the policy does not let anybody override
    stay.
    """
    allowed = [item for item in lifted if item.code in context.policy.overridable]
    eased = {item.code: Strictness.WARNING for item in allowed if blocks(item.code, context.policy)}
    policy = replace(context.policy, strictness={**context.policy.strictness, **eased})
    return replace(context, policy=policy, lifted=(*context.lifted, *allowed))


def blocks(code: str, policy: Policy) -> bool:
    """Whether the guard of this code blocks calls, and does not only warn."""
    return guard_strictness(code, policy) is Strictness.ERROR
