"""Two thousand unknown outcomes, as a lost state leaves them, settle from one file."""

from __future__ import annotations

import csv
import shutil
import time
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text

PLAN = "calls/june.yaml"
ROWS = 2_000
LIMIT = 15.0  # seconds for all of it on a shared machine; 0.3 measured


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """Where the state is, for each store that there is; None where the project says."""
    return None if request.param == "sqlite" else str(request.getfixturevalue(request.param).url())


def test_two_thousand_are_settled_from_one_file(project: Workbench, sandbox: Any, store_url: str | None) -> None:
    if store_url is not None:
        project.env["RECONCILER_STATE"] = store_url
    project.write(PLAN, plan_text(rows=ROWS))
    shutil.rmtree(project.root / ".reconciler")  # of the file that the project began with
    assert project.run("state", "rebuild", "--auto-approve").code == 3
    assert project.run("resolve", "--export", "decisions.csv").code == 3
    path = project.root / "decisions.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS
    for number, row in enumerate(rows):
        call_id = f"call-{number}" if number % 2 else ""
        row |= {
            "decision": "placed" if call_id else "not-placed",
            "call_id": call_id,
            "reason": "in the dashboard",
        }
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    refused = project.run("resolve", "--from", "decisions.csv")
    assert (refused.code, f"and {ROWS // 2 - 20:,} more" in refused.err) == (1, True)
    assert "june/inv-10: the service has no outgoing call call-1" in refused.err
    del project.env["CONTACTSHIP_API_KEY"]  # the calls are invented: without a key nobody is asked
    started = time.monotonic()
    settled = project.run("resolve", "--from", "decisions.csv")
    took = time.monotonic() - started
    print(f"{ROWS} decisions from one file: {took:.2f} s")
    assert (settled.code, f"{ROWS} recorded, 0 left" in settled.out) == (0, True)
    assert took < LIMIT
    counts = project.plan()["summary"]
    assert (counts["unchanged"], counts["create"]) == (ROWS // 2, ROWS // 2)
    project.ok("audit", "verify")
