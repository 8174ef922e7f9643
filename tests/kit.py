"""The workflows of ``examples``, run step by step as GitHub would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.conftest import ZYGOTE
from tests.gitrepo import git

EXAMPLES = Path(__file__).parent.parent / "examples"
TOOLS = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
GH = """\
#!/bin/sh
# A stand-in for GitHub's command line: $FORGE has a folder for each merged pull request, with its artefact.
printf '%s\\n' "$*" >> "$FORGE.log"
case "$1 $2" in
"pr list") for folder in "$FORGE"/*/; do number=$(basename "$folder"); echo "$number head-of-$number"; done ;;
"run list") echo "${10#head-of-}" ;;
"run download") cp -r "$FORGE/$3" "$9" ;;
"api --method") if [ "$3" = GET ]; then echo 7; fi ;;
esac
"""


class Repository:
    """A bare repository that every job clones anew, each on a machine of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "calls.git"
        git(folder, "init", "--quiet", "--bare", str(self.repository))
        (folder / "bin").mkdir()
        (folder / "bin" / "gh").write_text(GH)
        (folder / "bin" / "gh").chmod(0o755)
        (folder / "offline").mkdir()
        ZYGOTE.install(folder / "offline", module="tests.offline")

    def clone(self, name: str, branch: str = "main") -> Path:
        path = self.folder / name
        git(self.folder, "clone", "--quiet", "--branch", branch, str(self.repository), str(path))
        return path

    def merge(self, name: str, how: str = "--no-ff") -> str:
        """Merge a branch into main, or ``--squash`` it; the commit that main has then."""
        path = self.clone(f"merge-{name}")
        git(path, "merge", "--quiet", how, f"origin/{name}")
        if how == "--squash":
            git(path, "commit", "--quiet", "-m", f"Squash {name}")
        git(path, "push", "--quiet", "origin", "main")
        return git(path, "rev-parse", "HEAD")

    def fetch_approved(self, kit: Path, path: Path, artefacts: Sequence[Path], workflow: str) -> dict[str, str]:
        """Run the step that downloads approved plans, with these ones merged; the environment of the next step."""
        forge, temporary = path.parent / f"{path.name}-forge", path.parent / f"{path.name}-temp"
        temporary.mkdir()
        forge.mkdir()
        for number, artefact in enumerate(artefacts, 1):
            shutil.copytree(artefact, forge / str(number))
        env = {"RUNNER_TEMP": str(temporary), "FORGE": str(forge), "REPO": "example/calls", "GH_TOKEN": "x"}
        env["PATH"] = f"{self.folder / 'bin'}:{TOOLS}"
        done = run_step(script(kit, workflow, "apply", "approved plans"), path, env)
        assert done.returncode == 0, done.stderr
        return {"RUNNER_TEMP": str(temporary)}

    def plan_job(
        self, kit: Path, name: str, path: Path, state: str, base: str = "main"
    ) -> tuple[subprocess.CompletedProcess[str], Path]:
        """The plan job of a kit in a clone, without a network: its result, and the artefact."""
        env = {
            "BASE": f"origin/{base}",
            "RECONCILER_STATE": state,
            "GITHUB_STEP_SUMMARY": str(self.folder / f"summary-{name}.md"),
            "PATH": f"{self.folder / 'offline'}:{TOOLS}",
            "CI": "true",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "ops/calls",
            "GITHUB_RUN_ID": "71",
        }
        return run_step(script(kit, "calls-plan.yml", "plan", "plan"), path, env), path / "calls-plan"


def script(kit: Path, workflow: str, job: str, step: str) -> str:
    """What a step of a workflow runs."""
    steps = yaml.safe_load((kit / "workflows" / workflow).read_text())["jobs"][job]["steps"]
    [found] = [item["run"] for item in steps if item.get("name") == step]
    assert isinstance(found, str)
    return found


def run_step(text: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As GitHub runs it: bash with -e, and here with nothing in its environment but what the step is given.

    Without a ``PATH`` of its own, a step finds the command as a fork of the zygote.
    """
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": f"{ZYGOTE.programs}:{TOOLS}"} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
