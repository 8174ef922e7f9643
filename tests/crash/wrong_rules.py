"""Strategies that break one rule each of what may be placed. ``rules.py`` finds each of them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.cli import commit_order as commit_origin
from reconciler.domain.people import People
from reconciler.domain.policy import Policy
from reconciler.placing import approval, commit_order, recheck
from reconciler.placing.send_check import SendCheck
from reconciler.planning.row_judge import RowJudge
from reconciler.state.store import Store


def forget_conflicts() -> None:
    """Hold a row in conflict once, and record nothing of it."""
    Store.note_conflicts = lambda *_: None  # type: ignore[method-assign]


def accept_any_commit() -> None:
    """Apply an old checkout over a newer one."""
    for module in (commit_order, commit_origin):
        module.find_objection = lambda *_: None  # type: ignore[attr-defined]


def approve_everything() -> None:
    """Let ``--only-approved`` leave nothing out."""
    approval.allow = lambda plan, *_: (plan, [])


def ignore_earlier_revisions() -> None:
    """Place a raised revision while the call of the earlier one is still ahead."""
    RowJudge._obstacle = lambda *_: None  # type: ignore[method-assign]


def trust_the_plan() -> None:
    """Ask no guard again once a plan is saved: neither under the lock nor when a call is sent."""
    make_plan = recheck.make_plan

    def unguarded(rows: Any, known: Any, context: Any) -> Any:
        return make_plan(rows, known, replace(context, policy=Policy(), people=People()))

    recheck.make_plan = unguarded  # type: ignore[attr-defined]
    SendCheck.check = lambda *_: None  # type: ignore[method-assign]


def never_object_when_sending() -> None:
    """Ask the guards under the lock, and nobody in the moment when a call is sent."""
    SendCheck.check = lambda *_: None  # type: ignore[method-assign]


RULE_MUTANTS: dict[str, Callable[[], None]] = {
    "forget-conflicts": forget_conflicts,
    "accept-any-commit": accept_any_commit,
    "approve-everything": approve_everything,
    "ignore-earlier-revisions": ignore_earlier_revisions,
    "trust-the-plan": trust_the_plan,
    "never-object-when-sending": never_object_when_sending,
}
