"""Many runners, one plan: ``apply PLAN --join``, through the command line."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.conftest import KEY, Workbench, plan_text

ROWS = 40


@pytest.fixture
def shared(bench: Workbench, sandbox: Any, postgres: Any) -> Workbench:
    """A project whose state is in PostgreSQL, and a saved plan of some rows."""
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.ok("init")
    bench.write("calls/june.yaml", plan_text(rows=ROWS))
    bench.ok("plan", "--out", "june.plan")
    return bench


def keys(sandbox: Any) -> Counter[str]:
    return Counter(call.body["metadata"]["reconciler_key"] for call in sandbox.calls())


def test_runners_share_a_plan_out(shared: Workbench, sandbox: Any) -> None:
    runs = [shared.start("apply", "june.plan", "--join", "--json", "--rate", "none") for _ in range(3)]
    ended = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], ended
    assert keys(sandbox) == {f"inv-{number}": 1 for number in range(1, ROWS + 1)}
    placed = [out.count('"type":"placed"') + out.count('"type": "placed"') for out, _ in ended]
    assert sum(placed) == ROWS, placed
    shared.ok("audit", "verify")
    shared.ok("state", "check")
