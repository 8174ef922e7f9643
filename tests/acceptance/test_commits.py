"""Nothing older goes over something newer: the commits that applies counted with, on real repositories."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from reconciler.state.sqlite.state import SqliteState
from tests.conftest import Result, Workbench, plan_text
from tests.gitrepo import commit, git

PLAN = "calls/june.yaml"
ANYWAY = "--from-commit-anyway"


@pytest.fixture
def repository(project: Workbench) -> Workbench:
    """A project in git with one row, applied."""
    project.write(".gitignore", ".reconciler/\n*.plan\n")
    project.write(PLAN, plan_text(rows=1))
    git(project.root, "init", "--quiet")
    commit(project.root, "one row")
    assert project.apply().summary["placed"] == 1
    return project


def commit_rows(bench: Workbench, rows: int) -> str:
    bench.write(PLAN, plan_text(rows=rows))
    return commit(bench.root, f"{rows} rows")


def recorded(bench: Workbench) -> list[tuple[str, str | None]]:
    """The commits that were applied, oldest first, each with the reason that a person gave."""
    place = SqliteState(bench.root / ".reconciler/state.db", None)
    with place.reader() as reader:
        return [(item.commit, item.reason) for item in reversed(reader.applied_commits())]


def refused(result: Result, *words: str) -> None:
    assert result.code == 5, result
    for word in words:
        assert word in result.err, result.err


def test_a_re_run_of_an_old_job_calls_nobody_whose_row_is_gone(repository: Workbench, sandbox: Any) -> None:
    old = commit_rows(repository, 3)
    commit_rows(repository, 2)
    assert repository.apply().summary["placed"] == 1
    git(repository.root, "checkout", "--quiet", old)
    refused(repository.apply(), f"this checkout ({old[:12]}) is older than", ANYWAY)
    refused(repository.apply("--only-approved"), "is older than")
    assert len(sandbox.calls()) == 2
    git(repository.root, "checkout", "--quiet", "main")
    assert repository.apply().code == 0, "the newest commit goes on"


def test_newer_commits_and_the_same_one_again_are_applied(repository: Workbench, sandbox: Any) -> None:
    assert repository.apply().code == 0
    git(repository.root, "switch", "--quiet", "--create", "feature")
    commit_rows(repository, 2)
    commit_rows(repository, 3)
    git(repository.root, "switch", "--quiet", "main")
    git(repository.root, "merge", "--quiet", "--squash", "feature")
    squashed = commit(repository.root, "Squashed")
    git(repository.root, "checkout", "--quiet", "--detach")
    assert repository.apply().summary["placed"] == 2
    git(repository.root, "switch", "--quiet", "main")
    merged = commit_rows(repository, 3)
    assert repository.apply().code == 0
    assert [item[0] for item in recorded(repository)[1:]] == [squashed, merged], "also where nothing was to place"
    assert len(sandbox.calls()) == 3


def test_a_saved_plan_counts_with_its_own_commit(repository: Workbench, sandbox: Any) -> None:
    first = commit_rows(repository, 3)
    repository.ok("plan", "--out", "old.plan")
    commit_rows(repository, 2)
    repository.ok("plan", "--out", "new.plan")
    assert repository.run("apply", "new.plan", "--json", "--rate", "none").summary["placed"] == 1
    refused(repository.run("apply", "old.plan"), f"the plan's commit ({first[:12]}) is older than")
    assert len(sandbox.calls()) == 2
    repository.ok("plan", "--out", "again.plan")
    commit(repository.root, "something else")
    assert repository.run("apply", "again.plan").code == 0, "an ancestor of HEAD, and of nothing that was applied"


def test_a_saved_plan_of_another_branch_is_refused(repository: Workbench, sandbox: Any) -> None:
    git(repository.root, "switch", "--quiet", "--create", "feature")
    commit_rows(repository, 2)
    repository.ok("plan", "--out", "feature.plan")
    git(repository.root, "switch", "--quiet", "main")
    refused(repository.run("apply", "feature.plan"), "not in the history of HEAD")
    git(repository.root, "switch", "--quiet", "feature")
    assert repository.run("apply", "feature.plan", "--json", "--rate", "none").summary["placed"] == 1


@pytest.fixture
def amended(repository: Workbench) -> Workbench:
    """A project whose applied commit was amended: it stands on another line now."""
    repository.write(PLAN, plan_text(rows=2))
    git(repository.root, "commit", "--quiet", "--all", "--amend", "-m", "two rows")
    return repository


def test_an_amended_commit_is_refused_without_a_terminal(amended: Workbench, sandbox: Any) -> None:
    refused(amended.apply(), "does not descend from", "amended", ANYWAY)
    assert len(sandbox.calls()) == 1


@pytest.mark.parametrize(("answer", "calls"), [("yes", 2), ("y", 1), ("no", 1)])
def test_an_amended_commit_is_asked_about_on_a_terminal(
    amended: Workbench, sandbox: Any, answer: str, calls: int
) -> None:
    screen = amended.on_terminal("apply", "--auto-approve", "--rate", "none", answer=answer)
    assert "does not descend from" in screen.replace("\r\n", " ")
    assert len(sandbox.calls()) == calls
    assert len(recorded(amended)) == calls


def test_a_reason_lets_another_line_in_and_later_commits_need_none(amended: Workbench, sandbox: Any) -> None:
    head = git(amended.root, "rev-parse", "HEAD")
    assert amended.apply(ANYWAY, "amended before anybody saw it").summary["placed"] == 1
    assert recorded(amended)[-1] == (head, "amended before anybody saw it")
    assert amended.apply().code == 0
    later = commit_rows(amended, 3)
    assert amended.apply().summary["placed"] == 1
    assert recorded(amended)[-1] == (later, None)


def test_after_a_rollback_what_lies_between_is_still_older(repository: Workbench, sandbox: Any) -> None:
    start = git(repository.root, "rev-parse", "HEAD")
    between = commit_rows(repository, 3)
    commit_rows(repository, 1)
    assert repository.apply().code == 0
    git(repository.root, "checkout", "--quiet", start)
    assert repository.apply(ANYWAY, "a rollback").code == 0
    assert repository.apply().code == 0, "the same commit again"
    git(repository.root, "checkout", "--quiet", between)
    refused(repository.apply(), "is older than")
    assert len(sandbox.calls()) == 1


@pytest.mark.parametrize("reason", ["", "  ", "x", "two\nlines"])
def test_a_reason_that_says_nothing_is_wrong_usage(amended: Workbench, sandbox: Any, reason: str) -> None:
    assert amended.apply(ANYWAY, reason).code == 64
    assert len(sandbox.calls()) == 1


def shallow(bench: Workbench, commit: str) -> Workbench:
    """A clone of that commit alone, as CI makes them, beside the same state."""
    root = bench.root.parent / f"{bench.root.name}-shallow"
    root.mkdir()
    git(root, "init", "--quiet")
    git(root, "fetch", "--quiet", "--depth", "1", f"file://{bench.root}", commit)
    git(root, "checkout", "--quiet", "FETCH_HEAD")
    shutil.copytree(bench.root / ".reconciler", root / ".reconciler")
    return Workbench(root, bench.env)


def test_a_shallow_clone_that_cannot_tell_is_refused(repository: Workbench, sandbox: Any) -> None:
    git(repository.root, "config", "uploadpack.allowAnySHA1InWant", "true")
    old = commit_rows(repository, 3)
    new = commit_rows(repository, 2)
    for revision in (old, new):
        clone = shallow(repository, revision)
        refused(clone.apply(), "does not show whether", "fetch-depth: 0")
        shutil.rmtree(clone.root)
    clone = shallow(repository, new)
    git(clone.root, "fetch", "--quiet", "--unshallow", f"file://{repository.root}", new)
    assert clone.apply().summary["placed"] == 1
    assert len(sandbox.calls()) == 2


def test_a_shallow_clone_of_the_commit_that_was_applied_is_enough(repository: Workbench) -> None:
    head = git(repository.root, "rev-parse", "HEAD")
    git(repository.root, "config", "uploadpack.allowAnySHA1InWant", "true")
    assert shallow(repository, head).apply().code == 0


def test_without_git_it_is_said_once(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=1))
    assert project.apply().err.count("not in a git repository") == 1
    project.write(PLAN, plan_text(rows=2))
    again = project.apply()
    assert again.summary["placed"] == 1
    assert "git" not in again.err


def test_files_without_their_repository_are_refused(repository: Workbench, sandbox: Any) -> None:
    commit_rows(repository, 2)
    (repository.root / ".git").rename(repository.root / "moved")
    refused(repository.apply(), "no git commit", ANYWAY)
    repository.ok("plan", "--out", "june.plan")
    refused(repository.run("apply", "june.plan"), "no git commit")
    assert repository.apply(ANYWAY, "an export of main").summary["placed"] == 1


def test_a_refused_apply_records_no_commit(repository: Workbench, sandbox: Any) -> None:
    before = recorded(repository)
    commit_rows(repository, 5)
    assert repository.run("apply").code == 5
    assert repository.apply("--max-calls", "1").code == 5
    assert recorded(repository) == before
    path: Path = repository.write("calls/broken.yaml", "version: 1\nplan: x\ncalls: [{}]\n")
    assert repository.apply().code == 1
    assert recorded(repository) == before
    path.unlink()
    assert repository.apply().code == 0


def test_a_dirty_tree_counts_with_its_commit(repository: Workbench, sandbox: Any) -> None:
    repository.write(PLAN, plan_text(rows=2))
    assert repository.apply().summary["placed"] == 1
    assert len(recorded(repository)) == 1
