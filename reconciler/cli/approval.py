"""Read the saved plans that people approved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import git
from reconciler.cli.app import App
from reconciler.cli.saved_plans import check_plan_key, read_plan
from reconciler.cli.workspace import Workspace
from reconciler.errors import Refused
from reconciler.placing.plan_checks import check_age
from reconciler.savedplan.planfile import plan_id

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.domain.plan import Plan


def read_approved(app: App, workspace: Workspace, paths: Sequence[Path], now: datetime) -> dict[str, Plan]:
    """The saved plans at ``paths``, by plan id; their age is measured at ``now``.

    A saved plan of a pull request is usually made without the key, and is only an allow-list, so it need not be
    signed unless the policy requires it.

    Raises:
        Refused: one of them is in the checkout, is not a plan, was changed, lacks a required signature, or is too
            old.
    """
    if not paths:
        return {}
    policy = workspace.project.policy
    check_plan_key(policy)
    for path in paths:
        _check_outside(app.directory / path, workspace.project.root)
    plans = [read_plan(app, path, signed=policy.signed_plans) for path in paths]
    for item in plans:
        check_age(item, timedelta(seconds=workspace.project.plan_max_age), now)
    return {plan_id(item): item for item in plans}


def _check_outside(path: Path, root: Path) -> None:
    """Refuse a plan in the checkout: anyone who can change the files could also commit a plan, or a link to
    one.
    """
    checkout = git.top(root)
    for name in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):  # noqa: PTH100 - links are kept
        if any(folder.exists() and folder.samefile(checkout) for folder in name.parents):
            hint = "move it elsewhere: in CI, download it to $RUNNER_TEMP or to a folder from mktemp -d"
            raise Refused(f"{path}: an approved plan must not come from the checkout of the plan files", hint=hint)
