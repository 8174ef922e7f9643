"""An older commit is not applied over a newer one, unless a person says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.history import Relation
from reconciler.domain.ports import Run
from reconciler.errors import Refused
from reconciler.placing.commit_order import CommitOrigin, find_objection, note_origin
from tests.memory import InMemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", NOW, "host", 1, "me", "0")


@dataclass(frozen=True)
class Commits:
    """A history of commits named by letters: ``abc`` in this order, ``x`` beside b and c. Others are not in it."""

    at: str | None = "c"

    def head(self) -> str | None:
        return self.at

    def relation(self, older: str, newer: str) -> Relation:
        if not {older, newer} <= {*"abcx"}:
            return Relation.UNKNOWN
        line = "ax" if "x" in {older, newer} else "abc"
        known = older in line and newer in line
        return Relation.ANCESTOR if known and line.index(older) <= line.index(newer) else Relation.NOT_ANCESTOR


def origin(commit: str | None, **fields: object) -> CommitOrigin:
    return replace(CommitOrigin(Commits(), commit, saved=False), **fields)  # type: ignore[arg-type]


def after(*applied: str) -> InMemoryStore:
    """A state to which these commits were applied. A reason follows a colon."""
    store = InMemoryStore(RUN)
    for number, item in enumerate(applied):
        commit, _, reason = item.partition(":")
        store.note_commit(RUN.id, commit, NOW + timedelta(minutes=number), reason or None)
    return store


@pytest.mark.parametrize(
    ("applied", "commit", "message"),
    [
        ([], "b", None),
        ([], None, None),
        (["a"], "b", None),
        (["b"], "b", None),
        (["b"], "a", "this checkout (a) is older than b"),
        (["b"], "x", "this checkout (x) does not descend from b"),
        (["b"], "new", "does not show whether this checkout (new) is newer than b"),
        (["b"], None, "this checkout has no git commit, but b"),
        (["c", "a:a rollback"], "b", "this checkout (b) is older than c"),
        (["c", "a:a rollback"], "c", None),
        (["c", "a:a rollback"], "a", None),
    ],
)
def test_a_commit_is_compared_with_those_that_were_applied(
    applied: list[str], commit: str | None, message: str | None
) -> None:
    store = after(*applied)
    objection = find_objection(origin(commit), store.applied_commits())
    assert (objection is None) is (message is None)
    assert objection is None or str(message) in objection.message


@pytest.mark.parametrize(
    ("head", "commit", "message"),
    [
        ("c", "b", None),
        (None, "b", None),
        ("b", "c", "which is not in the history of HEAD (b)"),
        ("c", "new", "does not show whether the plan's commit new is in HEAD"),
    ],
)
def test_the_commit_of_a_saved_plan_is_in_the_history_of_head(
    head: str | None, commit: str, message: str | None
) -> None:
    objection = find_objection(CommitOrigin(Commits(head), commit, saved=True), [])
    assert (objection is None) is (message is None)
    assert objection is None or str(message) in objection.message


def test_a_commit_that_may_not_be_applied_is_refused_and_not_recorded() -> None:
    store = after("b")
    with pytest.raises(Refused, match=r"this checkout \(a\) is older than b.*: nothing was placed") as refused:
        note_origin(origin("a"), store, RUN.id, NOW, pytest.fail)
    assert "--from-commit-anyway" in str(refused.value.hint)
    assert [item.commit for item in store.applied_commits()] == ["b"]


def test_a_reason_is_recorded_if_it_overruled_something() -> None:
    store = after("b")
    note_origin(origin("a", reason="a rollback"), store, RUN.id, NOW, pytest.fail)
    note_origin(origin("c", reason="not needed"), store, RUN.id, NOW, pytest.fail)
    assert [(item.commit, item.reason) for item in store.applied_commits()][:2] == [
        ("c", None),
        ("a", "a rollback"),
    ]


def test_a_person_overrules_only_the_objection_that_was_shown() -> None:
    store = after("b")
    shown = find_objection(origin("x"), store.applied_commits())
    with pytest.raises(Refused):
        note_origin(origin("a", reason="yes", accepted=shown), store, RUN.id, NOW, pytest.fail)
    note_origin(origin("x", reason="yes", accepted=shown), store, RUN.id, NOW, pytest.fail)
    assert store.applied_commits()[0].commit == "x"


def test_a_project_without_git_is_warned_once() -> None:
    warnings: list[str] = []
    store = after()
    note_origin(origin(None), store, RUN.id, NOW, warnings.append)
    store.begin_run(replace(RUN, id="run-2"))
    note_origin(origin(None), store, "run-2", NOW, warnings.append)
    assert ["not in a git repository" in text for text in warnings] == [True]
