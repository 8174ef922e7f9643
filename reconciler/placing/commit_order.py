"""Prevent an older commit from being applied over a newer one, by comparing it with the commits applied before.

The commit is HEAD of the checkout whose files are read, or that of a saved plan. The commit in an artefact passed
with ``--approved`` is never trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.facts import AppliedCommit
from reconciler.domain.history import History, Relation
from reconciler.domain.ports import StateStore
from reconciler.errors import Refused

_FETCH = "fetch the whole history (git fetch --unshallow; in CI fetch-depth: 0, or GIT_DEPTH: 0 on GitLab)"
_ANYWAY = 'pass --from-commit-anyway "why"'
_WITHOUT_GIT = (
    "warning: this project is not in a git repository, so apply cannot detect that an older copy of its files is "
    "applied over a newer one (this warning is shown once)"
)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a commit may not be applied. ``may_ask``: a person on a terminal may decide otherwise."""

    message: str
    hint: str
    may_ask: bool = False


@dataclass(frozen=True, slots=True)
class CommitOrigin:
    """The source of what is applied. ``commit`` is None outside git.

    ``saved``: the commit of a saved plan, which may differ from that of the files around it. ``accepted`` is the
    objection that a person overruled, ``reason`` why; a reason without an objection overrules any.
    """

    history: History
    commit: str | None
    saved: bool
    reason: str | None = None
    accepted: Objection | None = None

    @property
    def name(self) -> str:
        return "the plan's commit" if self.saved else "this checkout"


def note_origin(
    origin: CommitOrigin, store: StateStore, run_id: str, at: datetime, note: Callable[[str], None]
) -> None:
    """Under the lock: check the commit against those applied before, and record it.

    ``note`` receives a warning for people if there is no commit to compare.

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
        note(_WITHOUT_GIT)


def find_objection(origin: CommitOrigin, applied: Sequence[AppliedCommit]) -> Objection | None:
    """Why a commit may not be applied after ``applied`` (newest first); None if it may.

    Checking the latest one is enough: each earlier one was older or overruled when the next was applied. Only if a
    person overruled the check can an earlier one be newer than a later one.
    """
    if origin.saved and origin.commit is not None and (objection := _outside(origin, origin.commit)) is not None:
        return objection
    if not applied or applied[0].commit == origin.commit:
        return None
    if origin.commit is None:
        message = f"{origin.name} has no git commit, but {_named(applied[0])} was applied before"
        return Objection(message, f"apply from the git checkout. If this is intended, {_ANYWAY}")
    latest, earlier = applied[0], applied[1:]
    relation = origin.history.relation(latest.commit, origin.commit)
    if relation is not Relation.ANCESTOR:
        return _older(origin, applied) or _unordered(origin, latest, relation)
    return _older(origin, earlier) if latest.reason is not None else None


def _outside(origin: CommitOrigin, commit: str) -> Objection | None:
    """A saved plan must come from the history of the checkout in which it is applied, if there is one."""
    head = origin.history.head()
    relation = Relation.ANCESTOR if head is None else origin.history.relation(commit, head)
    if head is None or relation is Relation.ANCESTOR:
        return None
    message = f"the plan was made from commit {commit[:12]}, which is not in the history of HEAD ({head[:12]})"
    if relation is Relation.UNKNOWN:
        message = f"the history in this clone does not show whether the plan's commit {commit[:12]} is in HEAD"
        return Objection(message, f"{_FETCH}. If this is intended, {_ANYWAY}")
    hint = f"check out the plan's branch, or plan again here. If this is intended, {_ANYWAY}"
    return Objection(message, hint, may_ask=True)


def _older(origin: CommitOrigin, applied: Sequence[AppliedCommit]) -> Objection | None:
    commit = origin.commit or ""
    for item in applied:
        if item.commit != commit and origin.history.relation(commit, item.commit) is Relation.ANCESTOR:
            message = f"{origin.name} ({commit[:12]}) is older than {_named(item)}, which was applied before"
            return Objection(message, f"apply the newest commit. If this is intended, {_ANYWAY}")
    return None


def _unordered(origin: CommitOrigin, latest: AppliedCommit, forward: Relation) -> Objection:
    """Neither commit is known to descend from the other: the history is incomplete, or they are on different
    lines.
    """
    commit = origin.commit or ""
    backward = origin.history.relation(commit, latest.commit)
    if Relation.UNKNOWN in (forward, backward):
        newer = f"{origin.name} ({commit[:12]}) is newer than {_named(latest)}"
        message = f"the history in this clone does not show whether {newer}"
        return Objection(message, f"{_FETCH}. If that commit was amended or rebased, {_ANYWAY}")
    message = f"{origin.name} ({commit[:12]}) does not descend from {_named(latest)}, which was applied before"
    hint = f"merge that commit first. If it was amended or rebased, {_ANYWAY}"
    return Objection(message, hint, may_ask=True)


def _named(item: AppliedCommit) -> str:
    return f"{item.commit[:12]} of {item.at:%Y-%m-%d %H:%M} UTC"
