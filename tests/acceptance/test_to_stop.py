"""Calls that are placed and must not ring any more: what forbids them, and the one list that shows them."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Workbench, contact, plan_text
from tests.test_schemas import schema

PLAN = "calls/june.yaml"
DNC = "suppression: [{file: dnc.csv, as_of: 2026-01-01, max_age: 3650d}]"
HOURS = "calling_hours: {windows: {mon-sun: 09:00-20:00}}"
BLACKOUT = "calling_hours: {windows: {mon-sun: 00:00-24:00}, blackout: [2031-06-01]}"


@pytest.fixture
def june(project: Workbench, sandbox: Any) -> Workbench:
    """Three calls, placed, that ring on 2031-06-01 a minute apart from 00:01 in Mexico City."""
    project.write(PLAN, plan_text())
    assert project.apply().summary["placed"] == 3
    assert len(sandbox.calls()) == 3
    return project


def set_policy(bench: Workbench, *members: str) -> None:
    bench.write("reconciler.yaml", "version: 1\npolicy:\n" + "".join(f"  {member}\n" for member in members))


def suppress(bench: Workbench, *numbers: int) -> None:
    set_policy(bench, DNC)
    bench.write("dnc.csv", "contact_id\n" + "".join(f"{contact(number)}\n" for number in numbers))


def listed(plan: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    return [(item["address"], item["action"], item["reasons"]) for item in plan["to_stop"]]


def test_a_person_who_opted_out_after_placing(june: Workbench) -> None:
    assert (june.plan()["to_stop"], june.plan()["summary"]["forbidden"]) == ([], 0)
    suppress(june, 2)
    plan = june.plan()
    Draft202012Validator(schema("plan")).validate(plan)
    assert (plan["summary"]["forbidden"], plan["summary"]["unchanged"]) == (1, 2)
    [call] = plan["to_stop"]
    assert listed(plan) == [("june/inv-2", "forbidden", ["G010", "still-rings"])]
    assert call["why"] == "the person is on the suppression list dnc.csv"
    assert call["call_id"]
    assert call["person"] == contact(2)
    assert (call["rings_local"], call["timezone"]) == ("2031-06-01 00:02:00-06:00", "America/Mexico_City")
    [change] = [item for item in plan["changes"] if item["action"] == "forbidden"]
    assert change["message"].startswith(
        "it must not ring: the person is on the suppression list dnc.csv. june/inv-2 (call-"
    )
    assert "still rings at 2031-06-01T06:02:00Z" in change["message"]
    assert "reconciler resolve june/inv-2 --stopped --reason WHY" in change["message"]
    suppress(june, 9)
    assert june.plan()["to_stop"] == []


@pytest.mark.parametrize(
    ("policy", "codes"),
    [
        (HOURS, ["G001"]),
        (BLACKOUT, ["G001"]),
        ("calling_hours: {windows: {mon-sun: 00:00-24:00}, holidays: [MX]}\n  holidays: [2031-06-01]", ["G001"]),
        ("consent: {field: metadata.consent_at}", ["G015"]),
        (f"{HOURS}\n  consent: {{field: metadata.consent_at}}", ["G001", "G015"]),
    ],
    ids=["hours", "blackout", "holidays", "consent", "two-rules"],
)
def test_rules_that_came_after_placing(june: Workbench, policy: str, codes: list[str]) -> None:
    set_policy(june, policy)
    plan = june.plan()
    assert plan["diagnostics"] == []
    assert listed(plan) == [(f"june/inv-{n}", "forbidden", [*codes, "still-rings"]) for n in (1, 2, 3)]
    assert june.run("plan").code == 0


@pytest.mark.parametrize(
    "policy",
    [
        f"guards: {{G010: warning}}\n  {DNC}",
        f"guards: {{G010: off}}\n  {DNC}",
        "suppression: [{file: dnc.csv, as_of: 2020-05-20, max_age: 1d}]\n  guards: {G010: off}",
        "max_new_calls: {per_run: 1}",
        "per_person: {per_day: 1, min_gap: 30d}",
        "peak: {per_minute: 1, per_number: 1}",
        "min_lead: 365d",
        "horizon: 1d",
        "guards: {G003: error, G023: error, G024: error}",
        HOURS.replace("09:00-20:00", "00:00-24:00"),
    ],
)
def test_what_makes_no_call_forbidden(june: Workbench, policy: str) -> None:
    june.write("dnc.csv", f"contact_id\n{contact(2)}\n")
    set_policy(june, policy)
    plan = june.plan()
    assert not [item for item in plan["diagnostics"] if item["severity"] == "error"]
    assert (plan["summary"]["unchanged"], plan["to_stop"]) == (3, [])


def test_each_call_once_as_forbidden_else_removed_else_changed(june: Workbench) -> None:
    """Whatever became of the row, with all reasons, and in the order in which they ring."""
    suppress(june, 1, 2)
    text = plan_text(rows=4, first=0).replace("inv-0", "late").replace("00:00:00", "23:00:00")
    june.write(PLAN, text)
    assert june.apply().summary["placed"] == 1
    rows = plan_text(rows=3).replace("14001", "1").replace("14003", "3")
    june.write(PLAN, rows.replace("  - key: inv-2", "  - enabled: false\n    key: inv-2"))
    assert listed(june.plan()) == [
        ("june/inv-1", "forbidden", ["G010", "edited", "still-rings"]),
        ("june/inv-2", "forbidden", ["G010", "disabled", "still-rings"]),
        ("june/inv-3", "changed", ["edited", "still-rings"]),
        ("june/late", "removed", ["no-row", "still-rings"]),
    ]
    june.write(PLAN, plan_text(rows=1, first=3))
    plan = june.plan()
    assert listed(plan) == [
        ("june/inv-1", "forbidden", ["G010", "no-row", "still-rings"]),
        ("june/inv-2", "forbidden", ["G010", "no-row", "still-rings"]),
        ("june/late", "removed", ["no-row", "still-rings"]),
    ]
    assert plan["to_stop"][0]["why"] == (
        "the person is on the suppression list dnc.csv; no row asks for it any more"
    )
    assert june.plan("--now", "2031-06-01T06:02:00Z")["to_stop"] == plan["to_stop"][2:]
    assert june.plan("--now", "2031-06-03T00:00:00Z")["to_stop"] == []


def test_a_call_that_the_files_do_not_ask_for_is_judged_by_what_is_known_of_it(june: Workbench) -> None:
    """Where a file cannot be read, the zone of the called is not known: only the person and the consent are."""
    june.write("reconciler.yaml", f"version: 1\npolicy:\n  {DNC}\n  {HOURS}\n")
    june.write("dnc.csv", f"contact_id\n{contact(3)}\n")
    june.write(PLAN, "version: 1\nplan: june\ncalls: [5]\n")
    assert listed(june.plan()) == [("june/inv-3", "forbidden", ["G010", "no-row", "still-rings"])]


def test_the_zone_of_the_called_counts(project: Workbench) -> None:
    text = plan_text().replace("defaults:", "defaults:\n  called_timezone: Asia/Tokyo")
    project.write(PLAN, text)
    assert project.apply().summary["placed"] == 3
    set_policy(project, HOURS)
    assert project.plan()["to_stop"] == [], "it is 15:01 in Tokyo"
    set_policy(project, HOURS.replace("20:00", "15:00"))
    assert len(project.plan()["to_stop"]) == 3


def test_a_saved_plan_holds_the_list_and_is_read_back_byte_for_byte(june: Workbench) -> None:
    suppress(june, 2)
    june.ok("plan", "--out", "june.plan")
    assert june.ok("show", "june.plan", "--json").json["to_stop"] == june.plan("--reveal")["to_stop"]
    again = (june.root / "june.plan").read_bytes()
    june.write("june.plan", again.decode().replace("suppression list dnc.csv", "suppression list abc.csv", 1))
    assert june.run("show", "june.plan").code == 5


def test_numbers_are_masked_in_public(project: Workbench) -> None:
    row = plan_text(rows=1).replace(f"contact_id: {contact(1)}", 'to_number: "+525512345678"\n    full_name: Ana')
    project.write(PLAN, row.replace("  from: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890", '  from: "+525599999999"'))
    assert project.apply().summary["placed"] == 1
    set_policy(project, DNC)
    project.write("dnc.csv", "number\n+525512345678\n")
    assert project.plan()["to_stop"][0]["person"] == "+***78"
    assert project.plan("--reveal")["to_stop"][0]["person"] == "+525512345678"
    for form in ("text", "markdown", "html", "csv", "junit", "sarif", "github"):
        shown = project.run("plan", "--format", form).out
        assert "525512345678" not in shown, form


def test_a_snapshot_tells_what_can_be_told(june: Workbench) -> None:
    """Of a row that asks for the very call everything is known; of another call only that it will ring."""
    june.ok("state", "export", "--public", "snapshot.json")
    suppress(june, 1, 2, 3)
    june.write(PLAN, plan_text(rows=2).replace("14002", "5"))
    plan = june.plan("--state", "snapshot:snapshot.json")
    Draft202012Validator(schema("plan")).validate(plan)
    assert listed(plan) == [
        ("june/inv-1", "forbidden", ["G010", "still-rings"]),
        ("june/inv-2", "changed", ["edited", "still-rings"]),
        ("june/inv-3", "removed", ["no-row", "still-rings"]),
    ]
    assert [(item["call_id"], item["person"]) for item in plan["to_stop"]] == [
        (None, contact(1)),
        (None, None),
        (None, None),
    ]
    assert "june/inv-3" in june.on_terminal("plan", "--state", "snapshot:snapshot.json")


def test_a_guard_that_was_lifted_for_the_run_that_placed_it(project: Workbench) -> None:
    """What a person decided with a reason is not asked again; other calls of the same kind are."""
    set_policy(project, HOURS, "overridable: [G001]")
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--override", "G001=she asked for it", "--out", "june.plan")
    assert project.apply("june.plan").summary["placed"] == 1
    assert project.actions() == {"june/inv-1": "unchanged"}
    set_policy(project, HOURS)
    assert project.actions() == {"june/inv-1": "forbidden"}
