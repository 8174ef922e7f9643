"""Renaming plans and rows: nothing is sent, with a ``moved`` block or without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, contact, plan_text

PLAN = "calls/june.yaml"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    project.write(PLAN, plan_text())
    assert project.apply().code == 0
    return project


def test_a_renamed_plan_is_blocked_with_the_one_line_to_paste(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text("summer"))
    plan = june.plan()
    assert plan["summary"]["blocked"] == len(plan["changes"]) == 3, "no call is one to delete"
    assert plan["to_stop"] == []
    [message] = {change["message"] for change in plan["changes"]}
    assert "add this to its file: moved: [{from: june, to: summer}]" in message
    text = june.run("plan").out
    assert text.count("moved:") == 1
    assert "--stopped" not in text
    assert june.apply().code == 5
    assert len(sandbox.calls()) == 3
    june.write(PLAN, plan_text("summer") + "moved: [{from: june, to: summer}]\n")
    assert june.plan()["summary"]["unchanged"] == 3


def test_a_renamed_row_is_no_call_to_delete(june: Workbench) -> None:
    june.write(PLAN, plan_text().replace("key: inv-2", "key: invoice-2"))
    plan = june.plan()
    assert plan["to_stop"] == []
    [change] = [item for item in plan["changes"] if item["action"] != "unchanged"]
    assert "moved: [{from: june/inv-2, to: june/invoice-2}]" in change["message"]
    june.write(PLAN, plan_text().replace("  - key: inv-2", "  - distinct: true\n    key: invoice-2"))
    plan = june.plan()
    assert [item["address"] for item in plan["to_stop"]] == ["june/inv-2"], "then the old one is too many"
    assert plan["summary"]["create"] == 1


def test_a_renamed_row_whose_person_opted_out_is_to_be_stopped(june: Workbench) -> None:
    june.write(PLAN, plan_text("summer"))
    june.write("dnc.csv", f"contact_id\n{contact(2)}\n")
    june.write(
        "reconciler.yaml",
        "version: 1\npolicy:\n  suppression: [{file: dnc.csv, as_of: 2026-01-01, max_age: 3650d}]\n",
    )
    assert [(item["address"], item["action"]) for item in june.plan()["to_stop"]] == [("june/inv-2", "forbidden")]


@pytest.mark.parametrize(
    ("text", "move"),
    [
        (plan_text("summer", rows=2), "{from: june, to: summer}"),
        (plan_text("summer").replace("inv-3", "invoice-3"), "{from: june/inv-1, to: summer/inv-1}"),
    ],
    ids=["rows-gone-too", "another-key"],
)
def test_a_plan_moves_whole_where_every_row_that_is_left_keeps_its_key(
    june: Workbench, text: str, move: str
) -> None:
    june.write(PLAN, text)
    plan = june.plan()
    [first, *_] = [item for item in plan["changes"] if item["action"] == "blocked"]
    assert f"moved: [{move}]" in first["message"]
    left = [] if "invoice-3" in text else ["june/inv-3"]
    assert [item["address"] for item in plan["to_stop"]] == left


def test_a_plan_whose_name_has_rows_still_is_not_moved_whole(june: Workbench) -> None:
    june.write(PLAN, plan_text(rows=2))
    june.write("calls/summer.yaml", plan_text("summer", rows=1, first=3))
    [change] = [item for item in june.plan()["changes"] if item["action"] == "blocked"]
    assert "moved: [{from: june/inv-3, to: summer/inv-3}]" in change["message"]


def test_a_copied_row_is_not_taken_for_a_renamed_one(june: Workbench) -> None:
    june.write("calls/summer.yaml", plan_text("summer", rows=1))
    [change] = [item for item in june.plan()["changes"] if item["action"] == "blocked"]
    assert "moved" not in change["message"]
    assert "That row still exists: remove one of the two." in change["message"]


@pytest.mark.parametrize(
    "block",
    [
        "moved: [{from: june, to: summer}]\n",
        "moved: [{from: june, to: july}, {from: july, to: summer}]\n",
        "moved: [{from: june/inv-1, to: summer/inv-1}, {from: june, to: summer}]\n",
    ],
    ids=["plan", "chain", "row-and-plan"],
)
def test_a_moved_plan_is_the_same_calls(june: Workbench, sandbox: Any, block: str) -> None:
    june.write(PLAN, plan_text("summer") + block)
    plan = june.plan()
    assert plan["summary"]["unchanged"] == 3
    assert plan["moves"][0] == {"from": "june/inv-1", "to": "summer/inv-1"}
    june.ok("plan", "--out", "moved.plan")
    assert june.run("apply", "moved.plan").code == 0
    listed = june.ok("state", "list", "--json").json["entries"]
    assert [item["address"] for item in listed] == ["summer/inv-1", "summer/inv-2", "summer/inv-3"]
    assert june.run("apply", "moved.plan").code == 0, "moved once"
    assert june.plan()["moves"] == []
    assert june.ok("state", "show", "summer/inv-1", "--json").json["attempts"]
    june.ok("state", "check")
    assert len(sandbox.calls()) == 3


def test_an_edited_key(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text().replace("key: inv-2", "key: invoice-2"))
    assert june.plan()["summary"]["blocked"] == 1
    june.write(
        PLAN, plan_text().replace("inv-2", "invoice-2") + "moved: [{from: june/inv-2, to: june/invoice-2}]\n"
    )
    assert june.plan()["summary"]["unchanged"] == 3
    assert june.apply().code == 0
    assert len(sandbox.calls()) == 3


def test_a_hundred_rows_between_plans(project: Workbench, sandbox: Any) -> None:
    project.write(PLAN, plan_text(rows=100))
    assert project.apply().summary["placed"] == 100
    (project.root / PLAN).unlink()
    project.write("calls/a.yaml", plan_text("a", rows=50))
    project.write("calls/b.yaml", plan_text("b", rows=50, first=51))
    assert project.plan()["summary"]["blocked"] == 100
    moves = "".join(f"  - {{from: june/inv-{n}, to: {'a' if n <= 50 else 'b'}/inv-{n}}}\n" for n in range(1, 101))
    project.write("calls/a.yaml", plan_text("a", rows=50) + "moved:\n" + moves)
    assert project.plan()["summary"]["unchanged"] == 100
    assert project.apply().code == 0
    assert len(sandbox.calls()) == 100


def test_an_unknown_outcome_moves_and_its_old_tags_stay_evidence(bench: Workbench) -> None:
    from reconciler.sandbox import SandboxConfig, running
    from tests.conftest import KEY

    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=True)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text(rows=1))
        sandbox.set_faults("drop-after", "get:reject")
        assert bench.apply("--no-preflight").summary["uncertain"] == 1
        bench.write(PLAN, plan_text("summer", rows=1) + "moved: [{from: june, to: summer}]\n")
        assert bench.actions() == {"summer/inv-1": "uncertain"}
        sandbox.set_faults()
        applied = bench.apply()
        assert (applied.code, applied.summary["adopted"]) == (0, 1)
        assert len(sandbox.calls()) == 1


def test_moves_that_cannot_be(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text() + "moved: [{from: june, to: summer}, {from: summer, to: june}]\n")
    circle = june.run("plan", "--json")
    assert circle.code == 1
    assert {item["code"] for item in circle.json["diagnostics"]} == {"E405"}
    june.write(PLAN, plan_text() + "moved: [{from: june/inv-1, to: june/inv-2}]\n")
    taken = june.run("plan", "--json")
    assert taken.code == 1
    assert [item["code"] for item in taken.json["diagnostics"]] == ["E502"]
    assert june.apply().code == 1
    assert len(sandbox.calls()) == 3


def test_a_rename_together_with_a_raised_revision(project: Workbench, sandbox: Any) -> None:
    row = (
        f"version: 1\nplan: {{}}\ndefaults: {{{{agent: {AGENT}, from: {NUMBER}}}}}\ncalls:\n"
        f"  - {{{{key: a, contact_id: {contact(1)}, delay_minutes: 0, revision: {{}},"
        " place_by: 2031-01-01T00:00:00Z}}\n"
    )
    project.write(PLAN, row.format("june", 1))
    assert project.apply().summary["placed"] == 1
    project.write(PLAN, row.format("summer", 2) + "moved: [{from: june, to: summer}]\n")
    assert project.actions() == {"summer/a@2": "create"}
    assert project.apply().summary["placed"] == 1
    assert len(sandbox.calls()) == 2


def test_a_saved_plan_of_before_a_rename_places_nothing_again(project: Workbench, sandbox: Any) -> None:
    text = plan_text(rows=1).replace("    schedule:", "    distinct: true\n    schedule:")
    project.write(PLAN, text)
    project.ok("plan", "--out", "old.plan")
    project.ok("apply", "old.plan")
    project.write(PLAN, text.replace("plan: june", "plan: summer") + "moved: [{from: june, to: summer}]\n")
    assert project.apply().code == 0
    again = project.run("apply", "old.plan", "--json")
    assert (again.code, again.summary["stale"], len(sandbox.calls())) == (3, 1, 1)
    project.write("calls/new.yaml", text.replace("amount_debt: 14001", "amount_debt: 7"))
    assert project.apply("calls/new.yaml").summary["placed"] == 1, "a new row of the old name"


def test_a_rename_with_an_older_state_calls_nobody_again(bench: Workbench) -> None:
    from reconciler.sandbox import SandboxConfig, running
    from tests.conftest import KEY

    with running(SandboxConfig(port=0, api_key=KEY, echo_metadata=True)) as sandbox:
        bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": KEY}
        bench.create_project()
        bench.write(PLAN, plan_text())
        bench.ok("state", "backup", "old.db")
        assert bench.apply().summary["placed"] == 3
        (bench.root / "old.db").replace(bench.root / ".reconciler/state.db")
        bench.write(PLAN, plan_text("summer") + "moved: [{from: june, to: summer}]\n")
        refused = bench.apply()
        assert refused.code == 5
        assert "another copy of this state is in use" in refused.err
        assert len(sandbox.calls()) == 3


def stopped(bench: Workbench, rows: int = 2) -> None:
    """Calls of June that were placed, and stopped by hand."""
    bench.write("calls/june.yaml", plan_text(rows=rows))
    bench.ok("apply", "--auto-approve", "--rate", "none")
    for number in range(1, rows + 1):
        bench.ok("resolve", f"june/inv-{number}", "--stopped", "--reason", "asked not to be called")


@pytest.mark.parametrize("renamed", ["plan", "key"])
def test_a_rename_does_not_bring_back_a_call_that_was_stopped(
    project: Workbench, sandbox: Any, renamed: str
) -> None:
    stopped(project)
    texts = {
        "plan": plan_text("july", rows=2),
        "key": plan_text(rows=2).replace("inv-", "bill-"),
    }
    project.write("calls/june.yaml", texts[renamed])
    changes = [change for change in project.plan()["changes"] if change["action"] == "blocked"]
    assert [change["reasons"] for change in changes] == [["same-call"], ["same-call"]]
    for number, change in enumerate(changes, 1):
        assert f"the same call was stopped by hand as june/inv-{number} (" in change["message"]
        assert "moved: [" in change["message"]
        assert "distinct: true" in change["message"]
    applied = project.run("apply", "--auto-approve", "--rate", "none")
    assert applied.code != 0
    assert len(sandbox.calls()) == 2


def test_the_ways_on_from_a_call_that_was_stopped(project: Workbench, sandbox: Any) -> None:
    stopped(project)
    project.write("calls/june.yaml", plan_text("july", rows=2, extra="moved:\n  - {from: june, to: july}\n"))
    project.ok("apply", "--auto-approve", "--rate", "none")
    assert len(sandbox.calls()) == 2, "a call that was moved stays stopped"
    project.write("calls/june.yaml", plan_text("july", rows=2) + "    revision: 2\n")
    project.ok("apply", "--auto-approve", "--rate", "none")
    assert len(sandbox.calls()) == 3
    project.write("calls/may.yaml", plan_text("may", rows=1) + "    distinct: true\n")
    project.ok("apply", "--auto-approve", "--rate", "none")
    assert len(sandbox.calls()) == 4
