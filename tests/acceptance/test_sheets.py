"""Sheets through the command line: what a spreadsheet holds becomes exactly the calls that it means."""

from __future__ import annotations

import io
import os
import random
import re
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, contact
from tests.workbooks import workbook, write_workbook

HEAD = f"""\
version: 1
plan: june
defaults:
  agent: {AGENT}
  from: {NUMBER}
  schedule: {{timezone: America/Mexico_City}}
"""
ROWS = f"key,contact_id,schedule.at\na/2031-06-01,{contact(1)},2031-06-01 10:00\n"


def plan_file(file: str = "june.csv", extra: str = "") -> str:
    return f"{HEAD}sheets:\n  - file: {file}\n{extra}"


def problems(bench: Workbench) -> list[tuple[str, str | None]]:
    """Code and cell of each."""
    result = bench.run("validate", "--json")
    return [(item["code"], item.get("cell")) for item in result.json["diagnostics"]]


def test_the_documented_example_comes_out_of_a_csv(project: Workbench, sandbox: Any) -> None:
    project.write(
        "calls/june.csv",
        "key,contact_id,schedule.at,additional_data.amount_debt\n"
        "inv-1001/2026-06-15,c1d2e3f4-a5b6-7890-cdef-123456789012,2026-06-15 14:30:00,14058\n",
    )
    project.write("calls/june.yaml", plan_file())
    (change,) = project.plan("--reveal", "--now", "2026-06-01T00:00:00Z")["changes"]
    body = change["request"]["body"]
    del body["metadata"]
    assert change["request"]["endpoint"] == "single-contact-call"
    assert body == {
        "contact_id": "c1d2e3f4-a5b6-7890-cdef-123456789012",
        "agent_id": AGENT,
        "from_number_id": NUMBER,
        "additional_data": [{"key": "amount_debt", "value": "14058"}],
        "schedule": {"date": "2026-06-15 14:30:00", "timezone": "America/Mexico_City"},
    }
    assert change["source"] == {"file": "calls/june.csv", "line": 2, "column": 1}


def test_a_sheet_is_planned_applied_and_then_unchanged(project: Workbench, sandbox: Any) -> None:
    project.write("calls/june.csv", ROWS)
    project.write("calls/june.yaml", plan_file())
    assert project.ok("plan", "--out", "june.plan").code == 0
    assert project.run("apply", "june.plan").code == 0
    assert project.actions() == {"june/a/2031-06-01": "unchanged"}
    project.write("calls/june.csv", ROWS.replace("10:00", "11:00"))
    assert project.actions() == {"june/a/2031-06-01": "changed"}


def test_a_workbook_gives_the_calls_of_its_cells(project: Workbench) -> None:
    header = ["key", "contact_id", "schedule.at", "additional_data.amount", "additional_data.due", "enabled", "n"]
    rows = [
        header,
        [
            "a/2031-06-01",
            contact(1),
            '<c r="C2" s="2"><v>47635.4166666667</v></c>',
            14058.0,
            '<c r="E2" s="1"><v>47635</v></c>',
            '<c r="F2" t="b"><v>1</v></c>',
            '<c r="G2"><f>B2+1</f><v>902.5</v></c>',
        ],
        [None],
        ["b/2031-06-01", contact(2), "2031-06-01 12:00", 0.30000000000000004, "0042", None, "x"],
    ]
    write_workbook(project.root / "calls/june.xlsx", ("June", rows))
    columns = "    columns: {additional_data.n: =row.n}\n"
    project.write("calls/june.yaml", plan_file("june.xlsx", columns))
    plan = project.plan("--reveal")
    # The order of a short date is that of the machine on which somebody looks at it.
    assert [(item["code"], item["cell"]) for item in plan["diagnostics"]] == [("W207", "June!E2")]
    first, second = plan["changes"]
    assert first["call"]["schedule"]["at"] == "2030-06-01 10:00:00"
    assert first["call"]["additional_data"] == {"amount": "14058", "due": "2030-06-01", "n": "902.5"}
    assert second["call"]["additional_data"] == {"amount": "0.3", "due": "0042", "n": "x"}
    assert second["source"] == {"file": "calls/june.xlsx", "line": 4, "column": 1, "cell": "June!A4"}


def test_cells_that_a_spreadsheet_spoiled_are_named(project: Workbench) -> None:
    rows = [
        ["key", "contact_id", "schedule.at", "additional_data.a", "unread"],
        [
            "a",
            contact(1),
            "2031-06-01 10:00",
            '<c r="D2" t="e"><v>#N/A</v></c>',
            '<c r="E2" t="e"><v>#REF!</v></c>',
        ],
        ["b", contact(2), "2031-06-01 11:00", '<c r="D3"><f>A1+1</f></c>', None],
        ["c", contact(3), "2031-06-01 12:00", 1234567890123456789, None],
        ["d/2031-06-01", contact(4), "2031-06-01 13:00", '<c r="D5" t="str"><f>A1</f><v></v></c>', None],
    ]
    write_workbook(project.root / "calls/june.xlsx", ("June", rows))
    project.write("calls/june.yaml", plan_file("june.xlsx"))
    expected = [("W204", "June!E1"), ("E608", "June!D2"), ("E608", "June!D3"), ("E608", "June!D4")]
    assert problems(project) == expected
    assert "calls/june.xlsx!June!D2: error E608" in project.run("validate").out


