"""Guards through the command line: what must not ring is blocked in a plan, and not placed by an apply."""

from __future__ import annotations

from typing import Any

from tests.conftest import Workbench, plan_text

HOURS = """
version: 1
policy:
  calling_hours:
    windows: {mon-fri: 09:00-20:00}
"""


def changes(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["address"]: item for item in plan["changes"]}


def test_a_call_outside_the_hours_blocks_the_plan(project: Workbench) -> None:
    project.write("reconciler.yaml", HOURS)
    late = plan_text(rows=2).replace("2031-06-01 00:01:00", "2031-06-02 19:59:59")
    project.write("calls/june.yaml", late.replace("2031-06-01 00:02:00", "2031-06-02 20:00:00"))
    result = project.run("plan", "--format", "json", "--out", "june.plan")
    assert result.code == 5
    found = changes(result.json)
    assert found["june/inv-1"]["action"] == "create"
    assert found["june/inv-2"]["action"] == "blocked"
    assert found["june/inv-2"]["reasons"] == ["G001"]
    assert found["june/inv-2"]["request"] is None
    assert (
        "2031-06-02 20:00:00 America/Mexico_City; calling_hours allows 09:00-20:00 on Mondays"
        in found["june/inv-2"]["message"]
    )
    assert not (project.root / "june.plan").exists()
    assert project.apply().code == 5


def test_a_guard_that_only_warns_blocks_nothing(project: Workbench) -> None:
    project.write("reconciler.yaml", HOURS.replace("policy:", "policy:\n  guards: {G001: warning}"))
    project.write("calls/june.yaml", plan_text(rows=1))
    plan = project.plan()
    assert plan["summary"]["create"] == 1
    assert [(item["code"], item["severity"], item["line"]) for item in plan["diagnostics"]] == [
        ("G001", "warning", 8)
    ]
    assert project.apply().summary["placed"] == 1
