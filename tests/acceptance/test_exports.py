"""Sheets as other programs export them: LibreOffice and Google Sheets, as workbooks and as text."""

from __future__ import annotations

import io
from typing import TypeAlias

import pytest
from python_calamine import CalamineWorkbook

from tests import exports
from tests.conftest import AGENT, Workbench
from tests.slow_workbook import assert_read_alike
from tests.workbooks import ods, rewritten

PLAN = f"""\
version: 1
plan: june
defaults: {{agent: {AGENT}, from: '+525512340000', schedule: {{timezone: America/Mexico_City}}}}
sheets:
  - file: %s
    columns:
      key: '=slug(row.nombre) + "/" + row.day'
      day: '=date(row.fecha)'
      full_name: =row.nombre
      to_number: =e164(row.tel)
      schedule.at: '=at(row.fecha, row.hora)'
      additional_data.importe: =money(row.importe)
      additional_data.tasa: =row.tasa
      additional_data.pagado: =row.pagado
"""
ANA = ("+525512345678", "2031-06-05 09:30:00", {"importe": "1234.5", "tasa": "0.15", "pagado": "true"})
BETO = ("+525512345679", "2031-06-06 10:00:00", {"importe": "99", "tasa": "0.2", "pagado": "false"})
CLEO = ("+525512345670", "2031-11-28 16:45:00", {"importe": "14058", "tasa": "0.1", "pagado": "false"})
BOOKS = {
    "LibreOffice.ods": exports.libreoffice_ods(),
    "LibreOffice.xlsx": exports.xlsx(google=False),
    "Google.xlsx": exports.xlsx(google=True),
}


def write(bench: Workbench, data: bytes, name: str, options: str = "") -> None:
    bench.write("calls/june.yaml", PLAN % name + options)
    (bench.root / "calls" / name).write_bytes(data)


def calls(bench: Workbench) -> list[tuple[str, str, dict[str, str]]]:
    plan = bench.plan("--reveal", "--now", "2031-01-01T00:00:00Z")
    assert plan["diagnostics"] == []
    found = (change["call"] for change in plan["changes"])
    return [(call["to_number"], call["schedule"]["at"], call["additional_data"]) for call in found]


@pytest.mark.parametrize("name", BOOKS)
def test_an_export_is_read_whole(project: Workbench, name: str) -> None:
    data = BOOKS[name]
    write(project, data, name.replace("LibreOffice", "june"))
    found = project.run("validate", "--json").json["diagnostics"]
    assert [(item["code"], item["cell"].partition("!")[2]) for item in found] == [("E609", "A3")]
    write(project, data, name, "    hidden: include\n")
    assert calls(project) == [ANA, BETO, CLEO]
    write(project, data, name, "    hidden: skip\n")
    assert calls(project) == [ANA, CLEO]


@pytest.mark.parametrize("name", BOOKS)
def test_the_exports_are_workbooks_for_other_readers_too(name: str) -> None:
    rows = CalamineWorkbook.from_filelike(io.BytesIO(BOOKS[name])).get_sheet_by_index(0).to_python()
    assert [str(value) for value in rows[0][:7]] == list(exports.HEADER)
    assert [row[:2] for row in rows[1:4]] == [list(values[:2]) for values in exports.DATA]
    assert assert_read_alike(BOOKS[name]) is name.endswith(".xlsx")


def test_data_is_sent_as_these_programs_show_it(project: Workbench) -> None:
    head = ["additional_data.tasa", "additional_data.pagado", "additional_data.importe"]
    for name, data in BOOKS.items():
        renamed = rewritten(
            data,
            lambda text: (
                text.replace(">tasa<", f">{head[0]}<")
                .replace(">pagado<", f">{head[1]}<")
                .replace(">importe<", f">{head[2]}<")
            ),
        )
        plan = PLAN[: PLAN.index("      additional_data.importe")]
        project.write("calls/june.yaml", plan % name + "    hidden: skip\n")
        (project.root / "calls" / name).write_bytes(renamed)
        shown = calls(project)[0][2]
        assert shown["tasa"] == "15%"
        assert shown["importe"].replace(" ", "") in {"$1,234.50", "$1234.5"}
        assert shown["pagado"] == ("VERDADERO" if name.endswith(".ods") else "true")


