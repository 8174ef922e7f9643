"""Runners that forget their disks: the state lives on a git branch, and each batch is pushed before it is sent."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, ZYGOTE, Result, Workbench, clean_environment, plan_text
from tests.crash.victim import CHECKPOINT_POINTS, POINTS
from tests.gitrepo import ENVIRONMENT, commit, git
from tests.zygote import VICTIM

ROOT = Path(__file__).parent.parent.parent
CARRY = ROOT / "examples" / "ci" / "github" / "actions" / "reconciler" / "carry-state"
ROWS = 5
AFTER_A_LOSS = ("before-lookup", "before-adoption", "after-adoption")


class Runners:
    """A private repository that holds the state, and runners that begin with nothing else."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.remote = folder / "state.git"
        self.environment = {"CONTACTSHIP_BASE_URL": url, "CONTACTSHIP_API_KEY": KEY, **ENVIRONMENT}
        git(folder, "init", "--quiet", "--bare", str(self.remote))
        first = self.start("first")
        first.create_project()
        (first.root / ".reconciler" / ".gitignore").unlink()
        shutil.copy(first.root / "reconciler.yaml", folder / "reconciler.yaml")
        git(first.root / ".reconciler", "init", "--quiet")
        git(first.root / ".reconciler", "remote", "add", "origin", str(self.remote))
        git(first.root / ".reconciler", "add", "state.db")
        commit(first.root / ".reconciler", "a new state")
        git(first.root / ".reconciler", "push", "--quiet", "origin", "HEAD:main")
        shutil.rmtree(first.root)

    def start(self, name: str) -> Workbench:
        """A runner with a fresh disk: the merged files, and the state as it was last carried."""
        bench = Workbench(self.folder / name, dict(self.environment))
        bench.root.mkdir()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        if (self.folder / "reconciler.yaml").exists():
            shutil.copy(self.folder / "reconciler.yaml", bench.root)
            git(bench.root, "clone", "--quiet", "--branch", "main", str(self.remote), ".reconciler")
        return bench

    def apply(self, bench: Workbench, carry: str = str(CARRY)) -> Result:
        return bench.apply("--concurrency", "2", "--checkpoint", carry)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Its list never shows a new call, so that preflight cannot help, unless a lookup must find one."""
    point = request.node.callspec.params["point"] if hasattr(request.node, "callspec") else ""
    lag = 0 if point in AFTER_A_LOSS else 10_000_000
    with running(SandboxConfig(port=0, api_key=KEY, list_lag=lag)) as handle:
        yield handle


@pytest.fixture
def runners(tmp_path: Path, server: Any) -> Runners:
    return Runners(tmp_path, server.url)


def placed(server: Any) -> Counter[str]:
    return Counter(call.body["metadata"]["reconciler_key"] for call in server.calls())


def kill(bench: Workbench, point: str, carry: str, folder: Path) -> None:
    """Apply, die at the first pass of ``point``, and lose the disk."""
    spec = folder / "spec.json"
    spec.write_text(json.dumps({"point": point, "nth": 1, "fired": str(folder / "fired")}))
    command = [str(spec), "apply", "--auto-approve", "--rate", "none", "--concurrency", "2", "--checkpoint", carry]
    done = ZYGOTE.run(command, bench.root, clean_environment() | bench.env, module=VICTIM)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder / "fired").read_text() == point
    shutil.rmtree(bench.root)


@pytest.mark.parametrize("point", [*POINTS, *CHECKPOINT_POINTS])
def test_a_disk_that_is_lost_at_any_step_calls_nobody_twice(
    runners: Runners, server: Any, tmp_path: Path, point: str
) -> None:
    server.set_faults("drop-after" if point in AFTER_A_LOSS else "drop-after#2")
    kill(runners.start("killed"), point, str(CARRY), tmp_path)
    server.set_faults()
    told: set[str] = set()
    for number in range(2):
        fresh = runners.start(f"fresh-{number}")
        after = runners.apply(fresh)
        assert after.code in {0, 3}, after.err
        told = {event["address"] for event in after.events if event["type"] == "uncertain"}
        shutil.rmtree(fresh.root)
    counts = placed(server)
    assert max(counts.values()) == 1, "nobody was called twice"
    lost = {f"june/inv-{number}" for number in range(1, ROWS + 1)} - {f"june/{key}" for key in counts} - told
    assert not lost, "and nobody was forgotten without a word"


def test_without_a_checkpoint_the_same_loss_is_a_duplicate(runners: Runners, server: Any, tmp_path: Path) -> None:
    kill(runners.start("killed"), "after-send", "none", tmp_path)
    first = placed(server)
    assert first
    runners.apply(runners.start("fresh"))
    assert {key for key, count in placed(server).items() if count == 2} == set(first)


def test_of_two_runners_at_once_one_stops_before_it_sends(runners: Runners, server: Any, tmp_path: Path) -> None:
    meet = f"""
touch {tmp_path}/met.$$
for _ in $(seq 400); do [ $(ls {tmp_path}/met.* | wc -l) -ge 2 ] && break; sleep 0.05; done
{shlex.quote(str(CARRY))}
"""
    benches = [runners.start(name) for name in ("left", "right")]
    command = ["apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", "8", "--checkpoint", meet]
    runs = [bench.fork(*command) for bench in benches]
    outputs = [run.communicate() for run in runs]
    codes = [run.returncode for run in runs]
    assert sorted(codes) == [0, 3], outputs
    loser = outputs[codes.index(3)][0].splitlines()
    summary = json.loads(loser[-1])
    assert summary["placed"] == 0
    assert summary["not_sent"] == ROWS
    assert placed(server) == Counter({f"inv-{number}": 1 for number in range(1, ROWS + 1)})