def test_a_sheet_of_a_workbook_is_chosen_by_name(project: Workbench) -> None:
    rows = [["key", "contact_id", "schedule.at"], ["a/2031-06-01", contact(1), "2031-06-01 10:00"]]
    path = project.root / "calls/june.xlsx"
    write_workbook(path, ("One", rows), ("Two", [["other"]]))
    project.write("calls/june.yaml", plan_file("june.xlsx"))
    assert problems(project) == [("E602", None)]
    project.write("calls/june.yaml", plan_file("june.xlsx", "    sheet: One\n"))
    assert problems(project) == []
    project.write("calls/june.yaml", plan_file("june.xlsx", "    sheet: Three\n"))
    assert problems(project) == [("E602", None)]
    path.write_bytes(workbook(("One", rows), ("Two", [["other"]]), hidden=["Two"]))
    project.write("calls/june.yaml", plan_file("june.xlsx"))
    assert problems(project) == []


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        (" ,", "there is a blank between a closing quote and the delimiter"),
        ("\t,", "there is a tab between a closing quote and the delimiter"),
        ("\t", "a quoted cell is followed by a tab"),
        (";", "a quoted cell is followed by ';'"),
    ],
)
def test_what_stands_behind_a_closing_quote_is_named(project: Workbench, behind: str, message: str) -> None:
    project.write("calls/june.yaml", plan_file())
    project.write("calls/june.csv", ROWS.replace(contact(1) + ",", f'"{contact(1)}"{behind}'))
    assert f"calls/june.csv:2:1: error E602: {message}\n" in project.run("validate").out


