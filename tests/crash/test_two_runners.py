"""Two applies at the same moment, again and again: one wins, nobody is called twice."""

from __future__ import annotations

from typing import Any

from tests.conftest import Workbench, plan_text

ROUNDS = 25


def test_two_applies_at_once(project: Workbench, sandbox: Any) -> None:
    codes: list[int] = []
    for number in range(ROUNDS):
        project.write("calls/june.yaml", plan_text(rows=number + 1))
        runs = [project.fork("apply", "--auto-approve", "--json", "--rate", "none") for _ in range(2)]
        for run in runs:
            run.communicate()
        found = sorted(run.wait() for run in runs)
        assert found in ([0, 0], [0, 4]), found
        codes += found
    assert 4 in codes, "they did meet"
    addresses = [call.body["metadata"]["reconciler_key"] for call in sandbox.calls()]
    assert sorted(addresses) == sorted(f"inv-{number}" for number in range(1, ROUNDS + 1))
