"""Two applies at the same moment, again and again: one wins, nobody is called twice."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from tests.conftest import Workbench, clean_environment, plan_text

ROUNDS = 25


def test_two_applies_at_once(project: Workbench, sandbox: Any) -> None:
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--json", "--rate", "none"]
    environment = clean_environment() | project.env
    codes: list[int] = []
    for number in range(ROUNDS):
        project.write("calls/june.yaml", plan_text(rows=number + 1))
        runs = [
            subprocess.Popen(
                command, cwd=project.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        found = sorted(run.wait(timeout=60) for run in runs)
        assert found in ([0, 0], [0, 4]), found
        codes += found
    assert 4 in codes, "they did meet"
    addresses = [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()]
    assert sorted(addresses) == sorted(f"inv-{number}" for number in range(1, ROUNDS + 1))
