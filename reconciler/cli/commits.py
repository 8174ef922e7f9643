"""Nothing older goes over something newer: the commit an apply counts with, and those that were applied before.

The commit is HEAD of the checkout whose files are read, or that of a saved plan. What an artefact given by
``--approved`` says of its commit never counts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import git
from reconciler.cli.app import say
from reconciler.cli.git import Relation
from reconciler.cli.overrides import MIN_REASON
from reconciler.errors import Refused, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.domain.facts import AppliedCommit
    from reconciler.domain.plan import Plan
    from reconciler.domain.ports import StateReader, StateStore

_FETCH = "fetch the whole history (git fetch --unshallow; in CI fetch-depth: 0, or GIT_DEPTH: 0 on GitLab)"
_ANYWAY = 'if it is meant: --from-commit-anyway "why"'
_WITHOUT_GIT = (
    "warning: this project is in no git repository, so apply cannot notice when an older copy of its files is "
    "applied over a newer one (said once)"
)
_CONFIRMED = "confirmed on a terminal"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a commit may not be applied. ``may_ask``: a person who sees the question may decide otherwise."""

    message: str
    hint: str
    may_ask: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where what is applied comes from. ``commit`` is None outside git.

    ``saved``: a saved plan's own commit, which is not that of the files around it. ``accepted`` is the objection
    that a person saw and overruled, ``reason`` why; a reason without an objection overrules any.
    """

    root: Path
    commit: str | None
    saved: bool
    reason: str | None = None
    accepted: Objection | None = None

    @property
    def name(self) -> str:
        return "the plan's commit" if self.saved else "this checkout"


def read_origin(root: Path, plan: Plan, *, saved: bool, reason: str | None, reader: StateReader) -> Origin:
    """The origin of ``plan``; a person on a terminal is asked where the commit is on another line of history.

    Raises:
        Refused: the commit may not be applied.
        UsageError: the reason says nothing.
    """
    if reason is not None and (len(reason.strip()) < MIN_REASON or not reason.isprintable()):
        hint = f"one line of at least {MIN_REASON} characters: the ledger keeps it"
        raise UsageError("--from-commit-anyway needs a reason", hint=hint)
    origin = Origin(root, plan.git.commit if plan.git else None, saved, reason)
    objection = None if reason is not None else find_objection(origin, reader.applied_commits())
    if objection is None:
        return origin
    if not objection.may_ask or not sys.stdin.isatty():
        raise Refused(f"{objection.message}: nothing was placed", hint=objection.hint)
    say(
        f"{objection.message}. Rows that were removed or edited there would be placed as they stand here.",
        err=True,
    )
    question = "Apply this commit anyway? Only 'yes' is accepted"
    if click.prompt(question, default="no", show_default=False, err=True) != "yes":
        raise Refused("declined: nothing was placed")
    return Origin(root, origin.commit, saved, _CONFIRMED, objection)


def note_origin(origin: Origin, store: StateStore, run_id: str, at: datetime) -> None:
    """Under the lock: check the commit against what was applied by now, and record that it is applied.

    Raises:
        Refused: it may not be applied.
    """
    applied = store.applied_commits()
    objection = find_objection(origin, applied)
    overruled = origin.reason is not None and origin.accepted in (None, objection)
    if objection is not None and not overruled:
        raise Refused(f"{objection.message}: nothing was placed", hint=objection.hint)
    if origin.commit is not None:
        store.note_commit(run_id, origin.commit, at, origin.reason if objection is not None else None)
    elif not applied and sum(run.command == "apply" for run in store.runs(100)) <= 1:
        say(_WITHOUT_GIT, err=True)


def find_objection(origin: Origin, applied: Sequence[AppliedCommit]) -> Objection | None:
    """What stands against applying a commit after ``applied`` (newest first); None where nothing does.

    The latest one stands for those before it, each of which was found older or was overruled when it was applied.
    Only where a person overruled the check can one of them still be newer than what came after it.
    """
    if origin.saved and origin.commit is not None and (objection := _outside(origin, origin.commit)) is not None:
        return objection
    if not applied or applied[0].commit == origin.commit:
        return None
    if origin.commit is None:
        message = f"{origin.name} has no git commit, and {_named(applied[0])} was applied before"
        return Objection(message, f"apply from the git checkout; {_ANYWAY}")
    latest, earlier = applied[0], applied[1:]
    relation = git.relation(origin.root, latest.commit, origin.commit)
    if relation is not Relation.ANCESTOR:
        return _older(origin, applied) or _unordered(origin, latest, relation)
    return _older(origin, earlier) if latest.reason is not None else None


def _outside(origin: Origin, commit: str) -> Objection | None:
    """A saved plan must come from the history of the checkout that it is applied in, where there is one."""
    head = git.head(origin.root)
    relation = Relation.ANCESTOR if head is None else git.relation(origin.root, commit, head)
    if head is None or relation is Relation.ANCESTOR:
        return None
    message = f"the plan was made from commit {commit[:12]}, which is not in the history of HEAD ({head[:12]})"
    if relation is Relation.UNKNOWN:
        message = f"this clone cannot tell whether the plan's commit {commit[:12]} is in the history of HEAD"
        return Objection(message, f"{_FETCH}; {_ANYWAY}")
    return Objection(message, f"check out the plan's branch, or plan again here; {_ANYWAY}", may_ask=True)


def _older(origin: Origin, applied: Sequence[AppliedCommit]) -> Objection | None:
    commit = origin.commit or ""
    for item in applied:
        if item.commit != commit and git.relation(origin.root, commit, item.commit) is Relation.ANCESTOR:
            message = f"{origin.name} ({commit[:12]}) is older than {_named(item)}, which was applied before"
            return Objection(message, f"apply the newest commit; {_ANYWAY}")
    return None


def _unordered(origin: Origin, latest: AppliedCommit, forward: Relation) -> Objection:
    """Neither is known to come from the other: the history here is cut off, or it has another line."""
    commit = origin.commit or ""
    backward = git.relation(origin.root, commit, latest.commit)
    if Relation.UNKNOWN in (forward, backward):
        message = f"this clone cannot tell whether {origin.name} ({commit[:12]}) is newer than {_named(latest)}"
        return Objection(message, f"{_FETCH}; where that commit was amended or rebased away: {_ANYWAY}")
    message = f"{origin.name} ({commit[:12]}) does not come from {_named(latest)}, which was applied before"
    hint = f"merge that commit first; where it was amended or rebased, {_ANYWAY}"
    return Objection(message, hint, may_ask=True)


def _named(item: AppliedCommit) -> str:
    return f"{item.commit[:12]} of {item.at:%Y-%m-%d %H:%M} UTC"
