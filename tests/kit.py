"""The workflows of ``examples``, run step by step as GitHub would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.gitrepo import git

EXAMPLES = Path(__file__).parent.parent / "examples"
NO_NETWORK = """\
import socket

def refuse(*args, **kwargs):
    raise RuntimeError("a plan opened a connection")

socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
"""


class Repository:
    """A bare repository that every job clones anew, each on a machine of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "calls.git"
        git(folder, "init", "--quiet", "--bare", str(self.repository))
        (folder / "offline").mkdir()
        (folder / "offline" / "sitecustomize.py").write_text(NO_NETWORK)

    def clone(self, name: str, branch: str = "main") -> Path:
        path = self.folder / name
        git(self.folder, "clone", "--quiet", "--branch", branch, str(self.repository), str(path))
        return path

    def merge(self, name: str) -> None:
        path = self.clone(f"merge-{name}")
        git(path, "merge", "--quiet", "--no-ff", "-m", f"Merge {name}", f"origin/{name}")
        git(path, "push", "--quiet", "origin", "main")

    def plan_job(
        self, kit: Path, name: str, path: Path, state: str
    ) -> tuple[subprocess.CompletedProcess[str], Path]:
        """The plan job of a kit in a clone, without a network: its result, and the artefact."""
        env = {
            "BASE": "origin/main",
            "RECONCILER_STATE": state,
            "GITHUB_STEP_SUMMARY": str(self.folder / f"summary-{name}.md"),
            "PYTHONPATH": str(self.folder / "offline"),
            "CI": "true",
        }
        return run_step(script(kit, "calls-plan.yml", "plan", "plan"), path, env), path / "calls-plan"


def script(kit: Path, workflow: str, job: str, step: str) -> str:
    """What a step of a workflow runs."""
    steps = yaml.safe_load((kit / "workflows" / workflow).read_text())["jobs"][job]["steps"]
    [found] = [item["run"] for item in steps if item.get("name") == step]
    assert isinstance(found, str)
    return found


def run_step(text: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As GitHub runs it: bash with -e, and here with nothing in its environment but what the step is given."""
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": tools} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