def test_damaged_and_hostile_workbooks_are_refused(project: Workbench) -> None:
    path = project.root / "calls/june.xlsx"
    good = workbook(("June", [["key"]]))
    project.write("calls/june.yaml", plan_file("june.xlsx"))
    for data in (b"", b"PK\x03\x04", good[: len(good) // 2], b"<html>", good[:-30]):
        path.write_bytes(data)
        assert problems(project) == [("E602", None)], data[:20]
    for seed in range(8):
        mixed = bytearray(good)
        generator = random.Random(seed)
        for _ in range(5):
            mixed[generator.randrange(len(mixed))] = generator.randrange(256)
        path.write_bytes(bytes(mixed))
        assert project.run("validate").code in {0, 1}


def bomb(size: int, *, lie: bool) -> bytes:
    """A workbook whose sheet unpacks to ``size`` bytes; the lying one states a tenth of it."""
    data = io.BytesIO(workbook(("June", [["key"]])))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet2.xml", b" " * size)
        info = package.getinfo("xl/worksheets/sheet2.xml")
        if lie:
            info.file_size = size // 10
    return data.getvalue()


@pytest.mark.parametrize("lie", [False, True])
def test_a_bomb_is_refused_before_it_is_read(project: Workbench, lie: bool) -> None:
    config = project.root / "reconciler.yaml"
    config.write_text(config.read_text() + "\nlimits: {sheet_bytes: 1000000}\n")
    (project.root / "calls").mkdir(exist_ok=True)
    (project.root / "calls/june.xlsx").write_bytes(bomb(2_000_000, lie=lie))
    project.write("calls/june.yaml", plan_file("june.xlsx"))
    assert problems(project) == [("E603", None)]


def test_limits_are_the_operators(project: Workbench) -> None:
    config = project.root / "reconciler.yaml"
    config.write_text(config.read_text() + "\nlimits: {sheet_rows: 2}\n")
    lines = "".join(f"k{n}/2031-06-01,{contact(n)},2031-06-01 10:0{n}\n" for n in range(3))
    project.write("calls/june.csv", "key,contact_id,schedule.at\n" + lines)
    project.write("calls/june.yaml", plan_file())
    assert problems(project) == [("E603", None)]
    config.write_text(config.read_text().replace("sheet_rows: 2", "sheet_bytes: 20"))
    assert problems(project) == [("E603", None)]


def test_no_path_leads_out_of_the_project(project: Workbench, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "june.csv"
    outside.write_text(ROWS)
    calls = project.root / "calls"
    calls.mkdir(exist_ok=True)
    (calls / "link.csv").symlink_to(outside)
    (calls / "folder").symlink_to(outside.parent)
    (calls / "inside.csv").write_text(ROWS)
    (calls / "good.csv").symlink_to(calls / "inside.csv")
    (calls / "loop.csv").symlink_to(calls / "loop.csv")
    (calls / "dir.csv").mkdir()
    os.mkfifo(calls / "pipe.csv")
    codes = {
        "link.csv": ["E601"],
        "folder/june.csv": ["E601"],
        "../calls/inside.csv": ["E601"],
        str(calls / "inside.csv"): ["E601"],
        "good.csv": [],
        "loop.csv": ["E602"],
        "dir.csv": ["E601"],
        "pipe.csv": ["E601"],
        "gone.csv": ["E602"],
    }
    for file, expected in codes.items():
        project.write("calls/june.yaml", plan_file(file))
        assert [code for code, _ in problems(project)] == expected, file


def test_private_cells_are_masked_where_others_read_them(project: Workbench) -> None:
    canary = "Canary Person"
    project.write(
        "calls/june.csv",
        "key,to_number,full_name,schedule.at,additional_data.x,phone\n"
        f"a/2031-06-01,+1 415 555 2678,{canary},2031-06-01 10:00,{canary},\n"
        f"b/2031-06-01,,{canary},next week,{canary},+1 415 555 2679 {canary}\n",
    )
    columns = "    columns: {to_number: '=e164(row.phone, \"US\")', metadata.d: =date(row.full_name)}\n"
    project.write("calls/june.yaml", plan_file(extra=columns))
    for args in (("validate",), ("validate", "--json"), ("plan",), ("plan", "--format", "json")):
        result = project.run(*args)
        assert result.code == 1
        printed = re.sub(r"[0-9a-f-]{20,}|T[0-9:.]+Z", "", result.out + result.err)  # hashes and moments
        for secret in ("Canary", "415", "2678", "2679"):
            assert secret not in printed, (args, secret)
    revealed = project.run("validate", "--reveal").out
    assert canary in revealed
    assert "^" in revealed


def test_only_the_first_of_many_alike_are_told(project: Workbench) -> None:
    lines = "".join(f"k{n}/2031-06-01,{contact(n)},nonsense\n" for n in range(500))
    project.write("calls/june.csv", "key,contact_id,schedule.at\n" + lines)
    project.write("calls/june.yaml", plan_file())
    found = project.run("validate", "--json").json["diagnostics"]
    assert [item["code"] for item in found] == ["E204"] * 201
    assert "300 more" in found[0]["message"]


def workday_before(due: date, count: int, holidays: set[date]) -> date:
    """Counted in another way than the tool does: all days backwards, then the n-th that is a working day."""
    days = (due - timedelta(days=n) for n in range(1, 60))
    return [day for day in days if day.isoweekday() <= 5 and day not in holidays][count - 1]


def test_thousands_of_rows_are_what_an_independent_computation_says(project: Workbench) -> None:
    holidays = {date(2031, 6, 16), date(2031, 9, 16)}
    config = project.root / "reconciler.yaml"
    config.write_text(config.read_text() + "\npolicy: {holidays: [2031-06-16, 2031-09-16]}\n")
    generator = random.Random(5)
    lines, wanted = ["Factura,Vence,Importe,contact_id"], {}
    for number in range(2_500):
        due = date(2031, 3, 1) + timedelta(days=generator.randrange(300))
        cents = generator.randrange(1, 100_000_000)
        lines.append(f'{number:05d},{due:%d/%m/%Y},"${cents // 100:,}.{cents % 100:02d}",{contact(number)}')
        wanted[f"june/inv-{number:05d}/{due}"] = (
            f"{workday_before(due, 3, holidays)} 10:00:00",
            f"{cents // 100}.{cents % 100:02d}",
        )
    project.write("calls/june.csv", "\r\n".join(lines) + "\r\n")
    columns = """\
    columns:
      key: '="inv-" + row.Factura + "/" + row.due'
      due: '=date(row.Vence, "DD/MM/YYYY")'
      schedule.at: '=at(workdays(date(row.Vence, "DD/MM/YYYY"), -3), "10:00")'
      additional_data.amount: '=money(row.Importe)'
"""
    project.write("calls/june.yaml", plan_file(extra=columns))
    changes = project.plan("--reveal")["changes"]
    made = {
        item["address"]: (item["call"]["schedule"]["at"], item["call"]["additional_data"]["amount"])
        for item in changes
    }
    assert made == wanted


def test_contacts_are_pulled_into_a_table_that_lookup_reads(project: Workbench, sandbox: Any) -> None:
    (project.root / "calls").mkdir(exist_ok=True)
    project.ok("contacts", "pull", "calls/contacts.csv")
    text = (project.root / "calls/contacts.csv").read_text(encoding="utf-8-sig")
    assert text.startswith("phone_number,id,full_name,email,country\n'+12025550111,c1d2e3f4-")
    assert (project.root / "calls/contacts.csv").stat().st_mode & 0o777 == 0o600
    project.write("calls/june.csv", "phone,schedule.at\n(202) 555-0111,2031-06-01 10:00\n")
    columns = """\
    columns:
      key: '="c/" + row.schedule.at.replace(" ", "_")'
      contact_id: '=lookup("contacts", e164(row.phone, "US")).id'
tables: {contacts: contacts.csv}
"""
    project.write("calls/june.yaml", plan_file(extra=columns))
    (change,) = project.plan()["changes"]
    assert change["call"]["contact_id"] == "c1d2e3f4-a5b6-7890-cdef-123456789012"
    assert change["key"] == "c/2031-06-01_10:00"
    assert project.run("contacts", "pull", "contacts.txt").code == 64
