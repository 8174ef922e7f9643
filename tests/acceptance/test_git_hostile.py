"""Trees that others wrote start no program, whatever they say to git."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.gitrepo import commit, git

PLAN = "calls/june.yaml"
ATTRIBUTES = "* filter=x diff=x merge=x\n"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that the programs of a tree make."""
    return tmp_path / "started"


@pytest.fixture
def cloned(project: Workbench) -> Workbench:
    """A project in a repository of its own, and the state of its calls, which git ignores."""
    project.write(".gitignore", ".reconciler/\n*.plan\n")
    project.write(PLAN, plan_text())
    git(project.root, "init", "--quiet")
    commit(project.root)
    return project


def run_everything(
    bench: Workbench, sandbox: Any, marker: Path, *, base: str | None = "HEAD"
) -> dict[str, Any] | None:
    """Every command that looks at git; the git part of a plan. The three calls are placed, once."""
    sandbox_calls = len(sandbox.calls())
    bench.ok("validate")
    plan = bench.plan()
    assert not marker.exists(), marker.read_text()
    assert plan["summary"]["create"] == 3
    bench.ok("plan", "--format", "sarif")
    bench.ok("explain", "june/inv-1")
    if base is not None:
        introduced = bench.plan("--no-state", "--base", base)["changes"]
        assert [change["introduced"] for change in introduced] == [False] * 3
    bench.ok("plan", "--out", "june.plan")
    assert bench.apply().summary["placed"] == 3
    assert len(sandbox.calls()) == sandbox_calls + 3
    assert not marker.exists(), marker.read_text()
    revision: dict[str, Any] | None = plan["git"]
    return revision


def hostile_config(root: Path, marker: Path) -> None:
    """All that git may be told to run; ``cat`` lets filters succeed."""
    program = f"sh -c 'env > {marker}; cat'"
    for name in ("filter.x.clean", "filter.x.smudge", "filter.x.process", "core.fsmonitor", "core.sshCommand"):
        git(root, "config", name, program)
    for name in ("diff.x.textconv", "diff.x.command", "diff.external", "core.pager", "core.editor"):
        git(root, "config", name, program)
    for name in ("credential.helper", "alias.status", "alias.rev-parse", "core.askPass", "gpg.program"):
        git(root, "config", name, f"!{program}")
    hooks = root / ".git" / "evil"
    hooks.mkdir()
    for name in ("fsmonitor-watchman", "post-index-change", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\nenv > {marker}\n")
        (hooks / name).chmod(0o755)
    git(root, "config", "core.hooksPath", str(hooks))
    git(root, "config", "remote.origin.url", f"ext::{program}")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "remote.origin.partialclonefilter", "blob:none")
    git(root, "config", "core.repositoryformatversion", "1")
    git(root, "config", "extensions.partialClone", "origin")


def test_a_configuration_that_starts_programs(cloned: Workbench, sandbox: Any, marker: Path) -> None:
    cloned.write(".gitattributes", ATTRIBUTES)
    commit(cloned.root)
    head = git(cloned.root, "rev-parse", "HEAD")
    hostile_config(cloned.root, marker)
    os.utime(cloned.root / PLAN, (1, 1))  # so that its contents have to be compared
    assert run_everything(cloned, sandbox, marker) == {"commit": head, "dirty": False}
    assert not marker.exists()


def test_ordinary_files_that_look_like_a_repository(project: Workbench, sandbox: Any, marker: Path) -> None:
    """As the project's own folder, in no repository: nothing of it is read."""
    project.write(PLAN, plan_text())
    fake_repository(project.root, marker)
    assert run_everything(project, sandbox, marker, base=None) is None
    refused = project.run("plan", "--no-state", "--base", "HEAD")
    assert refused.code == 1
    assert "not a git repository" in refused.err
    assert not marker.exists()


def test_ordinary_files_inside_a_repository(cloned: Workbench, sandbox: Any, marker: Path) -> None:
    """The project is in a folder of a repository, and that folder looks like a bare one: the outer one counts."""
    inside = Workbench(cloned.root / "team", cloned.env)
    shutil.copytree(cloned.root / "calls", inside.root / "calls")
    fake_repository(inside.root, marker)
    inside.create_project()
    inside.write(PLAN, plan_text())
    (inside.root / "calls/example.yaml").unlink(missing_ok=True)
    head = commit(cloned.root, "team")
    assert run_everything(inside, sandbox, marker) == {"commit": head, "dirty": False}
    below = Workbench(cloned.root, cloned.env)
    assert below.plan("--no-state")["git"] == {"commit": head, "dirty": False}
    assert not marker.exists()


def fake_repository(root: Path, marker: Path) -> None:
    """The files of a bare repository whose configuration calls ``root`` its work tree and filters its files."""
    made = root / "made"
    made.mkdir(parents=True)
    git(made, "init", "--quiet")
    shutil.copytree(root / "calls", made / "calls")
    commit(made)
    for path in (made / ".git").iterdir():
        if path.name != "hooks":
            path.rename(root / path.name)
    shutil.rmtree(made)
    program = f"sh -c 'env > {marker}; cat'"
    core = f'[core]\n\trepositoryformatversion = 0\n\tworktree = {root}\n\tfsmonitor = "{program}"\n'
    (root / "config").write_text(f'{core}[filter "x"]\n\tclean = "{program}"\n')
    (root / ".gitattributes").write_text(ATTRIBUTES)
    os.utime(root / PLAN, (1, 1))


def test_a_partial_clone_asks_no_remote(cloned: Workbench, marker: Path) -> None:
    """An object that is missing is an error with its file; git would start the ``ext::`` transport for it."""
    blob = git(cloned.root, "rev-parse", f"HEAD:{PLAN}")
    hostile_config(cloned.root, marker)
    git(cloned.root, "config", "protocol.ext.allow", "always")
    (cloned.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    refused = cloned.run("plan", "--no-state", "--base", "HEAD")
    assert refused.code == 1
    assert f"the object of '{PLAN}' of commit" in refused.err
    cloned.ok("plan")
    assert not marker.exists()


def test_a_work_tree_elsewhere_is_left_alone(cloned: Workbench, sandbox: Any, marker: Path) -> None:
    other = marker.parent / "elsewhere"
    other.mkdir()
    git(cloned.root, "config", "core.worktree", str(other))
    assert run_everything(cloned, sandbox, marker) == {
        "commit": git(cloned.root, "rev-parse", "HEAD"),
        "dirty": True,
    }


def test_git_of_the_projects_folder_is_not_run(cloned: Workbench, sandbox: Any, marker: Path) -> None:
    """Neither a program called ``git`` in a tree, nor variables of git, have a say."""
    program = cloned.root / "git"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    head = commit(cloned.root)
    cloned.env |= {"PATH": f".:{cloned.root}::{os.environ['PATH']}"}
    cloned.env |= {"GIT_DIR": "/nonexistent", "GIT_EXTERNAL_DIFF": str(program), "GIT_SSH_COMMAND": str(program)}
    assert run_everything(cloned, sandbox, marker) == {"commit": head, "dirty": False}
    assert not marker.exists()
