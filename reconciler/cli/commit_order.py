"""The commit of what is applied; on a terminal, a person may apply one on another line of history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import git
from reconciler.cli.output import confirm, say
from reconciler.cli.overrides import MIN_REASON
from reconciler.errors import Refused, UsageError
from reconciler.placing.commit_order import CommitOrigin, find_objection

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
    from reconciler.domain.ports import StateReader

_CONFIRMED = "confirmed on a terminal"


def read_origin(root: Path, plan: Plan, *, saved: bool, reason: str | None, reader: StateReader) -> CommitOrigin:
    """The origin of ``plan``. If the commit is on another line of history, a person on a terminal is asked.

    Raises:
        Refused: the commit may not be applied.
        UsageError: the reason is too short.
    """
    if reason is not None and (len(reason.strip()) < MIN_REASON or not reason.isprintable()):
        hint = f"write one line of at least {MIN_REASON} characters; it is recorded in the ledger"
        raise UsageError("--from-commit-anyway needs a reason", hint=hint)
    history = git.GitHistory(root)
    origin = CommitOrigin(history, plan.git.commit if plan.git else None, saved, reason)
    objection = None if reason is not None else find_objection(origin, reader.applied_commits())
    if objection is None:
        return origin
    if not objection.may_ask or not sys.stdin.isatty():
        raise Refused(f"{objection.message}: nothing was placed", hint=objection.hint)
    say(
        f"{objection.message}. Rows that were removed or edited there would be placed as they are here.",
        err=True,
    )
    confirm("Apply this commit anyway?", nothing="nothing was placed")
    return CommitOrigin(history, origin.commit, saved, _CONFIRMED, objection)
