"""``apply --approved PLAN``: what was approved is an allow-list, and what is sent comes from the merged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.gitrepo import commit, git

PLAN = "calls/june.yaml"


@pytest.fixture
def june(project: Workbench) -> Workbench:
    """A project with two rows, and the plan of a pull request that brings them."""
    project.write(PLAN, plan_text(rows=2))
    project.ok("plan", "--out", "pr.plan")
    return project


def stale(events: list[dict[str, Any]]) -> dict[str, str]:
    return {event["address"]: event["message"] for event in events if event["type"] == "stale"}


def test_what_was_approved_is_placed_without_asking(june: Workbench, sandbox: Any) -> None:
    done = june.run("apply", "--approved", "pr.plan", "--json", "--rate", "none")
    assert done.code == 0, done.err
    assert done.summary["placed"] == 2
    assert june.run("apply", "--approved", "pr.plan", "--json").summary["placed"] == 0
    assert len(sandbox.calls()) == 2


@pytest.mark.parametrize(
    ("merged", "address", "words"),
    [
        (plan_text(rows=3), "june/inv-3", "not in the approved plan"),
        (plan_text(rows=2).replace("14002", "99"), "june/inv-2", "differs from what was approved"),
        (plan_text(rows=2).replace("00:02:00", "03:02:00"), "june/inv-2", "differs from what was approved"),
        (plan_text(rows=2) + "    place_by: 2031-01-01T00:00:00Z\n", "june/inv-2", "differs"),
        (plan_text(rows=1), "june/inv-2", "no longer ask for it"),
        (plan_text(rows=2) + "    enabled: false\n", "june/inv-2", "no longer ask for it"),
    ],
)
def test_a_row_that_differs_is_stale_and_the_others_are_placed(
    june: Workbench, sandbox: Any, merged: str, address: str, words: str
) -> None:
    june.write(PLAN, merged)
    done = june.run("apply", "--approved", "pr.plan", "--json", "--rate", "none")
    assert done.code == 3
    found = stale(done.events)
    assert list(found) == [address]
    assert words in found[address]
    placed = {call.body["metadata"]["reconciler_key"] for call in sandbox.calls()}
    assert placed == {"inv-1", "inv-2"} - {address.removeprefix("june/")}


def test_a_forged_plan_adds_no_call(june: Workbench, sandbox: Any) -> None:
    june.write("calls/evil.yaml", plan_text("evil", rows=3, first=50))
    june.ok("plan", "--out", "forged.plan")
    (june.root / "calls" / "evil.yaml").unlink()
    done = june.run("apply", "--approved", "forged.plan", "--json", "--rate", "none")
    assert set(stale(done.events)) == {f"evil/inv-{number}" for number in (50, 51, 52)}
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"june"}


def test_paths_narrow_what_is_missed(june: Workbench, sandbox: Any) -> None:
    june.write("calls/july.yaml", plan_text("july", rows=1, first=20))
    june.ok("plan", "--out", "pr.plan")
    done = june.run("apply", PLAN, "--approved", "pr.plan", "--json", "--rate", "none")
    assert done.code == 0
    assert {call.body["metadata"]["reconciler_plan"] for call in sandbox.calls()} == {"june"}


def test_several_approved_plans_count_together(june: Workbench, sandbox: Any) -> None:
    june.write(PLAN, plan_text(rows=1, first=2))
    june.ok("plan", "--out", "second.plan")
    june.write(PLAN, plan_text(rows=1))
    june.ok("plan", "--out", "first.plan")
    june.write(PLAN, plan_text(rows=2))
    done = june.run("apply", "--approved", "first.plan", "--approved", "second.plan", "--json", "--rate", "none")
    assert done.code == 0, done.out
    assert len(sandbox.calls()) == 2


def test_the_approving_plans_and_their_commits_are_recorded(june: Workbench, sandbox: Any) -> None:
    git(june.root, "init", "--quiet")
    head = commit(june.root)
    june.ok("plan", "--out", "pr.plan")
    june.run("apply", "--approved", "pr.plan", "--json", "--rate", "none")
    plan_id = json.loads((june.root / "pr.plan").read_text())["plan_id"]
    shown = june.ok("state", "show", "--json").json["runs"][0]
    assert shown["approved"] == [{"plan_id": plan_id, "commit": head}]
    assert shown["commit"] == head
    assert plan_id in june.ok("state", "show").out


def test_an_unsigned_plan_is_enough_for_an_allow_list(june: Workbench, sandbox: Any) -> None:
    june.env["RECONCILER_PLAN_KEY"] = "the key of the apply job, which no pull request has"
    assert june.run("apply", "pr.plan").code == 5
    assert june.run("apply", "--approved", "pr.plan", "--rate", "none").code == 0
    assert len(sandbox.calls()) == 2


def test_moves_must_be_approved_too(june: Workbench, sandbox: Any) -> None:
    june.run("apply", "--approved", "pr.plan", "--rate", "none")
    june.write(PLAN, plan_text("july", rows=2, extra="moved:\n  - {from: june, to: july}\n"))
    refused = june.run("apply", "--approved", "pr.plan", "--rate", "none")
    assert refused.code == 5
    assert "june/inv-1 to july/inv-1" in refused.err
    june.ok("plan", "--out", "moved.plan")
    assert june.run("apply", "--approved", "moved.plan", "--rate", "none").code == 0
    assert len(sandbox.calls()) == 2
    assert june.plan()["summary"]["unchanged"] == 2


@pytest.mark.parametrize("spoil", ["changed", "old", "foreign", "stateless", "no plan"])
def test_an_approved_plan_is_checked_like_any_other(june: Workbench, sandbox: Any, spoil: str) -> None:
    path: Path = june.root / "pr.plan"
    if spoil == "changed":
        path.write_text(path.read_text().replace("14001", "14009", 1))
    elif spoil == "old":
        june.ok("plan", "--now", "2026-01-01T00:00:00Z", "--out", "pr.plan")
    elif spoil == "foreign":
        other = Workbench(june.root / "other")
        other.root.mkdir()
        other.ok("init")
        other.write(PLAN, plan_text(rows=2))
        other.ok("plan", "--out", "../pr.plan")
    elif spoil == "stateless":
        june.ok("plan", "--no-state", "--out", "pr.plan")
    else:
        path.write_text("{}")
    refused = june.run("apply", "--approved", "pr.plan", "--rate", "none")
    assert refused.code == 5, refused.err
    assert not sandbox.calls()


def test_a_saved_plan_needs_no_allow_list(june: Workbench) -> None:
    assert june.run("apply", "pr.plan", "--approved", "pr.plan").code == 64
