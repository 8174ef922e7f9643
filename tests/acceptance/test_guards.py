"""Guards through the command line: what must not ring is blocked in a plan, and not placed by an apply."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.source.schema.packaged import schema_text
from tests.acceptance.test_snapshot import alone
from tests.conftest import AGENT, NUMBER, Workbench, contact, plan_text

HOURS = """
version: 1
policy:
  calling_hours:
    windows: {mon-fri: 09:00-20:00}
"""
# 19:30 in Mexico City on a Monday, and an hour later.
EVENING, LATER = "2031-06-03T01:30:00Z", "2031-06-03T02:30:00Z"


def policy(*lines: str) -> str:
    return "\n".join(["version: 1", "policy:", *(f"  {line}" for line in lines)]) + "\n"


def rows(*lines: str) -> str:
    """A plan of contact calls in Mexico City; each line is what one row says besides its key and contact."""
    head = [
        "version: 1",
        "plan: june",
        f"defaults: {{agent: {AGENT}, from: {NUMBER}, called_timezone: America/Mexico_City}}",
        "calls:",
    ]
    listed = [f"  - {{key: r{n}, contact_id: {contact(n)}, {line}}}" for n, line in enumerate(lines, 1)]
    return "\n".join([*head, *listed]) + "\n"


def at(wall: str) -> str:
    return f"schedule: {{at: {wall}, timezone: America/Mexico_City}}"


def changes(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["address"]: item for item in plan["changes"]}


def outcomes(events: list[dict[str, Any]]) -> dict[str, str]:
    return {item["address"]: item["type"] for item in events if "address" in item}


def test_a_call_outside_the_hours_blocks_the_plan(project: Workbench) -> None:
    project.write("reconciler.yaml", HOURS)
    project.write("calls/june.yaml", rows(at("2031-06-02 19:59:59"), at("2031-06-02 20:00:00")))
    result = project.run("plan", "--format", "json", "--out", "june.plan")
    assert result.code == 5
    found = changes(result.json)
    assert found["june/r1"]["action"] == "create"
    blocked = found["june/r2"]
    assert (blocked["action"], blocked["reasons"], blocked["request"]) == ("blocked", ["G001"], None)
    assert blocked["message"] == (
        "it would ring at 2031-06-02 20:00:00 America/Mexico_City; calling_hours allows 09:00-20:00 on Mondays"
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


def test_a_saved_plan_is_judged_again_when_it_is_applied(project: Workbench, sandbox: Any) -> None:
    """Approved at 19:30, applied at 20:30: what violates by then is named, and nothing else is held back."""
    project.write("reconciler.yaml", HOURS + "  min_lead: 90m\n")
    deadline = "delay_minutes: 0, place_by: 2031-06-03T12:00:00Z"
    later = deadline.replace("delay_minutes: 0", "delay_minutes: 10")
    text = rows(deadline, later, at("2031-06-04 10:00:00"), at("2031-06-03 09:00:00"))
    project.write("calls/june.yaml", text)
    project.ok("plan", "--now", EVENING, "--out", "june.plan")
    applied = project.apply("june.plan", "--now", LATER)
    assert applied.code == 3
    assert outcomes(applied.events) == {
        "june/r1": "blocked",
        "june/r2": "blocked",
        "june/r3": "placed",
        "june/r4": "placed",
    }
    assert (applied.summary["placed"], applied.summary["blocked"], len(sandbox.calls())) == (2, 2, 2)
    told = {item["address"]: item for item in applied.events if item["type"] == "blocked"}
    assert told["june/r1"]["reasons"] == ["G001"]
    assert "2031-06-02 20:30:00 America/Mexico_City" in told["june/r1"]["message"]
    schema = Draft202012Validator(json.loads(schema_text("event")))
    for item in applied.events:
        schema.validate(item)
    # In the morning the same plan goes on where it was held back.
    morning = project.apply("june.plan", "--now", "2031-06-03T11:59:00Z")
    assert outcomes(morning.events) == {
        "june/r1": "blocked",
        "june/r2": "blocked",
        "june/r3": "skipped",
        "june/r4": "skipped",
    }


def test_a_row_too_near_by_the_time_of_the_apply_is_not_placed(project: Workbench, sandbox: Any) -> None:
    project.write("reconciler.yaml", policy("min_lead: 90m"))
    project.write("calls/june.yaml", rows(at("2031-06-02 21:30:00"), at("2031-06-02 22:00:00")))
    project.ok("plan", "--now", EVENING, "--out", "june.plan")
    applied = project.apply("june.plan", "--now", LATER)
    assert (applied.code, outcomes(applied.events)) == (3, {"june/r1": "blocked", "june/r2": "placed"})
    assert "in 60 min; policy.min_lead requires 90 min" in applied.events[1]["message"]
    text = project.run("apply", "june.plan", "--now", LATER)
    assert "blocked: june/r1: it would ring at Mon 2 Jun 2031 21:30" in text.err
    assert "blocked 1" in text.out


def test_plan_files_whose_rows_are_all_blocked_are_refused(project: Workbench, sandbox: Any) -> None:
    project.write("reconciler.yaml", HOURS)
    project.write("calls/june.yaml", rows(at("2031-06-01 12:00:00")))
    refused = project.run("apply", "--auto-approve")
    assert (refused.code, len(sandbox.calls())) == (5, 0)
    assert "1 blocked by G001 (calling-hours)" in refused.out


def test_validate_runs_the_guards_that_need_no_state(bench: Workbench) -> None:
    bench.write("reconciler.yaml", HOURS + "  horizon: 36500d\n  min_lead: 36500d\n")
    bench.write("calls/june.yaml", rows(at("2031-06-02 20:00:00"), at("2021-06-02 20:00:00")))
    result = bench.run("validate", "--json")
    assert (result.code, result.json["valid"]) == (5, False)
    assert [(item["code"], item["line"]) for item in result.json["diagnostics"]] == [("G001", 5)]
    text = bench.run("validate")
    assert "calls/june.yaml:5:5: error G001: it would ring at 2031-06-02 20:00:00" in text.out
    # An immediate call rings when it is applied: only that a zone is missing is known now.
    bench.write("calls/june.yaml", rows("delay_minutes: 0, place_by: 2031-06-03T12:00:00Z, called_timezone: null"))
    assert [item["code"] for item in bench.run("validate", "--json").json["diagnostics"]] == ["G002"]
    bench.write("calls/june.yaml", rows(at("2031-06-02 20:00:00"), "schedule: {at: tomorrow}"))
    assert bench.run("validate").code == 1


def test_another_policy_can_be_asked_and_changes_nothing(project: Workbench, sandbox: Any) -> None:
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00"), at("2031-06-01 12:00:00")))
    project.write("stricter.yaml", HOURS.replace("version: 1\n", ""))
    project.write("whole.yaml", HOURS)
    state = (project.root / ".reconciler/state.db").read_bytes()
    assert project.run("plan").code == 0
    for name in ("stricter.yaml", "whole.yaml"):
        code, out, _ = alone(project, "plan", "--no-state", "--policy", name, "--format", "json")
        assert (code, out.count(b'"G001"')) == (5, 1)
        asked = project.run("plan", "--policy", name, "--now", "2031-06-02T12:00:00Z")
        assert asked.code == 0, "the Sunday's call has expired by then"
    assert (project.root / ".reconciler/state.db").read_bytes() == state
    refused = project.run("plan", "--policy", "whole.yaml", "--out", "june.plan")
    assert (refused.code, (project.root / "june.plan").exists()) == (64, False)
    assert project.run("apply", "--policy", "whole.yaml").code == 64


def test_the_project_s_policy_does_not_hold_beside_another(project: Workbench) -> None:
    project.write("reconciler.yaml", HOURS)
    project.write("calls/june.yaml", rows(at("2031-06-01 12:00:00")))
    project.write("looser.yaml", "policy: {horizon: 36500d}\n")
    assert project.run("plan", "--policy", "looser.yaml").code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policy: {horizon: 1 day}\n", "other.yaml:1:19: error E204"),
        ("agents: {}\npolicy: {}\n", "error E202: missing field 'version'"),
        ("version: 1\npolicy: {jurisdictions: [us-federl]}\n", "other.yaml:2:26: error E204"),
        ("policy: [\n", "error E103"),
        (None, "other.yaml:1:1: error E113: cannot be read"),
    ],
    ids=["value", "version", "jurisdiction", "yaml", "no file"],
)
def test_a_policy_that_cannot_be_read_is_an_error(project: Workbench, text: str | None, told: str) -> None:
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00")))
    if text is not None:
        project.write("other.yaml", text)
    result = project.run("plan", "--policy", "other.yaml")
    assert (result.code, told in result.err) == (1, True), result.err


def test_calls_wait_until_they_are_near(project: Workbench, sandbox: Any) -> None:
    project.write("reconciler.yaml", policy("place_within: 48h", "min_lead: 10m"))
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00"), at("2031-06-10 12:00:00")))
    plan = project.plan("--now", EVENING)
    assert {key: item["action"] for key, item in changes(plan).items()} == {
        "june/r1": "expired",
        "june/r2": "waiting",
    }
    assert plan["next_apply_by"] == "2031-06-10T17:50:00Z"
    assert changes(plan)["june/r2"]["request"] is None
    assert "from 2031-06-08T18:00:00Z on" in changes(plan)["june/r2"]["message"]
    text = project.run("plan", "--now", EVENING, "--detailed-exitcode")
    assert text.code == 0, "nothing to place yet"
    assert "Apply again before Tue 10 Jun 11:50 in Mexico City" in text.out
    assert "Apply again before" in project.run("plan", "--now", EVENING, "--format", "markdown").out
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00"), at("2031-06-10 11:00:00")))
    early = project.apply("--now", "2031-06-08T16:59:59Z")
    assert (early.summary["placed"], len(sandbox.calls())) == (0, 0)
    on_time = project.apply("--now", "2031-06-08T17:00:00Z")
    assert (on_time.code, on_time.summary["placed"]) == (0, 1)
    assert project.plan("--now", "2031-06-08T17:00:00Z")["next_apply_by"] is None


def test_an_old_rule_warns_once_and_can_block_everything(project: Workbench) -> None:
    law = policy("jurisdictions: [mx-collections]")
    project.write("reconciler.yaml", law)
    project.write("calls/june.yaml", rows(at("2036-06-02 12:00:00"), at("2036-06-03 12:00:00")))
    plan = project.plan("--now", "2036-01-01T00:00:00Z")
    assert [item["code"] for item in plan["diagnostics"]] == ["G003"]
    assert plan["summary"]["create"] == 2
    project.write("reconciler.yaml", law.replace("policy:", "policy:\n  guards: {G003: error}"))
    text = project.run("plan", "--now", "2036-01-01T00:00:00Z")
    assert text.code == 5
    assert text.out.count("The rules of mx-collections") == 1, "said once for both rows"
    assert "2 blocked by G003 (rules-age)" in text.out


def test_what_guards_block_comes_first_and_in_groups(project: Workbench) -> None:
    project.write("reconciler.yaml", HOURS + "  horizon: 36500d\n  peak: {per_minute: 1}\n")
    near = at("2031-06-02 12:00:00")
    project.write("calls/june.yaml", rows(near, near, at("2031-06-01 12:00:00"), at("2031-06-01 13:00:00")))
    text = project.run("plan").out
    heads = ["\n2 blocked by G001 (calling-hours)", "\n1 blocked by G021 (peak)", "\n1 to place"]
    assert sorted(heads, key=text.index) == heads
    assert text.startswith("Plan: 3 blocked, 1 to place.\nIt cannot be applied: 3 blocked.\n" + heads[0])
    page = project.run("plan", "--format", "markdown").out
    heads = [f"<strong>{head.strip()}</strong>" for head in heads]
    assert sorted(heads, key=page.index) == heads
    sarif = project.run("plan", "--format", "sarif").json
    rules = {item["id"] for item in sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert {"G001", "G021"} <= rules


def test_a_plan_with_guards_is_the_same_twice_valid_and_masked(project: Workbench) -> None:
    laws = policy("jurisdictions: [us-federal, es]", "calling_hours:", "  windows: {mon-sun: 09:00-20:00}")
    project.write("reconciler.yaml", laws)
    text = rows("delay_minutes: 0, place_by: 2031-06-03T12:00:00Z", at("2031-06-02 21:00:00")).replace(
        NUMBER, "'+525512345678'"
    )
    people = {1: "+34600111222, full_name: Jane Smith", 2: "+14155552678, full_name: x"}
    for number, person in people.items():
        text = text.replace(f"contact_id: {contact(number)}", f"to_number: {person}")
    project.write("calls/june.yaml", text.replace(", called_timezone: America/Mexico_City", ""))
    first, second = (project.run("plan", "--format", "json", "--now", EVENING) for _ in range(2))
    assert first.out == second.out
    plan = first.json
    Draft202012Validator(json.loads(schema_text("plan"))).validate(plan)
    assert plan["summary"]["blocked"] == 2
    assert not [secret for secret in ("600111222", "4155552678", "Jane Smith") if secret in first.out]


def test_guards_judge_a_plan_against_a_snapshot(project: Workbench) -> None:
    project.write("reconciler.yaml", policy("peak: {per_minute: 1, per_number: 1}"))
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00")))
    project.apply()
    project.ok("state", "export", "--public", "snapshot.json")
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00"), at("2031-06-02 12:00:59")))
    code, out, _ = alone(project, "plan", "--state", "snapshot:snapshot.json", "--format", "json")
    assert (code, out.count(b'"G021"'), out.count(b'"G022"')) == (5, 1, 1)


def test_a_person_s_zone_that_was_not_approved_is_stale(project: Workbench, sandbox: Any) -> None:
    project.write("reconciler.yaml", HOURS)
    project.write("calls/june.yaml", rows(at("2031-06-02 12:00:00")))
    project.ok("plan", "--out", "june.plan")
    project.write("calls/june.yaml", rows(f"{at('2031-06-02 12:00:00')}, called_timezone: America/Bogota"))
    applied = project.apply("--approved", project.reviewed("june.plan"))
    assert (applied.code, outcomes(applied.events)) == (3, {"june/r1": "stale"})
