"""Pauses under kill -9, and an apply that ignores them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import SandboxConfig, running
from tests.conftest import KEY, ZYGOTE, Workbench, clean_environment, plan_text
from tests.crash.victim import PAUSE_POINTS
from tests.zygote import VICTIM

ROWS = 200
WORKERS = 4


def victim(bench: Workbench, spec: dict[str, Any], *args: str) -> Any:
    bench.write("spec.json", json.dumps(spec))
    return ZYGOTE.start(["spec.json", *args], bench.root, clean_environment() | bench.env, module=VICTIM)


@pytest.mark.parametrize("point", PAUSE_POINTS)
def test_a_pause_that_is_killed_is_whole_or_none(point: str, project: Workbench, sandbox: Any) -> None:
    project.write("calls/june.yaml", plan_text(rows=3))
    fired = project.root / "fired"
    spec = {"point": point, "nth": 1, "fired": str(fired)}
    killed = victim(project, spec, "pause", "--reason", "wrong prices")
    killed.communicate()
    assert (killed.wait(), fired.read_text()) == (-signal.SIGKILL, point)
    project.ok("state", "check")
    project.ok("audit", "verify")
    paused = bool(project.ok("state", "show", "--json").json["pauses"])
    assert paused is (point == "after-pause")
    assert project.apply().code == (5 if paused else 0)
    assert len(sandbox.calls()) == (0 if paused else 3)


def sent_after_a_pause(folder: Path, mutant: str | None) -> int:
    """How many requests leave once ``pause`` has returned, beside an apply at full rate."""
    with running(SandboxConfig(port=0, api_key=KEY, latency=0.005)) as sandbox:
        bench = Workbench(folder, {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY})
        bench.create_project()
        bench.write("calls/june.yaml", plan_text(rows=ROWS))
        args = ("apply", "--auto-approve", "--json", "--rate", "none", "--concurrency", str(WORKERS))
        run = victim(bench, {"mutant": mutant}, *args)
        while len(sandbox.calls()) < 10:
            assert run.poll() is None
            time.sleep(0.001)
        bench.ok("pause", "--reason", "wrong prices")
        before = sandbox._backend.dial._seen[False]
        run.communicate()
        return int(sandbox._backend.dial._seen[False] - before)


@pytest.mark.parametrize("mutant", ["ignore-pauses", "look-for-pauses-at-the-start"])
def test_an_apply_that_ignores_pauses_is_found_out(mutant: str, tmp_path: Path) -> None:
    assert sent_after_a_pause(tmp_path, mutant) > WORKERS


def test_an_apply_obeys_a_pause(tmp_path: Path) -> None:
    assert sent_after_a_pause(tmp_path, None) <= WORKERS
