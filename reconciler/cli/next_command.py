"""The command that a person types next, after a plan, an apply or a status."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.domain.events import EventKind, Tally
from reconciler.domain.plan import Action, Plan
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNALS = frozenset({ExitCode.HUNG_UP, ExitCode.INTERRUPTED, ExitCode.TERMINATED})
_RESOLVE, _TO_STOP = ("resolve",), ("status", "--to-stop")


def next_after_plan(app: App, plan: Plan, apply: Sequence[str]) -> str:
    """``apply`` are the arguments that apply this plan."""
    if plan.errors:
        return f"correct the files, then run: {_command(app, 'plan')}"
    if plan.count(Action.BLOCKED):
        return f"correct the blocked rows, then run: {_command(app, 'plan')}"
    if plan.count(Action.CREATE):
        return _command(app, "apply", *apply)
    if plan.count(Action.UNCERTAIN) or plan.count(Action.CONFLICT):
        return _command(app, *_RESOLVE)
    return _command(app, *(_TO_STOP if plan.to_stop else ("status",)))


def next_after_apply(app: App, tally: Tally, code: int) -> str:
    """``code`` is the exit code of the run."""
    counts = tally.counts
    if code in _SIGNALS or (counts[EventKind.NOT_SENT] and code == ExitCode.INCOMPLETE):
        return f"to go on, run the same command again: {app.command_line}"
    if counts[EventKind.UNCERTAIN] or counts[EventKind.CONFLICT]:
        return _command(app, *_RESOLVE)
    if tally.to_stop_new:
        return _command(app, *_TO_STOP)
    return _command(app, "status" if code == ExitCode.DONE else "plan")


def next_after_status(app: App, plan: Plan, *, unsettled: bool, pending: bool) -> str:
    """``unsettled``: a call is uncertain, in conflict, or differs from the service. ``pending``: calls have not
    ended.
    """
    if unsettled:
        return _command(app, *_RESOLVE)
    if plan.to_stop:
        return _command(app, *_TO_STOP)
    if plan.errors or plan.count(Action.CREATE) or plan.count(Action.BLOCKED):
        return _command(app, "plan")
    if pending:
        return _command(app, "status", "--watch")
    return _command(app, "status", "--format", "html", "--output", "status.html")


def _command(app: App, *args: str) -> str:
    return shlex.join([*app.program, *args])
