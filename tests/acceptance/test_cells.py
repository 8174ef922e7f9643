"""Cells as people type them, through the command line: the calls are those that they mean, or none is planned."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.test_streamed import spooled
from tests.conftest import AGENT, NUMBER, Workbench
from tests.workbooks import ods, workbook

NOW = ("--now", "2030-01-01T00:00:00Z")
HEAD = f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: '+525512340000', schedule: {{timezone: %s}}}}\n"
COLUMNS = """\
    columns:
      key: '=row.id + "/2031"'
      full_name: =row.id
      to_number: =e164(row["Teléfono"])
      schedule.at: =at(row.Fecha, row.Hora)
      additional_data.amount: =money(row.Importe)
"""
HEADER = ["id", "Teléfono", "Fecha", "Hora", "Importe"]
AFTERNOON = "15:00"


def write(
    bench: Workbench, rows: Sequence[Sequence[object]], name: str = "june.csv", zone: str = "America/Mexico_City"
) -> None:
    plan = f"{HEAD % zone}sheets:\n  - file: {name}\n{COLUMNS}"
    bench.write("calls/june.yaml", plan)
    path = bench.root / "calls" / name
    if name.endswith(".xlsx"):
        path.write_bytes(workbook(("Junio", [HEADER, *rows])))
    elif name.endswith(".ods"):
        path.write_bytes(ods([HEADER, *rows]))
    else:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([HEADER, *rows])
        path.write_text(text.getvalue(), encoding="utf-8")


def calls(bench: Workbench) -> dict[str, tuple[str, str, str]]:
    """Number, time and amount of each call."""
    return {
        item["address"].removeprefix("june/").removesuffix("/2031"): (
            item["call"]["to_number"],
            item["call"]["schedule"]["at"],
            item["call"]["additional_data"]["amount"],
        )
        for item in bench.plan("--reveal", *NOW)["changes"]
    }


def problems(bench: Workbench) -> list[tuple[str, str, str]]:
    """Cell, message and hint of each error."""
    found = bench.run("plan", "--no-state", "--json", "--reveal", *NOW).json["diagnostics"]
    return [(item.get("cell", ""), item["message"], item.get("hint") or "") for item in found]


TYPED = [
    ["a", "044 55 1234 5678", "28/11/2031", "9:30 am", "$ 1,234.50"],
    ["b", "(55) 1234-5679", "05/06/2031", "16:30", "14058"],
    ["c", "01 55 1234 5670", "28-nov-31", "0.395833", "1,234"],
    ["d", "55.1234.5671", "2031-06-05", "4:15 p.m.", "5"],
    ["e", "+34 612 34 56 78", "5/6/31", "09h05", "MXN 2,000.00"],
]
MEANT = {
    "a": ("+525512345678", "2031-11-28 09:30:00", "1234.50"),
    "b": ("+525512345679", "2031-06-05 16:30:00", "14058"),
    "c": ("+525512345670", "2031-11-28 09:30:00", "1234"),
    "d": ("+525512345671", "2031-06-05 16:15:00", "5"),
    "e": ("+34612345678", "2031-06-05 09:05:00", "2000.00"),
}


@pytest.mark.parametrize("name", ["june.csv", "june.xlsx", "june.ods"])
def test_typed_cells_are_the_calls_that_they_mean(project: Workbench, name: str) -> None:
    write(project, TYPED, name)
    assert calls(project) == MEANT


def test_real_dates_and_times_stand_beside_typed_ones(project: Workbench) -> None:
    real = ["f", 5512345672, '<c r="C7" s="1"><v>48004</v></c>', '<c r="D7"><v>0.395833333333333</v></c>', 1234.5]
    write(project, [*TYPED, real], "june.xlsx")
    assert calls(project) == {**MEANT, "f": ("+525512345672", "2031-06-05 09:30:00", "1234.5")}
    real = [
        "f",
        5512345672,
        '<table:table-cell office:value-type="date" office:date-value="2031-06-05"/>',
        '<table:table-cell office:value-type="time" office:time-value="PT09H30M00S"/>',
        1234.5,
    ]
    write(project, [*TYPED, real], "june.ods")
    assert calls(project) == {**MEANT, "f": ("+525512345672", "2031-06-05 09:30:00", "1234.5")}


def test_a_region_comes_from_the_row_where_it_has_one(project: Workbench) -> None:
    write(project, [["a", "612 34 56 78", "2031-06-05", "10:00", "1"]], zone="Europe/Madrid")
    assert calls(project)["a"][0] == "+34612345678"
    write(project, [["a", "612 34 56 78", "2031-06-05", "10:00", "1"]], zone="UTC")
    ((cell, message, hint),) = [item for item in problems(project) if "e164" in item[1]]
    assert cell == "B2"
    assert "the number has no country code, and the row has no country" in message
    assert "set country: MX in defaults" in hint
    text = (project.root / "calls/june.yaml").read_text()
    project.write("calls/june.yaml", text.replace("defaults: {", "defaults: {country: ES, "))
    assert calls(project)["a"][0] == "+34612345678"


def test_what_is_not_certain_is_an_error_with_all_readings(project: Workbench) -> None:
    rows = [
        ["a", "sin teléfono", "05/06/2031", "9:30 am", "1.234"],
        ["b", "55 1234 5678", "2031-06-05", "3:00", "1"],
    ]
    write(project, rows)
    assert {cell for cell, _, _ in problems(project)} == {"B2", "C2", "D3", "E2"}
    shown = project.run("validate", "--reveal").out
    for words in (
        "not a phone number: 'sin teléfono'",
        'hint: to leave out rows without a number, add to the sheet: where: row["Teléfono"].matches("[0-9]")',
        "'05/06/2031' could be 2031-06-05 or 2031-05-06, and no cell of its column shows which",
        'hint: set the order: date(row.Fecha, "DD/MM/YYYY") or date(row.Fecha, "MM/DD/YYYY")',
        "this could be a.m. or p.m., because D2 in its column says a.m. or p.m.: '3:00'",
        "'1.234' could be 1234 or 1.234, and no cell of its column shows which",
    ):
        assert words in shown
    assert project.run("plan", *NOW).code == 1


def test_two_orders_in_one_column_are_named_with_both_cells(project: Workbench) -> None:
    rows = [
        [str(n), "55 1234 5678", text, "10:00", "1"]
        for n, text in enumerate(["28/11/2031", "05/06/2031", "11/29/2031"])
    ]
    write(project, rows)
    found = problems(project)
    assert [cell for cell, _, _ in found] == ["C2", "C3", "C4"]
    assert all("C2 has the day first, C4 has the month first" in message for _, message, _ in found)


def test_a_table_in_the_plan_file_is_no_different(project: Workbench) -> None:
    table = "table: {columns: [id, Teléfono, Fecha, Hora, Importe], rows: [%s]}\n"
    columns = COLUMNS.replace("    columns:", "columns:").replace("      ", "  ")
    rows = ["[a, 55 1234 5678, 05/06/2031, '10:00', 5]", "[b, 55 1234 5679, 28/11/2031, '10:00', 5]"]
    text = HEAD % "America/Mexico_City" + columns + table
    project.write("calls/june.yaml", text % rows[0])
    assert len(problems(project)) == 1
    project.write("calls/june.yaml", text % ", ".join(rows))
    assert calls(project)["a"][1] == "2031-06-05 10:00:00"
    project.write(
        "calls/june.yaml", text % ", ".join((*rows, rows[1].replace("28/11", "11/28").replace("[b", "[c")))
    )
    assert len(problems(project)) == 3


def test_a_date_that_is_missing_says_how_to_leave_the_row_out(project: Workbench) -> None:
    write(project, [["a", "55 1234 5678", "", "10:00", "5"]])
    assert 'where: row.Fecha != ""' in project.run("validate", "--reveal").out


def test_a_cell_of_one_column_does_not_decide_for_another(project: Workbench) -> None:
    columns = "{schedule.at: '=at(row.b, \"10:00\")', metadata.a: =date(row.a)}"
    project.write("calls/june.yaml", f"{HEAD % 'UTC'}sheets: [{{file: june.csv, columns: {columns}}}]\n")
    head = "key,contact_id,a,b\nk/2031,c1d2e3f4-a5b6-7890-cdef-123456789012,"
    project.write("calls/june.csv", f"{head}28/11/2031,05/06/2031\n")
    assert [cell for cell, _, _ in problems(project) if cell] == ["D2"]


def test_a_plan_files_formula_follows_each_sheet(project: Workbench) -> None:
    person = "c1d2e3f4-a5b6-7890-cdef-12345678901"
    project.write("calls/a.csv", f"key,contact_id,due\na/2031,{person}2,05/06/2031\nb/2031,{person}3,28/11/2031\n")
    project.write("calls/b.csv", f"key,contact_id,due\nc/2031,{person}4,05/06/2031\nd/2031,{person}5,11/28/2031\n")
    columns = "columns: {schedule.at: '=at(row.due, \"10:00\")'}\nsheets: [{file: a.csv}, {file: b.csv}]\n"
    project.write(
        "calls/june.yaml",
        HEAD.replace("'+525512340000'", "pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890") % "Europe/Madrid" + columns,
    )
    found = {item["address"][5]: item["call"]["schedule"]["at"][:10] for item in project.plan(*NOW)["changes"]}
    assert found == {"a": "2031-06-05", "b": "2031-11-28", "c": "2031-05-06", "d": "2031-11-28"}


def cells_of(result: subprocess.CompletedProcess[str]) -> Any:
    document = json.loads(result.stdout)
    return document["changes"], document["diagnostics"]


DATES = st.dates(date(2031, 1, 1), date(2031, 12, 31))
ORDERS = st.sampled_from(["%d/%m/%Y", "%m/%d/%y"])
FORMS = st.sampled_from(["", "%Y-%m-%d", "%d-%b-%y"])
CLOCKS = st.sampled_from(["9:30 am", "3:00", "15:00", "10:00", "0.5", "nonsense"])
AMOUNTS = st.sampled_from(["1.234,50", "1,234.50", "1.234", "14058", "$ 5,5", "x"])


@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.lists(st.tuples(DATES, FORMS, CLOCKS, AMOUNTS), min_size=1, max_size=12),
    ORDERS,
    st.sampled_from(["csv", "xlsx"]),
)
def test_many_processes_read_what_one_reads(
    project: Workbench, lines: list[tuple[date, str, str, str]], order: str, kind: str
) -> None:
    """Rows that are streamed in parts of three by three processes: the same calls, and the same problems."""
    rows = [
        [str(number), "55 1234 5678", day.strftime(form or order), clock, amount]
        for number, (day, form, clock, amount) in enumerate(lines)
    ]
    for path in Path(project.root / "calls").glob("june.*"):
        path.unlink()
    write(project, rows, f"june.{kind}")
    args = ("plan", "--no-state", "--json", "--reveal", *NOW)
    held = project.run(*args)
    streamed = spooled(project, *args)
    assert (streamed.stdout, streamed.returncode) == (held.out, held.code)
    for change in held.json["changes"]:
        day = lines[int(change["address"].split("/")[1])][0]
        assert change["call"]["schedule"]["at"][:10] == str(day)


def test_a_row_that_is_skipped_does_not_decide_the_order_of_dates(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/p.csv", "key,person,due\na,1,05/01/2031\nb,2,06/01/2031\nPrinted,,12/28/2031\n")
    sheet = "version: 1\nplan: p\ndefaults: {{agent: {}, from: {}, schedule: {{timezone: America/Mexico_City}}}}\n"
    rest = (
        "sheets:\n  - file: p.csv\n    where: 'row.person != \"\"'\n    columns:\n"
        "      contact_id: '=\"c1d2e3f4-a5b6-7890-cdef-00000000000\" + row.person'\n"
        "      schedule.at: '=at(date(row.due), \"10:00\")'\n"
    )
    bench.write("calls/p.yaml", sheet.format(AGENT, NUMBER) + rest)
    result = bench.run("validate")
    assert (result.code, "could be" in result.out) == (1, True), result.out
    bench.write("calls/p.csv", "key,person,due\na,1,05/01/2031\nb,2,12/28/2031\nPrinted,,\n")
    assert bench.run("validate").code == 0
