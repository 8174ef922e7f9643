"""Checks of a whole plan before it is applied."""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.domain.diagnostics import problem_count
from reconciler.domain.plan import Action, Plan
from reconciler.domain.ports import StateStore
from reconciler.errors import ExitCode, ReconcilerError, Refused
from reconciler.planning.plan import verdict
from reconciler.quantities import format_count

MAX_PLAN_LEAD = timedelta(minutes=5)


def check_verdict(plan: Plan) -> None:
    """Check that a plan can be applied.

    Raises:
        ReconcilerError: its files have errors.
        Refused: rows are blocked.
    """
    code = verdict(plan)
    if code is ExitCode.ERROR:
        message = f"{format_count(problem_count(plan.errors), 'error')} in the files: nothing was placed"
        raise ReconcilerError(message, hint="correct them, and check again with: reconciler validate")
    if code is ExitCode.REFUSED:
        raise Refused(f"{_blocked(plan.count(Action.BLOCKED))}: nothing was placed")


def _blocked(count: int) -> str:
    return "1 call is blocked" if count == 1 else f"{count:,} calls are blocked"


def check_applicable(plan: Plan, store: StateStore, now: datetime) -> None:
    """Check that an approved plan matches this state and this moment.

    Raises:
        Refused: it was made for another state or for none, for a newer one (an older copy of the state was
            restored), or is dated in the future.
    """
    if plan.lineage is None or plan.serial is None:
        raise Refused("the plan was made without a state", hint="create it again without --no-state")
    if plan.lineage != store.lineage:
        raise Refused(
            f"the plan belongs to another project: it was made for state {plan.lineage}, "
            f"but this is state {store.lineage}",
            hint="apply it in its own project (reconciler -C DIR apply FILE), or make a plan of this one: "
            "reconciler plan --out FILE",
        )
    if store.serial < plan.serial:
        raise Refused(
            f"the state (serial {store.serial}) is older than the one the plan was made for ({plan.serial})",
            hint="an older copy of the state was restored. Find the newer one, or plan again and review the plan",
        )
    if plan.created_at > now + MAX_PLAN_LEAD:
        raise Refused(f"the plan is dated in the future ({plan.created_at:%Y-%m-%d %H:%M} UTC)")


def check_age(plan: Plan, max_age: timedelta, now: datetime) -> None:
    """Raise ``Refused`` if a saved plan is older than ``max_age``."""
    age = now - plan.created_at
    if age > max_age:
        raise Refused(
            f"the plan is {age.total_seconds() / 3600:.0f} hours old; policy.plan_max_age allows "
            f"{max_age.total_seconds() / 3600:g}",
            hint="create it again: reconciler plan --out FILE",
        )


def check_count(plan: Plan, max_calls: int | None) -> None:
    """Raise ``Refused`` if the plan places more calls than ``max_calls`` (None: no limit)."""
    count = plan.count(Action.CREATE)
    if max_calls is not None and count > max_calls:
        raise Refused(f"{count} calls to place, but --max-calls allows {max_calls}: nothing was placed")
