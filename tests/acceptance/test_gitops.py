"""The flow of pull requests on local repositories, with the very scripts of the workflows in ``examples/ci``."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY, Workbench, contact, plan_text
from tests.gitrepo import ENVIRONMENT, commit, git
from tests.kit import EXAMPLES, TOOLS, Repository, run_step, script

KIT = EXAMPLES / "ci" / "github"


class Forge(Repository):
    """A repository with its branches, a private one for the state, and the service."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.url = url
        self.state = folder / "calls-state.git"
        git(folder, "init", "--quiet", "--bare", str(self.state))
        self._set_up()

    def _set_up(self) -> None:
        """The steps of the kit's README."""
        bench = Workbench(self.folder / "operator")
        bench.root.mkdir()
        bench.create_project()
        state = bench.root / ".reconciler"
        (state / ".gitignore").unlink()
        git(state, "init", "--quiet")
        git(state, "add", "state.db")
        commit(state, "A new state")
        git(state, "push", "--quiet", str(self.state), "HEAD:main")
        bench.ok("state", "export", "--public", "snapshot.json")
        shutil.rmtree(state)
        bench.write(".gitignore", ".reconciler/\n.snapshot/\ncalls-plan/\nsnapshot.json\n")
        bench.write("calls/june.yaml", plan_text(rows=1))
        shutil.copytree(KIT, bench.root / ".github")
        git(bench.root, "init", "--quiet")
        commit(bench.root, "The project")
        git(bench.root, "push", "--quiet", str(self.repository), "HEAD:main")
        git(bench.root, "switch", "--quiet", "--orphan", "reconciler-snapshot")
        git(bench.root, "add", "--force", "snapshot.json")
        git(bench.root, "commit", "--quiet", "-m", "First snapshot")
        git(bench.root, "push", "--quiet", str(self.repository), "HEAD:reconciler-snapshot")

    def propose(self, name: str, files: dict[str, str], branch: str | None = None) -> None:
        """A branch with changed files, named as its author's clone unless there is a name."""
        branch = branch or name
        path = self.clone(f"author-{name}")
        git(path, "switch", "--quiet", "--create", branch)
        for file, text in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_text(text)
        commit(path, name)
        git(path, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")

    def plan(self, name: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        """The plan job on a fresh runner: its result, and the artefact."""
        path = self.clone(f"plan-{name}", name)
        git(path, "clone", "--quiet", "--branch", "reconciler-snapshot", str(self.repository), ".snapshot")
        return self.plan_job(KIT, name, path, "snapshot:.snapshot/snapshot.json")

    def apply(
        self,
        name: str,
        *artefacts: Path,
        publish: bool = True,
        workflow: str = "calls-apply.yml",
        at: str | None = None,
        url: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """The apply job on a fresh runner, and what it publishes; ``at`` an earlier commit."""
        path = self.clone(f"apply-{name}")
        if at is not None:
            git(path, "checkout", "--quiet", "--detach", at)
        git(path, "clone", "--quiet", "--branch", "main", str(self.state), ".reconciler")
        env = self.fetch_approved(KIT, path, artefacts, workflow) | {
            "CONTACTSHIP_API_KEY": KEY,
            "CONTACTSHIP_BASE_URL": url or self.url,
            "RECONCILER_CHECKPOINT": str(KIT / "actions" / "reconciler" / "carry-state"),
            "CI": "true",
            **ENVIRONMENT,
        }
        done = run_step(script(KIT, workflow, "apply", "apply"), path, env)
        if not publish:
            return done
        git(path, "clone", "--quiet", "--branch", "reconciler-snapshot", str(self.repository), ".snapshot")
        published = run_step(script(KIT, workflow, "apply", "snapshot"), path, ENVIRONMENT)
        assert published.returncode == 0, published.stderr
        return done


@pytest.fixture
def forge(tmp_path: Path, sandbox: Any) -> Forge:
    return Forge(tmp_path, sandbox.url)


def actions(artefact: Path) -> dict[str, tuple[str, bool]]:
    report = json.loads((artefact / "report.json").read_text())
    return {change["address"]: (change["action"], change["introduced"]) for change in report["changes"]}


def test_from_a_branch_to_the_call_and_to_the_next_branch(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    planned, artefact = forge.plan("first")
    assert planned.returncode == 0, planned.stderr
    assert actions(artefact) == {"june/inv-1": ("create", False), "june/inv-2": ("create", True)}
    comment = (artefact / "comment.md").read_text()
    assert comment.startswith("<!-- reconciler:plan -->")
    assert "14002" not in comment, "amounts are masked"
    assert '<a href="https://github.example/ops/calls/actions/runs/71#artifacts">' in comment
    assert "14002" not in (artefact / "report.html").read_text()
    assert (forge.folder / "summary-first.md").read_text() == comment
    assert not sandbox.calls()

    forge.merge("first")
    applied = forge.apply("first", artefact)
    assert applied.returncode == 0, applied.stderr
    assert KEY not in applied.stdout + applied.stderr
    keys = [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()]
    assert sorted(keys) == ["inv-1", "inv-2"]

    forge.propose("second", {"calls/june.yaml": plan_text(rows=3)})
    planned, artefact = forge.plan("second")
    assert planned.returncode == 0, planned.stderr
    assert actions(artefact) == {
        "june/inv-1": ("unchanged", False),
        "june/inv-2": ("unchanged", False),
        "june/inv-3": ("create", True),
    }
    forge.merge("second")
    assert forge.apply("second", artefact).returncode == 0
    assert len(sandbox.calls()) == 3


def test_an_edit_of_what_was_placed_is_shown_with_the_values_of_the_base(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    _, artefact = forge.plan("first")
    forge.merge("first")
    assert forge.apply("first", artefact).returncode == 0
    later = plan_text(rows=2).replace("00:02:00", "04:00:00")
    forge.propose("edit", {"calls/june.yaml": later})
    planned, artefact = forge.plan("edit")
    assert planned.returncode == 0, planned.stderr
    [changed] = [
        change
        for change in json.loads((artefact / "report.json").read_text())["changes"]
        if change["action"] == "changed"
    ]
    assert changed["diff"] == [
        {"field": "schedule.at", "before": "2031-06-01 00:02:00", "after": "2031-06-01 04:00:00", "hidden": False}
    ]
    assert changed["introduced"] is True


@pytest.mark.parametrize(
    "settings",
    [
        "base_url: {url}\n",
        "provider: {{base_url: {url}}}\n",
        "api_key: {url}\n",
        "state: {{path: 'postgresql://user:$PGPASSWORD@{host}/db'}}\n",
    ],
)
def test_settings_of_a_branch_send_nothing_elsewhere(forge: Forge, sandbox: Any, settings: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        host = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        text = "version: 1\n" + settings.format(url=f"http://{host}", host=host)
        forge.propose("evil", {"reconciler.yaml": text, "calls/june.yaml": plan_text(rows=2)})
        _, artefact = forge.plan("evil")
        forge.merge("evil")
        artefact.mkdir(exist_ok=True)
        if not (artefact / "plan.json").exists():
            (artefact / "plan.json").write_text("{}")
        applied = forge.apply("evil", artefact, publish=False)
        assert applied.returncode == 1, (applied.stdout, applied.stderr)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert not sandbox.calls()


def test_a_forged_artefact_places_nothing_that_was_not_merged(forge: Forge, sandbox: Any) -> None:
    forge.propose("forged", {"calls/june.yaml": plan_text(rows=5)})
    _, artefact = forge.plan("forged")
    applied = forge.apply("forged", artefact)
    assert applied.returncode == 3, "what was approved is not what main asks for"
    assert [call.body["contact_id"] for call in sandbox.calls()] == [contact(1)]


def hourly(forge: Forge, name: str, *artefacts: Path) -> subprocess.CompletedProcess[str]:
    return forge.apply(name, *artefacts, workflow="calls-hourly.yml")


def placed(sandbox: Any) -> list[str]:
    return sorted(call.body["metadata"]["reconciler_key"] for call in sandbox.calls())


def test_the_hourly_job_places_only_what_an_approved_plan_holds(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    _, artefact = forge.plan("first")
    forge.merge("first")
    left = forge.apply("down", artefact, url="http://127.0.0.1:9")
    assert left.returncode == 3, (left.stdout, left.stderr)
    forge.propose("unseen", {"calls/june.yaml": plan_text(rows=3)})
    forge.merge("unseen")
    done = hourly(forge, "hour-1")
    assert done.returncode == 3, done.stderr
    assert "june/inv-3" in done.stdout + done.stderr
    assert placed(sandbox) == ["inv-1", "inv-2"], "the state remembers who was approved"
    before = git(forge.state, "rev-parse", "main")
    assert hourly(forge, "hour-2").returncode == 3
    assert git(forge.state, "rev-parse", "main") == before, "an hour without news pushes nothing"
    snapshots = git(forge.repository, "rev-list", "--count", "reconciler-snapshot")
    assert int(snapshots) == 4, "the first, and one of each job"


def test_a_plan_that_was_committed_approves_nothing(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    _, artefact = forge.plan("first")
    plan = (artefact / "plan.json").read_text()
    forge.propose("second", {"calls/june.yaml": plan_text(rows=2), "approved/1/plan.json": plan})
    forge.merge("second")
    assert forge.apply("second").returncode == 3
    assert hourly(forge, "hour").returncode == 3
    assert not sandbox.calls()


@pytest.mark.parametrize("how", ["--no-ff", "--squash"])
def test_a_job_that_runs_again_calls_nobody_whose_row_is_gone(forge: Forge, sandbox: Any, how: str) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=3)})
    _, first = forge.plan("first")
    old = forge.merge("first", how)
    forge.propose("second", {"calls/june.yaml": plan_text(rows=2)})
    _, second = forge.plan("second")
    forge.merge("second", how)
    done = forge.apply("second", first, second)
    assert done.returncode == 3, "what the first plan was approved for is not what happens"
    assert placed(sandbox) == ["inv-1", "inv-2"]
    again = forge.apply("again", first, at=old)
    assert again.returncode == 5, again.stderr
    assert "is older than" in again.stderr
    assert placed(sandbox) == ["inv-1", "inv-2"]


def test_a_branch_that_was_rewritten_is_refused(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    _, artefact = forge.plan("first")
    forge.merge("first")
    assert forge.apply("first", artefact).returncode == 0
    path = forge.clone("rewriter")
    (path / "calls/june.yaml").write_text(plan_text(rows=3))
    git(path, "commit", "--quiet", "--all", "--amend", "-m", "rewritten")
    git(path, "push", "--quiet", "--force", "origin", "main")
    done = forge.apply("rewritten", artefact)
    assert done.returncode == 5
    assert "--from-commit-anyway" in done.stderr
    assert len(sandbox.calls()) == 2


def test_two_snapshots_at_once_are_one(forge: Forge, sandbox: Any) -> None:
    forge.propose("first", {"calls/june.yaml": plan_text(rows=2)})
    _, artefact = forge.plan("first")
    forge.merge("first")
    late = forge.clone("late")
    git(late, "clone", "--quiet", "--branch", "reconciler-snapshot", str(forge.repository), ".snapshot")
    assert forge.apply("first", artefact).returncode == 0
    git(late, "clone", "--quiet", "--branch", "main", str(forge.state), ".reconciler")
    pushed = git(forge.repository, "rev-parse", "reconciler-snapshot")
    done = run_step(script(KIT, "calls-hourly.yml", "apply", "snapshot"), late, ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "meanwhile" in done.stdout
    assert git(forge.repository, "rev-parse", "reconciler-snapshot") == pushed


HOSTILE = [
    "$(touch${IFS}pwned)",
    "a;touch${IFS}pwned;#",
    "`touch${IFS}pwned`",
    'it\'s-"quoted"',
    "-n&&touch${IFS}pwned|x",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_branches_start_nothing(forge: Forge, name: str) -> None:
    branch = f"b/{name}"
    forge.propose("author", {"calls/june.yaml": plan_text(rows=2)}, branch)
    path = forge.clone("plan-hostile", branch)
    git(path, "push", "--quiet", "origin", f"origin/main:refs/heads/base/{name}")
    git(path, "fetch", "--quiet", "origin")
    git(path, "clone", "--quiet", "--branch", "reconciler-snapshot", str(forge.repository), ".snapshot")
    planned, artefact = forge.plan_job(KIT, "hostile", path, "snapshot:.snapshot/snapshot.json", f"base/{name}")
    assert planned.returncode == 0, planned.stderr
    assert actions(artefact)["june/inv-2"] == ("create", True)
    env = {"FORGE": str(forge.folder / "forge"), "REPO": "example/calls", "RUN": "1", "HEAD": f"someone:{branch}"}
    env["PATH"] = f"{forge.folder / 'bin'}:{TOOLS}"
    commented = run_step(script(KIT, "calls-comment.yml", "comment", "comment"), path, env)
    assert commented.returncode == 0, commented.stderr
    assert f"head=someone:{branch} " in (forge.folder / "forge.log").read_text()
    assert not list(forge.folder.rglob("pwned"))


SSH = """\
#!/bin/sh
test "$SSH_AUTH_SOCK" = agent || exit 9
shift
exec sh -c "$*"
"""


def test_the_checkpoint_pushes_with_the_agent_of_the_job(forge: Forge, sandbox: Any) -> None:
    ssh = forge.folder / "bin" / "ssh-stand-in"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    path = forge.clone("ssh")
    git(path, "clone", "--quiet", "--branch", "main", str(forge.state), ".reconciler")
    git(path / ".reconciler", "remote", "set-url", "origin", f"host:{forge.state}")
    env = {
        "CONTACTSHIP_API_KEY": KEY,
        "CONTACTSHIP_BASE_URL": forge.url,
        "PATH": TOOLS,  # the command as it is installed
        "RECONCILER_CHECKPOINT": str(KIT / "actions" / "reconciler" / "carry-state"),
        "GIT_SSH_COMMAND": str(ssh),
        "SSH_AUTH_SOCK": "agent",
        **ENVIRONMENT,
    }
    before = git(forge.state, "rev-parse", "main")
    done = run_step("exec reconciler apply --auto-approve", path, env)
    assert done.returncode == 0, done.stderr
    assert git(forge.state, "rev-parse", "main") != before
    assert len(sandbox.calls()) == 1
