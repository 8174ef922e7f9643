"""Lifting a guard: for one plan, with a reason, by those the policy lets, and kept for ever."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.gfm import Page

CAPPED = "version: 1\npolicy:\n  max_new_calls: {per_run: 2}\n"
WHY = "the launch, agreed with the operator"


@pytest.fixture
def capped(project: Workbench) -> Workbench:
    """Three calls, where two are allowed."""
    project.write("reconciler.yaml", CAPPED)
    project.write("calls/june.yaml", plan_text(rows=3))
    return project


def overrides(project: Workbench) -> list[dict[str, str]]:
    """Those of the latest run that had any."""
    runs = project.ok("state", "show", "--json").json["runs"]
    found: list[dict[str, str]] = next(run["overrides"] for run in runs if run["overrides"])
    return found


def test_a_blocked_plan_is_saved_with_the_override_in_it_and_applied(capped: Workbench, sandbox: Any) -> None:
    blocked = capped.run("plan", "--out", "june.plan")
    assert blocked.code == 5
    assert "3 calls to place; max_new_calls.per_run allows 2" in " ".join(blocked.out.split())
    assert not (capped.root / "june.plan").exists()
    assert "reconciler plan --out FILE --override G006=REASON" in blocked.err
    lifted = capped.ok("plan", "--out", "june.plan", "--override", f"G006={WHY}")
    assert f"G006 is overridden: {WHY}" in lifted.out
    assert "warning G006" in lifted.err
    saved = json.loads((capped.root / "june.plan").read_text(encoding="utf-8"))
    assert saved["overrides"] == [{"code": "G006", "reason": WHY}]
    assert saved["summary"]["create"] == 3
    assert f"G006 is overridden: {WHY}" in capped.ok("show", "june.plan").out
    assert capped.ok("apply", "june.plan", "--json").summary["placed"] == 3
    assert overrides(capped) == [{"code": "G006", "plan_id": saved["plan_id"], "reason": WHY}]
    assert capped.ok("apply", "june.plan", "--json").summary["skipped"] == 3
    assert len(sandbox.calls()) == 3


def test_an_override_is_inside_the_plans_id(capped: Workbench) -> None:
    capped.ok("plan", "--out", "june.plan", "--override", f"G006={WHY}")
    path = capped.root / "june.plan"
    path.write_text(path.read_text(encoding="utf-8").replace("the launch", "no launch"), encoding="utf-8")
    result = capped.run("apply", "june.plan")
    assert result.code == 5
    assert "changed after it was written" in result.err


def test_a_plan_that_is_blocked_only_now_is_lifted_by_its_apply(capped: Workbench, sandbox: Any) -> None:
    capped.write("reconciler.yaml", CAPPED.replace("2", "3"))
    capped.ok("plan", "--out", "june.plan")
    plan_id = json.loads((capped.root / "june.plan").read_text(encoding="utf-8"))["plan_id"]
    capped.write("reconciler.yaml", CAPPED)
    stopped = capped.run("apply", "june.plan", "--json")
    assert stopped.code == 3
    assert {event["type"] for event in stopped.events} == {"started", "blocked", "summary"}
    assert not sandbox.calls()
    done = capped.ok("apply", "june.plan", "--json", "--override", f"G006={WHY}")
    assert done.summary["placed"] == 3
    assert overrides(capped) == [{"code": "G006", "plan_id": plan_id, "reason": WHY}]


def test_there_is_no_override_without_a_plan_that_was_looked_at(capped: Workbench, sandbox: Any) -> None:
    for args in (["apply"], ["apply", "--auto-approve"], ["apply", "calls/june.yaml", "--auto-approve"]):
        result = capped.run(*args, "--override", f"G006={WHY}")
        assert result.code == 64
        assert "plan --out FILE --override" in result.err
    assert not sandbox.calls()


def test_an_approved_plan_says_nothing_of_overrides(capped: Workbench, sandbox: Any) -> None:
    capped.ok("plan", "--out", "pr.plan", "--override", f"G006={WHY}")
    assert capped.apply("--approved", capped.reviewed("pr.plan")).code == 5
    assert not sandbox.calls()
    done = capped.apply("--approved", capped.reviewed("pr.plan"), "--override", f"G006={WHY}")
    assert done.summary["placed"] == 3
    assert overrides(capped)[0]["reason"] == WHY


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("G006", 64, "missing reason"),
        ("G006=", 64, "the reason is too short"),
        ("G006= ok ", 64, "the reason is too short"),
        ("G006=one\nline", 64, "the reason is too short"),
        ("G066=because I say so", 64, "no guard has this code"),
        ("everything=because I say so", 64, "no guard has this code"),
        ("G007=because I say so", 64, "blocks nothing here"),
        ("G010=because I say so", 5, "may not be overridden"),
        ("G015=because I say so", 5, "may not be overridden"),
        ("G001=because I say so", 5, "may not be overridden"),
    ],
)
def test_what_is_no_override(capped: Workbench, given: str, code: int, said: str) -> None:
    result = capped.run("plan", "--override", given, "--out", "june.plan")
    assert result.code == code
    assert said in result.err
    assert "hint" in result.err
    assert not (capped.root / "june.plan").exists()


def test_what_blocks_nothing_cannot_be_lifted_at_apply_either(capped: Workbench, sandbox: Any) -> None:
    capped.write("calls/june.yaml", plan_text(rows=2))
    capped.ok("plan", "--out", "june.plan")
    result = capped.run("apply", "june.plan", "--override", f"G006={WHY}")
    assert result.code == 64
    assert "blocks nothing here" in result.err
    assert not sandbox.calls()
    assert capped.run("plan", "--override", f"G006={WHY}", "--override", f"G006={WHY}").code == 64


def test_only_what_was_lifted_is_lifted(capped: Workbench) -> None:
    capped.write("reconciler.yaml", CAPPED + "  cost_per_call: 1\n  max_cost: 2\n")
    result = capped.run("plan", "--override", f"G006={WHY}", "--format", "json", "--out", "june.plan")
    assert result.code == 5
    assert {tuple(change["reasons"]) for change in result.json["changes"]} == {("G008",)}
    assert "--override G008=REASON" in result.err
    capped.write("reconciler.yaml", CAPPED + "  consent: {field: metadata.consent_at}\n")
    assert "If this is intended" not in capped.run("plan").err
    assert not (capped.root / "june.plan").exists()


def test_operators_say_what_may_be_lifted(capped: Workbench, sandbox: Any) -> None:
    capped.ok("plan", "--out", "june.plan", "--override", f"G006={WHY}")
    capped.write("reconciler.yaml", CAPPED + "  overridable: []\n")
    refused = capped.run("plan", "--override", f"G006={WHY}")
    assert refused.code == 5
    assert "may not be overridden" in refused.err
    stopped = capped.run("apply", "june.plan", "--json")  # the policy of today holds, not that of the plan
    assert stopped.code == 3
    assert stopped.summary["blocked"] == 3
    consent = "version: 1\npolicy:\n  consent: {field: metadata.consent_at}\n  overridable: [G015]\n"
    capped.write("reconciler.yaml", consent)
    assert capped.run("plan").code == 5
    capped.ok("plan", "--out", "consent.plan", "--override", "G015=consent is on paper, file 1234")
    assert capped.ok("apply", "consent.plan", "--json").summary["placed"] == 3
    assert len(sandbox.calls()) == 3


def test_an_override_reaches_the_ledger(capped: Workbench) -> None:
    capped.ok("plan", "--out", "june.plan", "--override", f"G006={WHY}")
    capped.ok("apply", "june.plan")
    with sqlite3.connect(capped.root / ".reconciler" / "state.db") as db:
        entries = [text for (text,) in db.execute("select entry from ledger")]
    db.close()
    assert any(WHY in text and "G006" in text for text in entries)
    capped.ok("audit", "verify")


def test_a_guard_that_only_warns_needs_no_override(capped: Workbench) -> None:
    capped.write("reconciler.yaml", CAPPED + "  guards: {G006: warning}\n")
    result = capped.run("plan", "--override", f"G006={WHY}")
    assert result.code == 64
    assert "the policy does not enforce this guard" in result.err


def test_a_reason_cannot_act_in_a_comment_or_on_a_terminal(capped: Workbench) -> None:
    reason = "see [this](https://evil.example) @octocat <b>now</b> #12 :rocket:"
    forms = ("--format", "markdown", "--format", "text", "--format", "github")
    outputs = ("--output", "a.md", "--output", "a.txt", "--output", "a.log")
    capped.ok("plan", "--override", f"G006={reason}", *forms, *outputs)
    page = Page((capped.root / "a.md").read_text(encoding="utf-8"))
    assert {"a", "b", "img", "script"}.isdisjoint(page.tags)
    assert "octocat" not in page.bare
    assert reason in (capped.root / "a.txt").read_text(encoding="utf-8")
    assert capped.run("plan", "--override", "G006=\x1b[2J wiped").code == 64


def test_a_guard_that_is_asked_before_each_call_stays_lifted_there(project: Workbench, sandbox: Any) -> None:
    project.write("reconciler.yaml", "version: 1\npolicy: {min_lead: 2h}\n")
    project.write("calls/june.yaml", plan_text(rows=1))
    now = ("--now", "2031-06-01T05:00:00Z")  # an hour before it rings
    assert project.run("plan", *now).code == 5
    project.ok("plan", "--out", "june.plan", *now, "--override", f"G004={WHY}")
    assert project.ok("apply", "june.plan", "--json", *now).summary["placed"] == 1
