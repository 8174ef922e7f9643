"""A state in PostgreSQL, through the command line, on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import KEY, Workbench, plan_text

PLAN = "calls/june.yaml"


@pytest.fixture
def shared(bench: Workbench, sandbox: Any, postgres: Any) -> Workbench:
    """A project whose state is in PostgreSQL, with three rows and none placed."""
    bench.env |= {
        "CONTACTSHIP_BASE_URL": sandbox.url,
        "CONTACTSHIP_API_KEY": KEY,
        "RECONCILER_STATE": postgres.url(),
    }
    bench.ok("init")
    bench.write(PLAN, plan_text())
    return bench


def lineage(bench: Workbench) -> str:
    return str(bench.ok("state", "show", "--json").json["lineage"])


def schema(bench: Workbench) -> str:
    return f"reconciler_{lineage(bench).replace('-', '')}"


def test_init_plan_apply_and_nothing_is_left_to_do(shared: Workbench, sandbox: Any) -> None:
    settings = (shared.root / "reconciler.yaml").read_text()
    assert f"lineage: {lineage(shared)}" in settings
    assert "postgres" not in settings
    assert not (shared.root / ".reconciler").exists()
    assert set(shared.actions().values()) == {"create"}
    assert shared.apply().summary["placed"] == 3
    assert set(shared.actions().values()) == {"unchanged"}
    assert shared.run("plan", "--detailed-exitcode").code == 0
    assert len(sandbox.calls()) == 3
    shared.ok("audit", "verify")
    shared.ok("state", "check")
    shared.ok("status")
    assert shared.ok("state", "lock").out == "Nobody holds the lock.\n"
    assert " on " in shared.ok("state", "show").out
