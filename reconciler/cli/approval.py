"""``apply --approved PLAN``: what a pull request was approved for, held against the merged files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from reconciler.cli.app import App, SystemClock
from reconciler.cli.placing import Approved
from reconciler.cli.show import check_plan_key, read_plan
from reconciler.cli.workspace import Workspace
from reconciler.engine.approval import allow
from reconciler.plan import Plan
from reconciler.workflow import check_age


def approve(
    app: App, workspace: Workspace, plan: Plan, paths: Sequence[Path], scope: frozenset[str] | None
) -> Approved:
    """What of ``plan`` the saved plans at ``paths`` allow; all of it where there are none.

    A saved plan of a pull request is usually made where no key is, and is only an allow-list: it need not be
    signed, unless the policy requires it.

    Raises:
        Refused: one of them is no plan, was changed, is not signed where it must be, or is too old; or the files
            move what none of them moves.
    """
    if not paths:
        return Approved(plan)
    policy = workspace.project.policy
    check_plan_key(policy)
    plans = [read_plan(app, path, signed=policy.signed_plans) for path in paths]
    for item in plans:
        check_age(item, timedelta(seconds=workspace.project.plan_max_age), SystemClock().now())
    allowed, stale = allow(plan, plans, scope)
    return Approved(allowed, tuple(stale), tuple(plans))
