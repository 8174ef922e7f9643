"""A list that is exported again each week: rows come back, move about and are missing, and each is called once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.clinic import PLAN, WEEKS, Clinic, run_week
from tests.conftest import Workbench


def test_twelve_weekly_exports_place_exactly_the_computed_calls(project: Workbench, sandbox: Any) -> None:
    project.write("calls/visits.yaml", PLAN)
    clinic = Clinic(patients=60, seed=20)
    for week in range(WEEKS):
        run_week(project, clinic, week)
    placed = Counter((call.body["contact_id"], call.body["schedule"]["date"]) for call in sandbox.calls())
    assert placed == Counter(visit.call for visit in clinic.placed)
    assert len(clinic.placed) > 300
    assert clinic.missed, "some visits were first exported when they were over"
    entries = project.ok("state", "list", "--json").json["entries"]
    assert len(entries) == len(clinic.placed) + len(clinic.missed)
