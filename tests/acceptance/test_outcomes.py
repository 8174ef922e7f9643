"""``status --format html``: what came of every call, on the page that plans are shown on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.webpage import ELEMENTS, WebPage

NOW = ("--now", "2031-06-01T06:02:30Z")  # after the first two calls
LATER = ("--now", "2031-07-01T00:00:00Z")


@pytest.fixture
def placed(project: Workbench, sandbox: Any) -> Workbench:
    """Five calls of june: one refused, one whose answer was lost; and one of july."""
    project.write("calls/june.yaml", plan_text(rows=5))
    project.write("calls/july.yaml", plan_text("july", rows=1, first=9))
    sandbox.set_faults("reject#5", "drop-before#6")
    project.run("apply", "--auto-approve", "--rate", "none", "--concurrency", "1")
    sandbox.set_faults()
    return project


def outcomes(page: WebPage) -> dict[str, str]:
    data = page.data
    columns, texts, words = data["columns"], data["texts"], [item["word"] for item in data["actions"]]
    rows = zip(columns["plan"], columns["key"], columns["action"], strict=True)
    return {f"{texts[plan]}/{texts[key]}": words[action] for plan, key, action in rows}


def test_every_call_is_there_with_what_came_of_it(placed: Workbench, sandbox: Any) -> None:
    """In the words of the other forms."""
    html = placed.run("status", "--format", "html", *NOW)
    page, told = WebPage(html.out), placed.run("status", "--json", *NOW).json
    assert html.code == 3, "an attempt is uncertain"
    assert page.tags <= ELEMENTS
    assert outcomes(page) == {call["address"]: call["outcome"] for call in told["calls"]}
    assert {"uncertain", "refused", "scheduled"} <= set(outcomes(page).values())
    assert page.title == "reconciler: 4 scheduled, 1 refused, 1 uncertain"
    assert [text for text in page.headings if text[:1] == "1"] == [
        "1 uncertain",
        "1 refused by the service",
    ]
    assert "They may or may not have been placed. Run: reconciler resolve" in page.text
    assert "Needs attention: 1 uncertain." in page.text
    assert "Files: 1 uncertain, 1 to place, 4 unchanged." in page.text
    for call in sandbox.calls():
        assert call.call_id in page.data["texts"]
    assert html.out == placed.run("status", "--format", "html", *NOW).out


def test_it_counts_by_plan_agent_and_hour(placed: Workbench) -> None:
    page = WebPage(placed.run("status", "--format", "html", *LATER).out)
    assert [text for text in page.headings if text.startswith("By ")] == [
        "By plan",
        "By hour (local time of the call)",
    ]
    assert len(page.data["columns"]["key"]) == 6


def test_nobody_is_asked_offline(placed: Workbench, sandbox: Any) -> None:
    asked = dict(sandbox.requests())
    page = WebPage(placed.ok("status", "--offline", "--format", "html", *NOW).out)
    assert sandbox.requests() == asked
    assert "The service was not queried: --offline." in page.text
    assert page.title == "reconciler: 4 placed, 1 refused, 1 uncertain"


def test_private_values_are_masked_unless_asked_for(placed: Workbench) -> None:
    placed.run("status", "--format", "html", "--output", "status.html")
    masked = (placed.root / "status.html").read_text()
    assert (placed.root / "status.html").stat().st_mode & 0o777 == 0o600
    assert "14001" not in masked
    assert "additional_data.amount_debt" in masked
    assert "14001" in placed.run("status", "--format", "html", "--reveal").out


def test_paths_say_which_plans(placed: Workbench) -> None:
    page = WebPage(placed.ok("status", "calls/july.yaml", "--format", "html", *NOW).out)
    assert set(outcomes(page)) == {"july/inv-9"}


def test_a_snapshot_tells_what_it_holds(placed: Workbench, sandbox: Any) -> None:
    placed.ok("state", "export", "--public", "snapshot.json")
    html = placed.ok("status", "--format", "html", "--state", "snapshot:snapshot.json", *NOW).out
    page = WebPage(html)
    assert len(outcomes(page)) == 6
    assert "State: snapshot of" in page.text
    assert page.data["columns"]["fields"] == [0] * 6
    assert not any(call.call_id in html for call in sandbox.calls())


def test_the_other_forms_are_as_they_were(placed: Workbench) -> None:
    alone = ("status", "--offline", *NOW)
    assert placed.ok(*alone, "--format", "json").json == placed.ok(*alone, "--json").json
    placed.ok(*alone, "--output", "status.txt")
    assert (placed.root / "status.txt").read_text() == placed.ok(*alone).out
    assert placed.run("status", "--overdue", "--format", "html", *NOW).code == 3
