"""G006-G008: how much is placed at once. What a plan would do wrong is bounded before anybody looks at it.

Counted are the calls that would be placed now; a call that waits for its time is counted when it is placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from reconciler.planning.guards.words import Candidate, Objection, Scene

MIN_PLACED = 20  # of fewer calls any new one is a large share: nothing is judged by it then


def check_new_calls(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """Whether there are more calls than one run, or one plan of it, may place."""
    caps = scene.policy.caps
    if caps.per_run is not None and len(candidates) > caps.per_run:
        message = f"{_calls(len(candidates))} to place; max_new_calls.per_run allows {caps.per_run:,}"
        yield Objection(None, message)
    if caps.per_plan is None:
        return
    plans = Counter(item.address.plan for item in candidates)
    for plan, count in sorted(plans.items()):
        if count > caps.per_plan:
            message = f"{_calls(count)} to place in plan {plan}; max_new_calls.per_plan allows {caps.per_plan:,}"
            yield Objection(None, message)


def check_share(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """Whether there are many calls beside what the state has placed before.

    What was approved together counts as new also where a run that ended early has placed some of it.
    """
    share = scene.policy.caps.max_share
    if share is None or not candidates:
        return
    placed = [entry.address for entry in scene.entries if entry.placed]
    before = sum(address not in scene.approved for address in placed)
    new = len(candidates) + len(placed) - before
    if before >= MIN_PLACED and new > share * before:
        percent = Decimal(100 * new) / before
        message = f"{_calls(new)} to place is {percent:.1f}% of the {before:,} that were placed before"
        yield Objection(None, f"{message}; max_share allows {100 * share:f}%")


def check_cost(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """Whether the calls cost more than one run may."""
    caps = scene.policy.caps
    if caps.cost_per_call is not None and caps.max_cost is not None:
        cost = len(candidates) * caps.cost_per_call
        if cost > caps.max_cost:
            each = f"{_calls(len(candidates))} at {caps.cost_per_call:f} each"
            yield Objection(None, f"{each} cost {cost:f}; max_cost allows {caps.max_cost:f}")


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"
