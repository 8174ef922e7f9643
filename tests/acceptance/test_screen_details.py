"""Times, names and counts are the same on every screen, and a list that was masked can be read back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import AGENT, NUMBER, Workbench, contact, plan_text
from tests.test_schemas import schema
from tests.webpage import WebPage
from tests.workbooks import sheets_of

PLAN = "calls/june.yaml"
NOW = ("--now", "2031-05-30T12:00:00Z")


def test_state_list_shows_local_times(placed: Workbench) -> None:
    shown = placed.ok("state", "list").out
    assert "june/inv-1  placed  Sun 1 Jun 2031 00:01 in Mexico City  call-" in shown
    assert "2031-06-01T06:01:00Z" not in shown
    entry = placed.ok("state", "list", "--json").json["entries"][0]
    assert entry["rings_at"] == "2031-06-01T06:01:00Z"


def test_resolve_shows_local_times(bench: Workbench, blind: Any) -> None:
    bench.write(PLAN, plan_text(rows=1))
    blind.set_faults("drop-after#1")
    bench.apply()
    blind.set_faults()
    shown = bench.run("resolve")
    assert shown.code == 3
    assert "june/inv-1: the attempt at " in shown.out
    assert " in Mexico City may or may not have placed the call" in shown.out
    assert "UTC" not in shown.out
    assert "Z may or may not" in bench.run("resolve", "--json").json["unknown"][0]["message"]


def test_the_document_of_a_plan_has_the_rows_that_where_skips(project: Workbench) -> None:
    defaults = f"{{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: UTC}}}}"
    sheet = (
        "sheets:\n  - file: s.csv\n    where: 'row.status == \"open\"'\n    columns: {metadata.s: =row.status}\n"
    )
    project.write(PLAN, f"version: 1\nplan: june\ndefaults: {defaults}\n{sheet}")
    lines = [f"k-{n}/2031-06-01,{contact(n)},2031-06-01 10:00,{word}\n" for n, word in ((1, "open"), (2, "done"))]
    project.write("calls/s.csv", "key,contact_id,schedule.at,status\n" + "".join(lines))
    plan = project.plan(*NOW)
    Draft202012Validator(schema("plan")).validate(plan)
    assert plan["skipped"] == [{"sheet": "calls/s.csv", "count": 1, "rows": [3]}]
    project.ok("plan", "--out", "june.plan", *NOW)
    assert project.ok("show", "june.plan", "--json").json["skipped"] == plan["skipped"]
    assert "1 row of calls/s.csv is skipped by where: row 3." in project.ok("show", "june.plan").out
    project.write("calls/s.csv", "key,contact_id,schedule.at,status\n" + lines[0])
    assert project.plan(*NOW)["skipped"] == []


@pytest.fixture
def named(project: Workbench) -> Workbench:
    """Two placed calls, whose keys are names, that a list forbids."""
    people = (("ana-lopez", "Ana Lopez", "+525512345678"), ("eva-ruiz", "Eva Ruiz", "+525512345679"))
    rows = "".join(f"  - {{key: {key}, full_name: {name}, to_number: '{to}'}}\n" for key, name, to in people)
    schedule = "{at: 2031-06-01 10:00, timezone: America/Mexico_City}"
    defaults = f"{{agent: {AGENT}, from: '+12125550100', schedule: {schedule}}}"
    text = f"version: 1\nplan: june\ndefaults: {defaults}\ncalls:\n{rows}"
    project.write(PLAN, text)
    assert project.apply().summary["placed"] == 2
    dnc = "suppression: [{file: dnc.csv, as_of: 2026-01-01, max_age: 3650d}]"
    project.write("reconciler.yaml", f"version: 1\npolicy:\n  {dnc}\n")
    project.write("dnc.csv", "phone\n+525512345678\n+525512345679\n")
    return project


def decided(bench: Workbench, word: str, **changes: str) -> str:
    """The list of calls to stop, masked, with a decision in each line."""
    text = bench.run("status", "--to-stop", "--format", "csv").out
    lines = [row | {"decision": word, "reason": "seen"} | changes for row in csv.DictReader(io.StringIO(text))]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def test_a_masked_list_of_calls_to_stop_can_be_read_back(named: Workbench) -> None:
    text = decided(named, "stopped")
    assert "ana-lopez" not in text
    assert "***" in text
    named.write("stop.csv", text)
    named.ok("resolve", "--from", "stop.csv")
    assert named.plan()["to_stop"] == []


@pytest.mark.parametrize(
    ("call_id", "reason"), [("", "the line has no call_id"), ("call-9", "the state has no call")]
)
def test_a_masked_line_without_a_call_of_the_state_is_refused(named: Workbench, call_id: str, reason: str) -> None:
    named.write("stop.csv", decided(named, "stopped", call_id=call_id))
    refused = named.run("resolve", "--from", "stop.csv")
    assert (refused.code, reason in refused.err) == (1, True)
    assert len(named.plan()["to_stop"]) == 2


def test_doctor_says_only_what_is_known_of_the_names(project: Workbench) -> None:
    with (project.root / "reconciler.yaml").open("a") as settings:
        settings.write(f"agents: {{never-used: {AGENT}}}\n")
    shown = project.run("doctor").out
    assert "1 agent named in reconciler.yaml or plan files, on the account" in shown
    assert "in use" not in next(line for line in shown.splitlines() if "agents" in line)


def test_headings_of_the_demo_break_between_words(bench: Workbench) -> None:
    screen = bench.on_terminal("demo", COLUMNS="60", NO_COLOR="1")
    headings = [line.rstrip() for line in screen.splitlines() if line.startswith("# ")]
    assert "# Edit an amount: the API cannot change a call, so the plan" in headings
    assert all(len(line) <= 60 for line in headings)


def column(page: WebPage, name: str) -> list[str]:
    return [page.data["texts"][number] for number in page.data["columns"][name]]


def test_unchanged_rows_of_the_page_have_a_person_and_local_time(named: Workbench) -> None:
    named.write("dnc.csv", "phone\n+525512345600\n")
    page = WebPage(named.ok("plan", "--format", "html", "--reveal", *NOW).out)
    assert column(page, "when") == ["Sun 1 Jun 10:00 Mexico City"] * 2
    assert sorted(column(page, "person")) == ["Ana Lopez", "Eva Ruiz"]
    public = named.ok("plan", "--format", "html", *NOW).out
    assert column(WebPage(public), "when") == ["Sun 1 Jun 10:00 Mexico City"] * 2
    assert not {"Lopez", "5512345678"} & set(public.replace("+", " ").split())
    assert "Ana Lopez" not in public
    assert "ana-lopez" not in public
    later = WebPage(named.ok("plan", "--format", "html", "--now", "2031-06-02T12:00:00Z").out)
    assert column(later, "when") == ["Sun 1 Jun 10:00 Mexico City"] * 2


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_changed_and_removed_rows_of_a_sheet_have_a_person_and_a_time(placed: Workbench, form: str) -> None:
    text = plan_text(rows=2).replace("amount_debt: 14001", "amount_debt: 5")
    placed.write(PLAN, text)
    placed.ok("plan", "--format", form, "--reveal", "--output", f"plan.{form}", *NOW)
    if form == "csv":
        lines = list(csv.DictReader(io.StringIO((placed.root / "plan.csv").read_text("utf-8-sig"))))
    else:
        head, *rows = sheets_of((placed.root / "plan.xlsx").read_bytes())["Calls"]
        lines = [dict(zip((str(name).lower() for name in head), map(str, row), strict=True)) for row in rows]
    found = {line["action"]: line for line in lines if line["action"] in {"changed", "removed"}}
    whom, at = ("target", "schedule.at") if form == "csv" else tuple(found["changed"])[2:4]
    assert found["changed"][whom] == contact(1)
    assert found["removed"][whom] == contact(3)
    assert "2031-06-01" in found["changed"][at]
    assert "00:03" in found["removed"][at]
    assert found["changed"]["changed" if form == "csv" else "edited fields"] == "additional_data.amount_debt"


def test_a_setting_to_copy_stays_in_one_line(placed: Workbench) -> None:
    placed.write(PLAN, plan_text(rows=3).replace("key: inv-", "key: a-longer-renewal-"))
    screen = [line.strip() for line in placed.on_terminal("plan", NO_COLOR="1").splitlines()]
    copied = "moved: [{from: june/inv-1, to: june/a-longer-renewal-1}]"
    assert any(line.startswith(copied) for line in screen), screen
    text = (placed.root / PLAN).read_text()
    moves = ", ".join(f"{{from: june/inv-{n}, to: june/a-longer-renewal-{n}}}" for n in (1, 2, 3))
    placed.write(PLAN, f"{text}moved: [{moves}]\n")
    assert set(placed.actions().values()) == {"unchanged"}