@pytest.mark.parametrize(
    ("encoding", "delimiter", "options"),
    [
        ("utf-8", ",", ""),
        ("utf-8-sig", ",", ""),
        ("utf-16", "\t", '    delimiter: "\\t"\n'),
        ("utf-16-le", ";", '    encoding: utf-16\n    delimiter: ";"\n'),
        ("cp1252", ";", '    encoding: windows-1252\n    delimiter: ";"\n'),
    ],
)
def test_text_in_the_encodings_of_exports(project: Workbench, encoding: str, delimiter: str, options: str) -> None:
    lines = [
        exports.HEADER,
        ("Ana", "(55) 1234-5678", "05/06/2031", "9:30 a.\u00a0m.", "1.234,50", "0,15", "sí"),
        ("Beto Ñandú", "044 55 1234 5679", "28/11/2031", "4:45 p. m.", "99,00", "0,2", "no"),
    ]
    text = "".join(delimiter.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)
    data = text.encode(encoding)
    write(project, b"\xff\xfe" + data if encoding == "utf-16-le" else data, "june.csv", options)
    first, second = calls(project)
    assert first == (
        "+525512345678",
        "2031-06-05 09:30:00",
        {"importe": "1234.50", "tasa": "0,15", "pagado": "sí"},
    )
    assert second[:2] == ("+525512345679", "2031-11-28 16:45:00")


Cells: TypeAlias = "list[str | float | None]"


def repeated(rows: list[Cells], count: int) -> bytes:
    """The sheet with its last row ``count`` times, as programs write equal rows."""

    def change(text: str) -> str:
        head, mark, tail = text.rpartition("<table:table-row><table:table-cell office")
        return head + mark.replace("row>", f'row table:number-rows-repeated="{count}">') + tail

    return rewritten(ods(rows), change, "content.xml")


@pytest.mark.parametrize(("count", "code"), [(16_000_000, "E603"), (99_999_999, "E602")])
def test_a_row_that_is_repeated_without_end_is_refused_at_once(project: Workbench, count: int, code: str) -> None:
    write(project, repeated([["nombre"], ["x"]], count), "june.ods")
    assert [item["code"] for item in project.run("validate", "--json").json["diagnostics"]] == [code]


def test_equal_rows_that_a_program_joins_are_all_read(project: Workbench) -> None:
    rows: list[Cells] = [[*exports.HEADER], ["Ana", "55 1234 5678", "2031-06-05", "10:00", "5", "0", "no"]]
    write(project, repeated(rows, 1), "june.ods")
    assert len(calls(project)) == 1
    write(project, repeated(rows, 2), "june.ods")
    assert [item["code"] for item in project.run("validate", "--json").json["diagnostics"]] == ["E401"]


@pytest.mark.parametrize(
    ("cell", "clock"),
    [
        ('office:value-type="time" office:time-value="PT09H30M00S"', "09:30:00"),
        ('office:value-type="time" office:time-value="PT9H29M59.9999S"', "09:30:00"),
        ('office:value-type="date" office:date-value="1899-12-30T09:30:00"', "09:30:00"),
        ('office:value-type="float" office:value="0.395833333333333"', "09:30:00"),
        ('office:value-type="time" office:time-value="PT33H30M00S"', None),
        ('office:value-type="time" office:time-value="-PT09H30M00S"', None),
        ('office:value-type="float" office:value="9.5"', None),
    ],
)
def test_times_of_open_document_cells(project: Workbench, cell: str, clock: str | None) -> None:
    row = ["Ana", "55 1234 5678", "2031-06-05", f"<table:table-cell {cell}/>", "5", "0", "no"]
    write(project, ods([exports.HEADER, row]), "june.ods")
    if clock is None:
        assert project.run("validate").code == 1
    else:
        assert calls(project)[0][1] == f"2031-06-05 {clock}"
