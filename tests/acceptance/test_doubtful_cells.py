"""Cells that may mean another day, or the other half of it: an error, until a formula says which."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, contact
from tests.workbooks import ods, workbook

NOW = ("--now", "2030-01-01T00:00:00Z")
DAY, CLOCK = "=date(row.Fecha)", "row.Hora"
ERROR = re.compile(
    r"^calls/june\.\w+(?::|!\w+!\w)(\d+)[^\n]*?: error \w+: (.*)\n(?:    .*\n)*?    hint: (.*)$", re.MULTILINE
)
DAY_0 = date(1899, 12, 30)  # of a workbook


def real(name: str, place: str, day: int, month: int) -> str:
    """A real date of 2031 in a cell of a workbook, or as a program writes it to a text file."""
    if name.endswith(".ods"):
        value = f'office:date-value="2031-{month:02}-{day:02}"'
        return f'<table:table-cell office:value-type="date" {value}/>'
    if name.endswith(".xlsx"):
        return f'<c r="{place}" s="1"><v>{(date(2031, month, day) - DAY_0).days}</v></c>'
    return f"2031-{month:02}-{day:02}"


def write(
    bench: Workbench,
    cells: Sequence[tuple[object, object]],
    name: str = "june.csv",
    *,
    day: str = DAY,
    clock: str = CLOCK,
    helpers: str = "",
) -> None:
    rows = [[f"a{n}/2031", contact(n), *pair] for n, pair in enumerate(cells, start=2)]
    head = ["key", "contact_id", "Fecha", "Hora"]
    path = bench.root / "calls" / name
    if name.endswith(".xlsx"):
        path.write_bytes(workbook(("Junio", [head, *rows])))
    elif name.endswith(".ods"):
        path.write_bytes(ods([head, *rows]))
    else:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([head, *rows])
        path.write_text(text.getvalue())
    bench.write(
        "calls/june.yaml",
        f"version: 1\nplan: june\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: UTC}}}}\n"
        f"sheets:\n  - file: {name}\n    columns:\n      day: '{day}'\n{helpers}"
        f"      schedule.at: '=at(row.day, {clock})'\n",
    )


def times(bench: Workbench) -> list[str]:
    return [item["call"]["schedule"]["at"] for item in bench.plan(*NOW)["changes"]]


def refused(bench: Workbench) -> list[tuple[int, str, str]]:
    """Row, message and hint of each error."""
    assert bench.run("validate").code == 1
    result = bench.run("plan", "--no-state", "--reveal", *NOW)
    assert result.code == 1, result.out
    return [(int(line), message, hint) for line, message, hint in ERROR.findall(result.err)]


@pytest.mark.parametrize("name", ["june.csv", "june.xlsx", "june.ods"])
def test_real_dates_with_day_and_month_swapped_are_refused(project: Workbench, name: str) -> None:
    cells = [(real(name, "C2", 3, 5), "10:00"), ("16/05/2031", "10:00"), (real(name, "C4", 7, 7), "10:00")]
    write(project, cells, name)
    ((row, message, hint),) = refused(project)
    assert row == 2
    assert "'2031-05-03' could be 2031-05-03, or 2031-03-05 if a spreadsheet program swapped" in message
    assert "C3, which is text, has the day first" in message
    for formats, meant in (
        ('"DD/MM/YYYY", "YYYY-MM-DD"', "2031-05-03 10:00:00"),
        ('"DD/MM/YYYY", "YYYY-DD-MM"', "2031-03-05 10:00:00"),
    ):
        assert f"date(row.Fecha, {formats})" in hint
        write(project, cells, name, day=f"=date(row.Fecha, {formats})")
        assert times(project) == [meant, "2031-05-16 10:00:00", "2031-07-07 10:00:00"]


@pytest.mark.parametrize("name", ["june.csv", "june.xlsx", "june.ods"])
def test_real_dates_that_no_program_swapped_are_read(project: Workbench, name: str) -> None:
    first = (real(name, "C2", 3, 5), "10:00")
    write(project, [first, ("16/05/2031", "10:00"), (real(name, "C4", 20, 5), "10:00")], name)
    assert times(project) == [f"2031-05-{day:02} 10:00:00" for day in (3, 16, 20)]
    write(project, [first, ("16/05/2031", "10:00"), ("04/05/2031", "10:00")], name)
    assert times(project) == [f"2031-05-{day:02} 10:00:00" for day in (3, 16, 4)]
    write(project, [first, ("16-may-31", "10:00"), (real(name, "C4", 4, 5), "10:00")], name)
    assert times(project) == [f"2031-05-{day:02} 10:00:00" for day in (3, 16, 4)]


@pytest.mark.parametrize(
    ("day", "helpers"),
    [
        ("=date(row.copy)", "      copy: =trim(row.Fecha)\n"),
        ("=date(row.copy)", "      copy: '=row.Fecha + \" 00:00\"'\n"),
        ("=workdays(row.Fecha, 0)", ""),
        ("=date(coalesce(row.Fecha, row.Hora))", ""),
        ("=row.Fecha", ""),
    ],
)
def test_no_formula_hides_that_dates_are_swapped(project: Workbench, day: str, helpers: str) -> None:
    cells = [("2031-05-03", "10:00"), ("16/05/2031", "10:00")]
    write(project, cells, day=day, helpers=helpers)
    assert [row for row, message, _ in refused(project) if "swapped day and month" in message] == [2]


def test_a_month_first_text_beside_real_dates_is_as_doubtful(project: Workbench) -> None:
    write(project, [("2031-05-03", "10:00"), ("05/16/2031", "10:00")])
    ((_, message, hint),) = refused(project)
    assert "has the month first" in message
    assert 'date(row.Fecha, "MM/DD/YYYY", "YYYY-DD-MM")' in hint


def test_two_formats_that_disagree_are_refused(project: Workbench) -> None:
    write(project, [("05/03/2031", "10:00")], day='=date(row.Fecha, "DD/MM/YYYY", "MM/DD/YYYY")')
    ((_, message, _),) = refused(project)
    assert "two of the formats read this differently" in message


@pytest.mark.parametrize(
    "early", ["1:00", "01:00", "1h", "0.0416667", "01:00:00"]
)  # the last is how a workbook stores 1:00
def test_one_oclock_among_business_hours_is_refused(project: Workbench, early: str) -> None:
    cells = [("2031-05-16", clock) for clock in ("9:00", "10:30", early)]
    write(project, cells)
    ((row, message, _),) = refused(project)
    assert row == 4
    assert "this could be a.m. or p.m., because no time of its column is after 12:59" in message


def test_who_says_that_the_clock_has_24_hours_is_believed(project: Workbench) -> None:
    cells = [("2031-05-16", clock) for clock in ("9:00", "10:30", "1:00")]
    write(project, cells)
    ((_, _, hint),) = refused(project)
    clock = 'datetime(row.Hora, "HH:mm")'
    assert f"if they are of the 24-hour clock, write {clock}" in hint
    meant = [f"2031-05-16 {clock}:00" for clock in ("09:00", "10:30", "01:00")]
    write(project, cells, clock=clock)
    assert times(project) == meant
    write(project, cells, clock="row.hour", helpers=f"      hour: '={clock}'\n")
    assert times(project) == meant
    write(project, [*cells, ("2031-05-16", "16:00")])
    assert times(project) == [*meant, "2031-05-16 16:00:00"]
    write(project, cells[:2], clock='"1:00"')
    assert times(project) == ["2031-05-16 01:00:00"] * 2


@pytest.mark.parametrize(
    ("clock", "helpers"),
    [
        ("row.copy", "      copy: =trim(row.Hora)\n"),
        ("row.copy", "      copy: =row.again\n      again: =lower(row.Hora)\n"),
        ("trim(row.Hora)", ""),
        ('row.Hora + ""', ""),
        ('row.copy.replace(".", ":")', '      copy: \'=row.Hora.replace(":", ".")\'\n'),
        ('row.Hora.endsWith("m") ? "10:00" : row.Hora', ""),
        ('coalesce("", row.Hora)', ""),
    ],
)
@pytest.mark.parametrize("others", [("9:00", "10:30"), ("9:00 am", "4:00 pm")])
def test_no_formula_hides_how_a_column_writes_times(
    project: Workbench, clock: str, helpers: str, others: tuple[str, str]
) -> None:
    cells = [("2031-05-16", time) for time in (*others, "1:00")]
    write(project, cells, clock=clock, helpers=helpers)
    assert [row for row, message, _ in refused(project) if "could be a.m. or p.m." in message] == [4]


def test_a_time_that_a_formula_makes_of_parts_is_refused_at_night(project: Workbench) -> None:
    write(project, [("2031-05-16", "9"), ("2031-05-16", "1")], clock='row.Hora + ":00"')
    ((row, message, _),) = refused(project)
    assert (row, "because a formula made it" in message) == (3, True)
    write(project, [("2031-05-16", "9"), ("2031-05-16", "1")], clock='datetime(row.Hora, "HH")')
    assert times(project) == ["2031-05-16 09:00:00", "2031-05-16 01:00:00"]


TABLE = "tables: {hours: {file: hours.csv, key: id}}\n"


def test_a_looked_up_cell_is_as_doubtful_as_its_column(project: Workbench) -> None:
    write(project, [("2031-05-16", "x"), ("2031-05-16", "y")], clock='lookup("hours", row.Hora).hour')
    plan = (project.root / "calls/june.yaml").read_text().replace("sheets:", f"{TABLE}sheets:")
    project.write("calls/june.yaml", plan)
    table = "id,hour,day\nx,{},16/05/2031\ny,{},2031-03-05\n"
    project.write("calls/hours.csv", table.format("9:00", "1:00"))
    assert [row for row, *_ in refused(project)] == [3]
    project.write("calls/hours.csv", table.format("16:00", "1:00"))
    assert times(project) == ["2031-05-16 16:00:00", "2031-05-16 01:00:00"]
    project.write("calls/june.yaml", plan.replace(DAY, '=date(lookup("hours", row.Hora).day)'))
    assert [row for row, message, _ in refused(project) if "swapped" in message] == [3]


@pytest.mark.parametrize(
    ("code", "meant"),
    [("h:mm", []), ("h:mm AM/PM", ["09:00", "01:00"]), ("[$-409]h:mm AM/PM;@", ["09:00", "01:00"])],
)
def test_a_real_time_that_the_workbook_shows_with_am_is_clear(
    project: Workbench, code: str, meant: list[str]
) -> None:
    write(project, [])
    cells = (f'<c r="D{row}" s="3"><v>{value}</v></c>' for row, value in ((2, 0.375), (3, 0.0416666666666667)))
    rows = [[f"a{n}/2031", contact(n), "2031-05-16", cell] for n, cell in enumerate(cells)]
    head = ["key", "contact_id", "Fecha", "Hora"]
    (project.root / "calls/june.xlsx").write_bytes(workbook(("Junio", [head, *rows]), formats=[code]))
    plan = (project.root / "calls/june.yaml").read_text()
    project.write("calls/june.yaml", plan.replace("june.csv", "june.xlsx"))
    if meant:
        assert times(project) == [f"2031-05-16 {clock}:00" for clock in meant]
    else:
        assert [row for row, *_ in refused(project)] == [3]


AGENDA = (
    "Folio,Cliente,Teléfono,Fecha,Hora\n1,Ana Ruiz,+525512345678,{},{}\n2,Eva Gil,+525512345679,16/05/2031,10:30\n"
)
ANSWERS = (
    "--agent",
    AGENT,
    "--from",
    "+525512340000",
    "--timezone",
    "America/Mexico_City",
    "--key",
    "Folio + Fecha",
)
WHEN = ("--when", "on Fecha at Hora")


def test_import_sheet_leaves_open_what_a_program_may_have_swapped(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/agenda.csv", AGENDA.format("2031-05-03", "9:00"))
    done = bench.run("import-sheet", "calls/agenda.csv", *ANSWERS, *WHEN)
    assert (
        "TODO day  (column 'Fecha': a spreadsheet program may have swapped day and month of '2031-05-03' in row 2"
        in (done.err)
    )
    assert bench.run("validate").code == 1
    text = (bench.root / "calls/agenda.yaml").read_text()
    for formats, meant in (('"DD/MM/YYYY", "YYYY-MM-DD"', "05-03"), ('"DD/MM/YYYY", "YYYY-DD-MM"', "03-05")):
        formula = f"=date(row.Fecha, {formats})"
        assert formula in done.err
        bench.write("calls/agenda.yaml", text.replace("'=TODO'", f"'{formula}'"))
        assert times(bench) == [f"2031-{meant} 09:00:00", "2031-05-16 10:30:00"]
    bench.write("calls/agenda.csv", AGENDA.format("2031-05-13", "9:00"))
    assert "TODO" not in bench.run("import-sheet", "calls/agenda.csv", *ANSWERS, *WHEN, "--force").err
    assert times(bench) == ["2031-05-13 09:00:00", "2031-05-16 10:30:00"]


def test_import_sheet_leaves_open_which_half_of_the_day_a_time_is_in(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/agenda.csv", AGENDA.format("17/05/2031", "1:00"))
    done = bench.run("import-sheet", "calls/agenda.csv", *ANSWERS, *WHEN)
    assert "TODO schedule.at  (column 'Hora': '1:00' in row 2 could be a.m. or p.m." in done.err
    formula = '=at(row.day, datetime(row.Hora, "HH:mm"))'
    assert formula in done.err
    text = (bench.root / "calls/agenda.yaml").read_text()
    bench.write("calls/agenda.yaml", text.replace("'=TODO'", f"'{formula}'"))
    assert times(bench) == ["2031-05-17 01:00:00", "2031-05-16 10:30:00"]
    bench.write("calls/agenda.csv", AGENDA.format("17/05/2031 1:00", "").replace("2031,10:30", "2031 10:30,"))
    done = bench.run("import-sheet", "calls/agenda.csv", *ANSWERS, "--when", "at Fecha", "--force")
    assert "in row 2 could be a.m. or p.m., because no time is after 12:59" in done.err
    assert '=datetime(row.Fecha, "DD/MM/YYYY HH:mm")' in done.err
