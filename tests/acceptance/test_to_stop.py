"""Calls that are placed and must not ring any more: what forbids them, and the one list that shows them."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Workbench, contact, plan_text
from tests.test_schemas import schema
from tests.webpage import WebPage
from tests.workbooks import sheets_of

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
        "this call must not ring: the person is on the suppression list dnc.csv. june/inv-2 (call-"
    )
    assert "will still ring at 2031-06-01T06:02:00Z" in change["message"]
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
    assert plan["to_stop"][0]["why"] == ("the person is on the suppression list dnc.csv; its row was removed")
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


@pytest.fixture
def three(june: Workbench) -> Workbench:
    """One call of each kind: inv-1 is forbidden, inv-2 edited, inv-3 removed."""
    suppress(june, 1)
    june.write(PLAN, plan_text(rows=2).replace("14002", "5"))
    return june


def test_the_text_shows_one_list_and_says_once_what_to_do(three: Workbench) -> None:
    shown = three.run("plan").out
    places = []
    for call in three.plan()["to_stop"]:
        line = next(line for line in shown.splitlines() if line.endswith(call["address"]))
        assert call["person"][:8] in line
        assert "Sun 1 Jun 2031 00:0" in line
        assert call["call_id"] in shown
        places.append(shown.index(line))
    assert places == sorted(places)
    assert "the person is on the suppression list dnc.csv" in shown
    assert shown.count("reconciler resolve ADDRESS --stopped --reason WHY (or --let-ring)") == 1
    assert shown.count("The API cannot") + shown.count("the API cannot change or cancel") == 1


@pytest.mark.parametrize("form", ["csv", "junit", "sarif", "github"])
def test_every_form_shows_one_list(three: Workbench, form: str) -> None:
    shown = three.run("plan", "--format", form).out
    for call in three.plan()["to_stop"]:
        assert call["call_id"] in shown
        assert call["person"][:8] in shown
        assert call["rings_local"] in shown
        assert shown.count(f"reconciler resolve {call['address']} --stopped --reason WHY (or --let-ring)") == 1
    assert "the person is on the suppression list dnc.csv" in shown
    places = [shown.index(f"reconciler resolve june/inv-{number} --stopped") for number in (1, 2, 3)]
    assert places == sorted(places)


def test_a_comment_shows_one_list_and_says_once_what_to_do(three: Workbench) -> None:
    shown = three.run("plan", "--format", "markdown").out
    rows = []
    for call in three.plan()["to_stop"]:
        local = datetime.fromisoformat(call["rings_local"])
        (row,) = (line for line in shown.splitlines() if f"`{call['call_id']}`" in line)
        assert f"`{call['person'][:8]}" in row
        assert f"{local.day} {local:%b} {local.year} {local:%H:%M} in Mexico City`" in row
        assert f"`{call['action']}: {call['why']}`" in row
        rows.append(shown.index(row))
    assert rows == sorted(rows)
    assert shown.count("reconciler resolve ADDRESS --stopped --reason WHY (or --let-ring)") == 1
    assert shown.count("will still ring") == 1


def test_a_workbook_has_a_sheet_of_them(three: Workbench) -> None:
    three.ok("plan", "--format", "xlsx", "--output", "plan.xlsx")
    rows = sheets_of((three.root / "plan.xlsx").read_bytes())["To stop"]
    assert [(row[0], row[1]) for row in rows[1:]] == [
        ("forbidden", "june/inv-1"),
        ("changed", "june/inv-2"),
        ("removed", "june/inv-3"),
    ]
    decision, reason = rows[0].index("Decision"), rows[0].index("Reason")
    rows[1][decision], rows[1][reason] = "stopped", "deleted in the dashboard"
    with (three.root / "decided.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    three.run("resolve", "--from", "decided.csv")
    assert [item["address"] for item in three.plan()["to_stop"]] == ["june/inv-2", "june/inv-3"]


def test_the_page_shows_one_list_and_says_once_what_to_do(three: Workbench) -> None:
    page = WebPage(three.run("plan", "--format", "html").out)
    assert "3 calls to stop by hand, the soonest first" in page.headings
    assert page.text.count("reconciler resolve ADDRESS --stopped --reason WHY") == 1
    assert "the person is on the suppression list dnc.csv" in page.text
    places = []
    for number, call in enumerate(three.plan()["to_stop"], 1):
        row = page.text[page.text.index(f"Sun 1 Jun 2031 00:0{number} in Mexico City") :]
        assert call["call_id"] in row[:400]
        assert call["person"][:8] in row[:400]
        places.append(len(row))
    assert places == sorted(places, reverse=True)
    assert (
        sum("to stop by hand" in page.data["texts"][reasons[0]] for reasons in page.data["columns"]["reasons"])
        == 3
    )


def test_a_person_at_a_terminal_sees_them_before_all_that_can_wait(three: Workbench) -> None:
    screen = three.on_terminal("plan")
    assert "3 calls to stop by hand, the soonest first" in screen
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.count("--let-ring") == 1


def test_apply_and_status_exit_3_where_a_call_is_new_and_count_it_later(june: Workbench) -> None:
    assert (june.run("status").code, june.apply().code) == (0, 0)
    june.write(PLAN, plan_text(rows=2))
    assert june.run("status").code == 3
    assert june.run("status", "--offline").code == 3
    first = june.apply()
    assert (first.code, first.summary["to_stop"], first.summary["to_stop_new"]) == (3, 1, 1)
    again = june.apply()
    assert (again.code, again.summary["to_stop"], again.summary["to_stop_new"]) == (0, 1, 0)
    Draft202012Validator(schema("event")).validate(again.summary)
    shown = june.run("status")
    assert shown.code == 0
    assert "1 call to stop by hand. Run reconciler status --to-stop to list them." in shown.out
    suppress(june, 1)
    assert (june.run("status").code, june.apply().code, june.apply().code) == (3, 3, 0)
    june.write(PLAN, plan_text())
    suppress(june, 9)
    assert (june.apply().code, june.run("status").code) == (0, 0)
    june.write(PLAN, plan_text(rows=2))
    assert june.apply().code == 3, "the row was back in between"
    june.ok("state", "check")


def test_an_apply_of_a_part_forgets_nothing_that_was_shown(june: Workbench) -> None:
    june.write("calls/july.yaml", plan_text("july", first=11))
    assert june.apply().summary["placed"] == 3
    june.write(PLAN, plan_text(rows=2))
    june.write("calls/july.yaml", plan_text("july", first=11, rows=2))
    assert june.apply(PLAN).summary["to_stop"] == 1
    july = june.apply("calls/july.yaml")
    assert (july.code, july.summary["to_stop"], july.summary["to_stop_new"]) == (3, 1, 1)
    whole = june.apply()
    assert (whole.code, whole.summary["to_stop"], whole.summary["to_stop_new"]) == (0, 2, 0)


def test_a_saved_plan_is_judged_by_the_lists_of_the_moment(june: Workbench, sandbox: Any) -> None:
    suppress(june, 9)
    june.write(PLAN, plan_text(rows=4))
    june.ok("plan", "--out", "june.plan")
    suppress(june, 1)
    applied = june.apply("june.plan")
    assert (applied.code, applied.summary["placed"], applied.summary["to_stop_new"]) == (3, 1, 1)
    assert june.apply("june.plan").code == 0
    assert len(sandbox.calls()) == 4


def test_an_apply_says_where_the_list_is(june: Workbench) -> None:
    june.write(PLAN, plan_text(rows=2))
    result = june.run("apply", "--auto-approve")
    assert result.code == 3
    assert "1 call to stop by hand, 1 of them new. Run reconciler status --to-stop to list them" in result.err


def test_the_list_alone_works_offline_and_exits_3_while_any_is_ahead(three: Workbench) -> None:
    three.env.pop("CONTACTSHIP_API_KEY")
    text = three.run("status", "--to-stop")
    assert text.code == 3
    assert text.out.startswith("3 calls to stop by hand, the soonest first, times in Mexico City\n")
    assert [line[2] for line in text.out.splitlines() if "june/inv-" in line] == ["#", "~", "-"]
    listed_json = three.run("status", "--to-stop", "--json")
    assert (listed_json.code, listed_json.json["to_stop"]) == (3, three.plan()["to_stop"])
    table = three.run("status", "--to-stop", "--format", "csv").out.splitlines()
    assert [line.split(",")[1] for line in table[1:]] == ["june/inv-1", "june/inv-2", "june/inv-3"]
    assert three.run("status", "--to-stop", "--now", "2031-06-02T00:00:00Z").code == 0
    assert three.run("status", "--to-stop", "--plan", "other").code == 1
    for wrong in (["--overdue"], ["--format", "html"], ["--watch"]):
        assert three.run("status", "--to-stop", *wrong).code == 64
    document = three.run("status", "--json").json
    Draft202012Validator(schema("status")).validate(document)
    assert len(document["to_stop"]) == 3


def test_a_person_ends_it_by_stopping_or_letting_ring(three: Workbench) -> None:
    why = ("--reason", "agreed by phone")
    three.ok("resolve", "june/inv-3", "--let-ring", *why)
    three.ok("resolve", "june/inv-1", "--stopped", *why)
    plan = three.plan()
    assert [item["address"] for item in plan["to_stop"]] == ["june/inv-2"]
    assert three.actions() == {"june/inv-1": "unchanged", "june/inv-2": "changed", "june/inv-3": "removed"}
    [removed] = [item for item in plan["changes"] if item["action"] == "removed"]
    assert removed["message"].endswith("rings at 2031-06-01T06:03:00Z, as recorded with resolve --let-ring")
    assert "as recorded with resolve --let-ring" in three.run("plan").out
    three.ok("resolve", "june/inv-2", "--let-ring", *why)
    assert three.run("status", "--to-stop").code == 0
    assert three.apply().code == 0
    assert three.run("resolve", "june/inv-1", "--let-ring", *why).code == 1, "it was stopped"
    assert three.run("resolve", "june/inv-2", "--let-ring", "--stopped", *why).code == 64
    assert three.run("resolve", "june/inv-2", "--let-ring").code == 64


def test_many_are_decided_in_the_file_that_lists_them(three: Workbench) -> None:
    three.run("status", "--to-stop", "--format", "csv", "--output", "stop.csv")
    lines = (three.root / "stop.csv").read_text(encoding="utf-8-sig").splitlines()
    lines[1] = lines[1].removesuffix(",").removesuffix(",") + ",stopped,deleted it"
    lines[3] = lines[3].removesuffix(",").removesuffix(",") + ",let-ring,she wants it"
    three.write("stop.csv", "\n".join(lines) + "\n")
    assert three.ok("resolve", "--from", "stop.csv").out == "2 recorded, 0 left.\n"
    assert [item["address"] for item in three.plan()["to_stop"]] == ["june/inv-2"]
    wrong = lines[2].replace("call-", "call-0").removesuffix(",").removesuffix(",") + ",stopped,deleted it"
    three.write("stop.csv", f"{lines[0]}\n{wrong}\n")
    assert three.run("resolve", "--from", "stop.csv").code == 1


def test_the_last_plan_file_deleted_removes_its_calls(june: Workbench) -> None:
    june.ok("state", "export", "--public", "snapshot.json")
    (june.root / PLAN).unlink()
    for more in ([], ["--state", "snapshot:snapshot.json"]):
        result = june.run("plan", "--json", *more)
        assert (result.code, result.json["summary"]["removed"], len(result.json["to_stop"])) == (0, 3, 3)
        assert [(item["code"], item["severity"]) for item in result.json["diagnostics"]] == [("E403", "warning")]
        assert "all rows count as removed" in result.json["diagnostics"][0]["message"]
    assert (june.run("status").code, june.apply().code, june.apply().code) == (3, 3, 0)
    assert june.run("plan", "--no-state").code == 1
    assert june.run("plan", PLAN).code == 1


def test_no_plan_file_where_nothing_was_placed_is_an_error(project: Workbench) -> None:
    assert project.run("plan").code == 1
    assert project.apply().code == 1


def test_an_apply_asks_for_no_decision_that_was_made_when_the_call_was_placed(project: Workbench) -> None:
    set_policy(project, DNC, "overridable: [G010]")
    project.write("dnc.csv", f"contact_id\n{contact(1)}\n")
    project.write(PLAN, plan_text(rows=1))
    project.ok("plan", "--override", "G010=he called us", "--out", "june.plan")
    assert project.apply("june.plan").summary["placed"] == 1
    again = project.apply()
    assert (again.code, again.summary["to_stop"]) == (0, 0)


def test_a_call_that_is_to_ring_says_when_a_new_one_can_be_asked_for(three: Workbench) -> None:
    three.ok("resolve", "june/inv-2", "--let-ring", "--reason", "agreed by phone")
    then = "You can request a new call after it has rung, or after you record it with --stopped"
    [edited] = [item for item in three.plan()["changes"] if item["address"] == "june/inv-2"]
    assert edited["message"].endswith(then)
    three.write(PLAN, plan_text(rows=2).replace("14002", "5") + "    revision: 2\n")
    [raised] = [item for item in three.plan()["changes"] if item["address"] == "june/inv-2@2"]
    assert raised["reasons"] == ["earlier-revision-pending"]
    assert raised["message"].endswith(then)
    three.ok("resolve", "june/inv-2", "--stopped", "--reason", "she changed her mind")
    assert three.actions()["june/inv-2@2"] == "create"
