"""``examples/team-postgres``: planned by a role that may only read, placed by one that may write."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KEY, Workbench
from tests.gitrepo import ENVIRONMENT, commit, git
from tests.kit import EXAMPLES, Repository, run_step, script

EXAMPLE = EXAMPLES / "team-postgres"
KIT = EXAMPLE / "github"
PLANS = "calls/renewals.yaml"
MORE = """
  - key: contract-2003
    contact_id: c1d2e3f4-a5b6-7890-cdef-123456789014
    schedule: {at: 2031-06-16 10:30:00}
"""


class Team(Repository):
    """The repository, the server with its roles, and the service. Every job runs on a machine of its own."""

    def __init__(self, folder: Path, url: str, postgres: Any) -> None:
        super().__init__(folder)
        self.url, self.postgres = url, postgres
        operator = Workbench(folder / "operator", {"RECONCILER_STATE": postgres.url()})
        shutil.copytree(EXAMPLE, operator.root)
        shutil.copytree(EXAMPLES / "ci" / "github", operator.root / ".github")
        made = operator.ok("state", "init").out
        self.lineage = made.rpartition("lineage ")[2].strip(").\n")
        settings = (operator.root / "reconciler.yaml").read_text()
        operator.write("reconciler.yaml", f"{settings}\nstate: {{lineage: {self.lineage}}}\n")
        self._make_roles()
        git(operator.root, "init", "--quiet")
        commit(operator.root, "The project")
        git(operator.root, "push", "--quiet", str(self.repository), "HEAD:main")

    def _make_roles(self) -> None:
        known = {row["rolname"] for row in self.postgres.sql("select rolname from pg_roles")}
        for role in {"planner", "runner"} - known:
            self.postgres.sql(f"create role {role} login")
        sql = (
            (EXAMPLE / "roles.sql").read_text().replace(':"schema"', f"reconciler_{self.lineage.replace('-', '')}")
        )
        self.postgres.sql(*re.findall(r"^grant[^;]*;", sql, re.MULTILINE))

    def propose(self, name: str, more: str) -> None:
        path = self.clone(f"author-{name}")
        git(path, "switch", "--quiet", "--create", name)
        with (path / PLANS).open("a") as file:
            file.write(more)
        commit(path, name)
        git(path, "push", "--quiet", "origin", name)

    def plan(self, name: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        return self.plan_job(KIT, name, self.clone(f"plan-{name}", name), self.postgres.url(user="planner"))

    def apply(self, name: str, artefact: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
        """The apply job: its result, and the snapshot that it makes."""
        path = self.clone(f"apply-{name}")
        env = self.fetch_approved(KIT, path, [artefact], "calls-apply.yml") | {
            "CONTACTSHIP_API_KEY": KEY,
            "CONTACTSHIP_BASE_URL": self.url,
            "RECONCILER_STATE": self.postgres.url(user="runner"),
            "CI": "true",
            **ENVIRONMENT,
        }
        done = run_step(script(KIT, "calls-apply.yml", "apply", "apply"), path, env)
        made = run_step(script(KIT, "calls-apply.yml", "apply", "snapshot"), path, env)
        assert made.returncode == 0, made.stderr
        return done, path / "snapshot.json"


@pytest.fixture
def team(tmp_path: Path, sandbox: Any, postgres: Any) -> Team:
    return Team(tmp_path, sandbox.url, postgres)


def actions(artefact: Path) -> dict[str, str]:
    report = json.loads((artefact / "report.json").read_text())
    return {change["key"]: change["action"] for change in report["changes"]}


def test_from_a_branch_to_the_calls_and_to_the_next_branch(team: Team, sandbox: Any) -> None:
    team.propose("first", MORE)
    planned, artefact = team.plan("first")
    assert planned.returncode == 0, planned.stderr
    assert set(actions(artefact).values()) == {"create"}
    assert not sandbox.calls()
    team.merge("first")
    applied, snapshot = team.apply("first", artefact)
    assert applied.returncode == 0, applied.stderr
    assert "checkpoint" not in applied.stderr
    assert len(sandbox.calls()) == 3
    again, _ = team.apply("again", artefact)
    assert again.returncode == 0, again.stderr
    assert len(sandbox.calls()) == 3

    team.propose("second", MORE.replace("2003", "2004").replace("789014", "789015"))
    planned, artefact = team.plan("second")
    assert planned.returncode == 0, planned.stderr
    assert [actions(artefact)[f"contract-200{number}"] for number in (1, 2, 3, 4)] == [
        *["unchanged"] * 3,
        "create",
    ]
    outside = Workbench(team.clone("outside", "second"), {"RECONCILER_STATE": f"snapshot:{snapshot}"})
    assert set(outside.actions().values()) == {"unchanged", "create"}


def test_the_role_that_plans_can_place_nothing(team: Team, sandbox: Any) -> None:
    env = {
        "RECONCILER_STATE": team.postgres.url(user="planner"),
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
    }
    bench = Workbench(team.clone("curious"), env)
    assert set(bench.actions().values()) == {"create"}
    refused = bench.apply()
    assert refused.code == 1
    assert "permission denied" in refused.err
    assert not sandbox.calls()
    for command in (["state", "list"], ["state", "show"], ["audit", "verify"], ["state", "check"]):
        bench.ok(*command)
