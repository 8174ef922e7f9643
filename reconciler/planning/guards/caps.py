"""G006-G008: limits on how many calls are placed at once, so that a wrong plan cannot place many calls.

They count the calls that would be placed now. A waiting call is counted when it is placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.quantities import format_count

MIN_PLACED = 20  # below this, a single new call is a large share


def check_new_calls(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Check the number of new calls against the limits for one run and for one plan."""
    caps = scene.policy.caps
    if caps.per_run is not None and len(candidates) > caps.per_run:
        calls = format_count(len(candidates), "call")
        yield GuardFinding(None, f"{calls} to place; max_new_calls.per_run allows {caps.per_run:,}")
    if caps.per_plan is None:
        return
    plans = Counter(item.address.plan for item in candidates)
    for plan, count in sorted(plans.items()):
        if count > caps.per_plan:
            calls = f"{format_count(count, 'call')} to place in plan {plan}"
            yield GuardFinding(None, f"{calls}; max_new_calls.per_plan allows {caps.per_plan:,}")


def check_share(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Check the number of new calls against the number that were placed before.

    Calls of one approval count as new even if an interrupted run has already placed some of them.
    """
    share = scene.policy.caps.max_share
    if share is None or not candidates:
        return
    placed = [entry.address for entry in scene.entries if entry.placed]
    before = sum(address not in scene.approved for address in placed)
    new = len(candidates) + len(placed) - before
    if before >= MIN_PLACED and new > share * before:
        percent = Decimal(100 * new) / before
        message = f"{format_count(new, 'call')} to place, {percent:.1f}% of the {before:,} placed before"
        yield GuardFinding(None, f"{message}; max_share allows {100 * share:f}%")


def check_cost(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Check the estimated cost of the calls against the limit for one run."""
    caps = scene.policy.caps
    if caps.cost_per_call is not None and caps.max_cost is not None:
        cost = len(candidates) * caps.cost_per_call
        if cost > caps.max_cost:
            each = f"{format_count(len(candidates), 'call')} at {caps.cost_per_call:f} each"
            yield GuardFinding(None, f"{each} cost {cost:f}; max_cost allows {caps.max_cost:f}")
