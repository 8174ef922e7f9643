"""What is read from git repositories, beside what git itself says of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli import git as reading
from reconciler.cli import repository as repository_module
from reconciler.domain.history import Relation
from reconciler.domain.plan import GitRevision
from reconciler.errors import ReconcilerError
from tests.gitrepo import commit, git


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit: calls/june.yaml, a program, a link and .gitignore; no configuration of the user's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    root = (tmp_path / "repo").resolve()
    (root / "calls").mkdir(parents=True)
    git(root, "init", "--quiet")
    (root / "calls/june.yaml").write_text("calls: []\n")
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "link").symlink_to("calls/june.yaml")
    (root / ".gitignore").write_text("*.tmp\n/ignored/\n")
    commit(root)
    return root


def dirty(root: Path) -> bool:
    found = reading.revision(root)
    assert found is not None
    assert found.commit == git(root, "rev-parse", "HEAD")
    return found.dirty


def _write(name: str, text: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)

    return change


def _relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("tool")


def _to_fifo(root: Path) -> None:
    (root / "tool").unlink()
    os.mkfifo(root / "tool")


def _crlf(setting: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        git(root, "config", "core.autocrlf", setting)
        (root / "calls/june.yaml").write_bytes(b"calls: []\r\n")

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "none": lambda root: None,
    "ignored file": _write("x.tmp", "x"),
    "ignored folder": _write("ignored/x.yaml", "x"),
    "empty folder": lambda root: (root / "empty").mkdir(),
    "touched": lambda root: os.utime(root / "tool", (1, 1)),
    "line endings that git converts": _crlf("true"),
    "packed refs and objects": lambda root: git(root, "gc", "--quiet"),
    "index version 4": lambda root: git(root, "update-index", "--index-version", "4"),
    "untracked": _write("new.yaml", "x"),
    "untracked in a folder": _write("other/new.yaml", "x"),
    "edited": _write("calls/june.yaml", "calls: {}\n"),
    "edited, of the same size": _write("tool", "#!/bin/sH\n"),
    "staged": lambda root: (_write("tool", "x")(root), git(root, "add", "tool")),
    "staged and taken back": lambda root: (
        _write("tool", "x")(root),
        git(root, "add", "tool"),
        _write("tool", "#!/bin/sh\n")(root),
    ),
    "deleted": lambda root: (root / "tool").unlink(),
    "no longer tracked": lambda root: git(root, "rm", "--quiet", "--cached", "tool"),
    "executable": lambda root: (root / "tool").chmod(0o755),
    "another target of a link": _relink,
    "a FIFO in the place of a file": _to_fifo,
    "line endings that git does not convert": _crlf("false"),
    "intended to be added": lambda root: (
        _write("new", "x")(root),
        git(root, "add", "--intent-to-add", "new"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_dirty_means_what_git_status_says(repo: Path, change: str) -> None:
    CHANGES[change](repo)
    assert dirty(repo) is (git(repo, "status", "--porcelain") != "")
    assert dirty(repo / "calls") is dirty(repo)


def test_no_readable_commit_is_no_revision(tmp_path: Path) -> None:
    assert reading.revision(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert reading.revision(tmp_path) is None
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--object-format=sha256")
    commit(other)
    assert reading.revision(other) is None
    with pytest.raises(ReconcilerError, match="cannot read the git repository"):
        reading.base_commit(other, "HEAD")


@pytest.mark.parametrize("option", ["--split-index", "--skip-worktree"])
def test_an_index_that_cannot_be_compared_counts_as_different(repo: Path, option: str) -> None:
    git(repo, "update-index", option, *([] if option == "--split-index" else ["tool"]))
    if option == "--skip-worktree":
        (repo / "tool").unlink()
    assert git(repo, "status", "--porcelain") == ""
    assert dirty(repo)


@pytest.mark.parametrize("damage", ["index", "objects"])
def test_a_damaged_repository_counts_as_different(repo: Path, damage: str) -> None:
    if damage == "index":
        (repo / ".git/index").write_bytes(b"DIRC" + bytes(200))
    else:
        tree = git(repo, "rev-parse", "HEAD^{tree}")
        (repo / ".git/objects" / tree[:2] / tree[2:]).unlink()
    assert dirty(repo)


def test_a_filter_is_never_run(repo: Path, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    git(repo, "config", "filter.x.clean", f"touch {marker}; cat")
    git(repo, "config", "filter.x.required", "true")
    (repo / ".gitattributes").write_text("* filter=x\n")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "-m", "filtered")
    marker.unlink()
    assert not dirty(repo)
    (repo / "tool").write_text("#!/bin/sh -e\n")
    assert dirty(repo)
    (repo / "tool").write_text("#!/bin/sh\n")
    assert not dirty(repo), "byte by byte as in the commit"
    assert not marker.exists()


def test_a_pattern_that_takes_for_ever_counts_as_different(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_module, "_COMPARE_SECONDS", 1)
    folder = repo.joinpath(*["a" * 60] * 6)
    folder.mkdir(parents=True)
    (folder / ("a" * 200)).write_text("x")
    slow = "**/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\n*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b/**/*a*a*a*a*a**/*a**b**/*c\n"
    (repo / ".gitignore").write_text(slow)
    start = time.monotonic()
    assert dirty(repo)
    assert time.monotonic() - start > 1, "cut off, not answered"


@pytest.mark.parametrize("setting", ["core.worktree", "core.bare"])
def test_a_work_tree_elsewhere_is_not_compared(repo: Path, tmp_path: Path, setting: str) -> None:
    other = tmp_path / "other"
    shutil.copytree(repo, other, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    head = git(repo, "rev-parse", "HEAD")
    (repo / "calls/june.yaml").write_text("changed")
    git(repo, "config", setting, str(other) if setting == "core.worktree" else "true")
    found = reading.revision(repo)
    assert found is not None
    assert (found.commit, found.dirty) == (head, True)


def test_linked_work_trees_submodules_and_alternates(repo: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(repo, "worktree", "add", "--quiet", "--detach", str(linked))
    assert not dirty(linked)
    (linked / "new").write_text("x")
    assert dirty(linked)
    assert not dirty(repo)
    shared = tmp_path / "shared"
    git(tmp_path, "clone", "--quiet", "--shared", str(repo), str(shared))
    assert not dirty(shared)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo), "inner")
    commit(outer)
    assert not dirty(outer)
    assert not dirty(outer / "inner")
    assert reading.folder(outer / "inner" / "calls") == "calls/"
    (outer / "inner" / "tool").write_text("x")
    assert dirty(outer / "inner")
    assert dirty(outer)


def test_only_the_nearest_git_folder_counts(repo: Path) -> None:
    """``HEAD``, ``objects`` and ``refs`` as ordinary files make no repository, and ``.git`` ends the search."""
    bare = repo / "bare"
    git(repo, "clone", "--quiet", "--bare", str(repo), str(bare))
    outer = commit(repo, "with a bare repository's files")
    assert git(bare, "rev-parse", "HEAD") != outer, "git takes them for one"
    assert reading.revision(bare) == GitRevision(outer, dirty=False)
    assert reading.folder(bare) == "bare/"
    (bare / ".git").write_text("nonsense")
    assert reading.revision(bare) is None
    with pytest.raises(ReconcilerError, match="cannot read"):
        reading.base_commit(bare, "HEAD")
    (bare / ".git").unlink()
    os.mkfifo(bare / ".git")
    assert reading.revision(bare) is None


def test_another_users_repository_is_refused_as_git_does(repo: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    for path in (repo, *repo.rglob("*")):
        os.chown(path, 4321, 4321, follow_symlinks=False)
    refused = subprocess.run(["git", "-C", str(repo), "status"], capture_output=True, text=True, check=False)
    assert "dubious ownership" in refused.stderr
    assert reading.revision(repo) is None


def test_the_relation_of_commits(repo: Path) -> None:
    first = git(repo, "rev-parse", "HEAD")
    second = commit(repo, "second")
    git(repo, "switch", "--quiet", "-c", "side", first)
    side = commit(repo, "side")
    git(repo, "merge", "--quiet", "--no-ff", "-m", "merge", second)
    merge = git(repo, "rev-parse", "HEAD")
    for older, newer, expected in [
        (first, first, Relation.ANCESTOR),
        (first, second, Relation.ANCESTOR),
        (second, merge, Relation.ANCESTOR),
        (first, merge, Relation.ANCESTOR),
        (second, first, Relation.NOT_ANCESTOR),
        (side, second, Relation.NOT_ANCESTOR),
        (merge, side, Relation.NOT_ANCESTOR),
        ("1" * 40, merge, Relation.NOT_ANCESTOR),
        (first, "1" * 40, Relation.UNKNOWN),
        ("1" * 40, "1" * 40, Relation.UNKNOWN),
        ("HEAD", merge, Relation.UNKNOWN),
        ("", merge, Relation.UNKNOWN),
        (git(repo, "rev-parse", "HEAD^{tree}"), merge, Relation.UNKNOWN),
    ]:
        assert reading.GitHistory(repo).relation(older, newer) is expected, (older, newer)
    assert reading.GitHistory(repo.parent).relation(first, second) is Relation.UNKNOWN


def test_the_relation_is_unknown_where_history_is_cut_off(repo: Path, tmp_path: Path) -> None:
    commits = [git(repo, "rev-parse", "HEAD"), *(commit(repo, str(number)) for number in range(4))]
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{repo}", str(shallow))
    assert reading.GitHistory(shallow).relation(commits[3], commits[4]) is Relation.ANCESTOR
    assert reading.GitHistory(shallow).relation(commits[4], commits[3]) is Relation.NOT_ANCESTOR
    assert reading.GitHistory(shallow).relation(commits[0], commits[4]) is Relation.UNKNOWN
    assert reading.GitHistory(shallow).relation(commits[4], commits[0]) is Relation.UNKNOWN
    other = commit_elsewhere(shallow, commits[3])
    assert reading.GitHistory(shallow).relation(other, commits[4]) is Relation.UNKNOWN
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert reading.GitHistory(shallow).relation(commits[0], commits[4]) is Relation.ANCESTOR
    assert reading.GitHistory(shallow).relation(other, commits[4]) is Relation.NOT_ANCESTOR


def commit_elsewhere(root: Path, parent: str) -> str:
    return git(root, "commit-tree", "-p", parent, "-m", "elsewhere", f"{parent}^{{tree}}")


def test_the_relation_is_unknown_with_missing_commits_and_grafts(repo: Path) -> None:
    first, second = git(repo, "rev-parse", "HEAD"), commit(repo, "second")
    third = commit(repo, "third")
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/grafts").write_text(f"{third}\n")
    assert reading.GitHistory(repo).relation(first, third) is Relation.UNKNOWN
    (repo / ".git/info/grafts").unlink()
    assert reading.GitHistory(repo).relation(first, third) is Relation.ANCESTOR
    (repo / ".git/objects" / second[:2] / second[2:]).unlink()
    assert reading.GitHistory(repo).relation(first, third) is Relation.UNKNOWN
    assert reading.GitHistory(repo).relation("1" * 40, third) is Relation.UNKNOWN
