"""``export``: what was placed, for people with spreadsheets and for scripts."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.runs import new_run
from reconciler.source.schema.packaged import schema_text
from reconciler.source.sheets.formula_escape import unescape_formula
from reconciler.state.sqlite.state import SqliteState
from tests.conftest import AGENT, Result, Workbench, plan_text
from tests.workbooks import sheets_of, shown_in_cell

PHONE = f"""\
version: 1
plan: leads
calls:
  - key: lead-7
    agent: {AGENT}
    from: "+525512345678"
    to_number: "+14155552678"
    full_name: Jane Smith
    email: jane@example.com
    schedule: {{at: 2031-06-03 09:00:00, timezone: America/New_York}}
    additional_data: {{note: "==1+1", "odd": "a\\nb"}}
    metadata: {{invoice: "-7"}}
"""
PRIVATE = ("+14155552678", "+525512345678", "Jane", "jane@example.com", "=1+1", "14001")


@pytest.fixture
def placed(project: Workbench, sandbox: Any) -> Workbench:
    """Five addresses: placed, uncertain and failed ones, in two plans."""
    sandbox.set_faults("drop-after#2", "reject#3")
    project.write("calls/june.yaml", plan_text(rows=4))
    project.apply("--concurrency", "1", "--no-preflight")
    project.write("calls/leads.yaml", PHONE)
    assert project.apply("calls/leads.yaml").summary["placed"] == 1
    return project


def table(result: Result) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(result.out.removeprefix("\ufeff"), newline=""))
    return [{name: unescape_formula(text) for name, text in row.items()} for row in rows]


def test_json_is_what_its_schema_says_and_the_same_each_time(placed: Workbench) -> None:
    first = placed.ok("export", "--format", "json")
    assert placed.ok("export", "--format", "json").out == first.out
    validator = Draft202012Validator(json.loads(schema_text("export")))
    for document in (first.json, placed.ok("export", "--format", "json", "--reveal").json):
        validator.validate(document)
    listed = placed.ok("state", "list", "--json").json
    assert (first.json["lineage"], first.json["serial"]) == (listed["lineage"], listed["serial"])
    told = [(item["address"], item["status"], item["call_id"], item["rings_at"]) for item in listed["entries"]]
    found = [
        (item["address"], item["status"], item["call_id"], item["rings_at"]) for item in first.json["entries"]
    ]
    assert found == told
    assert {status for _, status, _, _ in found} >= {"placed", "failed"}


def test_all_forms_say_the_same(placed: Workbench) -> None:
    entries = placed.ok("export", "--format", "json", "--reveal").json["entries"]
    rows = table(placed.ok("export", "--reveal"))
    placed.ok("export", "--reveal", "--output", "calls.xlsx")
    sheets = sheets_of((placed.root / "calls.xlsx").read_bytes())
    assert list(sheets) == ["Summary", "Calls"]
    assert ["Placed", "3"] in sheets["Summary"]
    header, *lines = sheets["Calls"]
    assert {"Status", "Call id", "Rings (UTC)", "Rings (local time)", "note", "invoice (metadata)"} <= set(header)
    assert lines == [[shown_in_cell(text) for text in row.values()] for row in rows]
    assert len(rows) == len(entries) == 5
    for row, entry in zip(rows, entries, strict=True):
        for name in ("status", "address", "plan", "key", "attempted_at", "rings_at", "digest"):
            assert row[name] == entry[name]
        assert (row["call_id"], row["error"]) == (entry["call_id"] or "", entry["error"] or "")
        call = entry["call"]
        assert row["target"] == call.get("contact_id", call.get("to_number"))
        assert row["schedule.at"] == call["schedule"]["at"]
    lead = rows[-1]
    assert (lead["target"], lead["full_name"], lead["email"]) == ("+14155552678", "Jane Smith", "jane@example.com")
    assert (lead["additional_data.note"], lead["additional_data.odd"]) == ("=1+1", r"a\x0ab")
    assert lead["metadata.invoice"] == "-7"


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_it_is_masked_unless_asked_otherwise(placed: Workbench, form: str) -> None:
    def shown(*args: str) -> str:
        placed.ok("export", "--format", form, "--output", "out", *args)
        data = (placed.root / "out").read_bytes()
        return str(sheets_of(data)) if form == "xlsx" else data.decode()

    masked, revealed = shown(), shown("--reveal")
    assert not [text for text in PRIVATE if text in masked]
    assert not [text for text in PRIVATE if text not in revealed]
    assert "+***78" in masked


def test_no_cell_is_a_formula(placed: Workbench) -> None:
    text = placed.ok("export", "--reveal").out
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert {"'=1+1", "'-7", "'+14155552678"} <= set(cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_plans_can_be_chosen(placed: Workbench) -> None:
    assert {row["plan"] for row in table(placed.ok("export", "--plan", "leads"))} == {"leads"}
    assert len(table(placed.ok("export", "--plan", "leads", "--plan", "june"))) == 5
    wrong = placed.run("export", "--plan", "laeds")
    assert (wrong.code, wrong.out) == (1, "")
    assert "did you mean leads?" in wrong.err


def test_the_name_of_the_file_says_which_form(placed: Workbench) -> None:
    placed.ok("export", "--output", "calls.json")
    assert json.loads((placed.root / "calls.json").read_text())["format_version"] == "1.0"
    assert (placed.root / "calls.json").stat().st_mode & 0o777 == 0o600
    placed.ok("export", "--output", "calls.csv")
    assert (placed.root / "calls.csv").read_text("utf-8-sig").startswith("status,address,plan,")
    placed.ok("export", "--output", "a.xlsx")
    placed.ok("export", "--output", "b.xlsx")
    assert (placed.root / "a.xlsx").read_bytes() == (placed.root / "b.xlsx").read_bytes()


def test_it_works_beside_a_run_that_holds_the_lock(placed: Workbench) -> None:
    with SqliteState(placed.root / ".reconciler/state.db").store(new_run("test")):
        assert placed.run("state", "lock").code == 4
        assert len(table(placed.ok("export"))) == 5


def test_an_empty_state_and_a_missing_one(project: Workbench) -> None:
    assert table(project.ok("export")) == []
    project.ok("export", "--output", "none.xlsx")
    assert project.ok("export", "--format", "json").json["entries"] == []
    (project.root / ".reconciler/state.db").unlink()
    assert project.run("export").code == 1
    assert project.run("export", "--state", "snapshot:x").code == 5
