"""The CI kits: what they run is pinned, and they ask for no more than they need."""

from __future__ import annotations

import re
from importlib.metadata import requires
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.conftest import ZYGOTE, Workbench, clean_environment
from tests.kit import EXAMPLES
from tests.zygote import COMMAND

ROOT = EXAMPLES.parent
ACTION = EXAMPLES / "ci" / "github" / "actions" / "reconciler"
WORKFLOWS = sorted(EXAMPLES.glob("*/github/workflows/*.yml"))
PIN = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
LINUX = {"python_version": "3.12", "python_full_version": "3.12.1", "sys_platform": "linux", "os_name": "posix"}


def pinned() -> dict[str, str]:
    """Each requirement of the kit, by name, and its version; every one of them has hashes."""
    text = (ACTION / "requirements.txt").read_text()
    blocks = re.findall(
        r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", text, re.MULTILINE
    )
    assert len(blocks) == len(re.findall(r"^\w.*==", text, re.MULTILINE))
    return {name: version for name, version, _ in blocks}


def wanted(name: str, extras: frozenset[str]) -> set[str]:
    """What a distribution needs on the kit's runner."""
    found: set[str] = set()
    for text in requires(name) or ():
        requirement = Requirement(text)
        for extra in extras or {""}:
            environment = {**default_environment(), **LINUX, "extra": extra}
            if requirement.marker is None or requirement.marker.evaluate(environment):
                found.add(requirement.name.lower().replace("_", "-"))
    return found


def test_the_tool_is_installed_with_all_it_needs_pinned() -> None:
    ours = wanted("call-reconciler", frozenset({"postgres"})) | wanted("call-reconciler", frozenset())
    assert ours | {"hatchling"} <= pinned().keys()
    constraints = (ROOT / ".ci" / "constraints.txt").read_text()
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)", constraints, re.MULTILINE))
    assert {name: version for name, version in pinned().items() if tested.get(name, version) != version} == {}


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION / "action.yml"], ids=lambda path: path.name)
def test_actions_of_others_are_pinned_by_commit(path: Any) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    others = [line for line in used if not line.startswith("./")]
    assert all(PIN.match(line) for line in others), others


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: f"{path.parts[-4]}-{path.name}")
def test_jobs_say_what_they_may(path: Any) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]
        runs = "\n".join(step.get("run", "") for step in job["steps"])
        assert "${{" not in runs, "an expression in a script is code"
        assert "--auto-approve" not in runs


def test_only_an_apply_waits_in_the_group_of_applies() -> None:
    groups = [
        yaml.safe_load(path.read_text())["concurrency"]["group"] for path in WORKFLOWS if path.parts[-4] == "ci"
    ]
    assert groups.count("calls-apply") == 1


def test_a_plan_job_that_opens_a_connection_fails(project: Workbench) -> None:
    for module, code in ((COMMAND, 0), ("tests.offline", 1)):
        done = ZYGOTE.run(["agents", "list"], project.root, clean_environment() | project.env, module=module)
        assert (done.returncode, "a plan opened a connection" in done.stderr) == (code, code == 1)
