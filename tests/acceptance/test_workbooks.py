"""Workbooks through the command line: in whatever spelling, cells are what was meant, or are refused."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable

import pytest
from python_calamine import CalamineWorkbook

from reconciler.source.sheets.workbook import Workbook as Book
from tests.conftest import AGENT, NUMBER, Workbench, clean_environment, contact
from tests.slow_workbook import assert_read_alike
from tests.workbooks import STRICT, cell, ods, rewritten, workbook

HEADER = ["key", "contact_id", "schedule.at", "additional_data.note"]
WHEN = "2031-06-16 10:30:00"
UNCALCULATED = '<c r="C2" s="2"><f>TODAY()+30</f></c>'


@pytest.fixture
def plan(project: Workbench) -> Callable[..., Workbench]:
    """The project with a workbook and a plan file that reads it."""

    def write(data: bytes, options: str = "", name: str = "june.xlsx") -> Workbench:
        (project.root / "calls").mkdir(exist_ok=True)
        (project.root / "calls" / name).write_bytes(data)
        assert_read_alike(data)
        defaults = f"{{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}"
        head = f"version: 1\nplan: june\ndefaults: {defaults}\nsheets:\n  - file: {name}\n"
        project.write("calls/june.yaml", head + options)
        return project

    return write


def open_raw(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))


def as_text(value: object) -> str:
    """A value of the other reader: those of these workbooks need no more."""
    return f"{value:g}" if isinstance(value, float) and value < 1 else str(value).removesuffix(".0")


def row(number: int, at: str = WHEN, note: str | float | None = None) -> list[str | float | None]:
    return [f"k{number:02d}/2031-06-16", contact(number), at, note]


def sheet(*rows: list[str | float | None], **options: str) -> bytes:
    return workbook(("June", [list(HEADER), *rows]), **options)


def problems(bench: Workbench) -> list[tuple[str, str | None]]:
    return [(item["code"], item.get("cell")) for item in bench.run("validate", "--json").json["diagnostics"]]


def calls(bench: Workbench) -> dict[str, dict[str, str]]:
    """The time and the data of each call that is planned."""
    found = {}
    for change in bench.plan("--reveal", "--now", "2031-06-01T00:00:00Z")["changes"]:
        body = change["request"]["body"]
        data = {item["key"]: item["value"] for item in body.get("additional_data", [])}
        found[change["address"]] = {"at": body["schedule"]["date"], **data}
    return found


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "prefixed": lambda data: rewritten(
        data,
        lambda text: text.replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x="),
        "xl/worksheets/sheet1.xml",
    ),
    "strict": lambda data: rewritten(data, lambda text: text.replace(*STRICT)),
    "single quotes": lambda data: rewritten(data, lambda text: text.replace('"', "'"), "xl/worksheets/sheet1.xml"),
    "no references": lambda data: rewritten(data, without_references, "xl/worksheets/sheet1.xml"),
    "other case": lambda data: rewritten(data, lambda text: text, rename=str.upper),
    "CDATA": lambda data: rewritten(
        data, lambda text: text.replace("<t xml:space=\"preserve\">", "<t><![CDATA[").replace("</t>", "]]></t>"),
        "xl/worksheets/sheet1.xml",
    ),
    "UTF-16": lambda data: rewritten(data, lambda text: text, "xl/worksheets/sheet1.xml", encoding="utf-16"),
}  # fmt: skip


def without_references(text: str) -> str:
    import re

    return re.sub(r' r="[A-Z]*[0-9]+"', "", text)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_formula_never_calculated_is_found_in_every_spelling(
    plan: Callable[..., Workbench], spelling: str
) -> None:
    data = SPELLINGS[spelling](sheet(row(1, UNCALCULATED), row(2)))
    assert problems(plan(data)) == [("E608", "June!C2")]
    good = SPELLINGS[spelling](sheet(row(1, '<c r="C2" s="2"><f>A1</f><v>48015.4375</v></c>'), row(2)))
    assert calls(plan(good)) == {f"june/k{number:02d}/2031-06-16": {"at": WHEN} for number in (1, 2)}


@pytest.mark.parametrize("count", [1, 3])
def test_rows_of_nothing_but_uncalculated_formulas_are_not_lost(
    plan: Callable[..., Workbench], count: int
) -> None:
    rows = [[f'<c r="{column}{line}"><f>X{line}</f></c>' for column in "ABC"] for line in range(2, 2 + count)]
    found = [item for item in problems(plan(sheet(*rows))) if item[0] == "E608"]
    assert found == [("E608", f"June!{column}{line}") for line in range(2, 2 + count) for column in "ABC"]


@pytest.mark.parametrize("title", ['<c r="A1" t="e"><v>#NAME?</v></c>', '<c r="A1"><f>TODAY()</f></c>'])
def test_a_title_without_a_value_is_never_nothing(plan: Callable[..., Workbench], title: str) -> None:
    bench = plan(workbook(("June", [[title], HEADER, row(1)])))
    assert problems(bench) == [("E608", "June!A1")]
    assert "set header: 2 to ignore the rows above it" in bench.run("validate").out
    assert "header: 2\n" in bench.ok("import-sheet", "calls/june.xlsx", "--force").err
    assert "E608" not in {code for code, _ in problems(bench)}


@pytest.mark.parametrize("cell_name", ["XFD1048576", "Z1048576", "XFD2"])
def test_a_cell_far_away_is_refused_at_once(plan: Callable[..., Workbench], cell_name: str) -> None:
    line = cell_name.lstrip("XFDZ")
    data = sheet(row(1), row(2))
    far = f'<row r="{line}">{cell(cell_name, " ")}</row>'
    if line == "2":
        data = rewritten(
            data, lambda text: text.replace('</row><row r="3"', cell(cell_name, " ") + '</row><row r="3"')
        )
    else:
        data = rewritten(data, lambda text: text.replace("</sheetData>", f"{far}</sheetData>"))
    bench = plan(data)
    start = time.monotonic()
    assert [code for code, _ in problems(bench)] == ["E603"]
    assert time.monotonic() - start < 5  # a second of an idle machine, and no minute of any
    limited = (
        f"ulimit -v {4 << 20} && exec '{sys.executable}' -m reconciler validate"  # KiB: no grid of 10**9 cells
    )
    env = clean_environment() | bench.env
    command = ["bash", "-c", limited]
    done = subprocess.run(command, check=False, cwd=bench.root, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("E603"), done.stderr) == (1, 1, "")


def test_hidden_rows_are_an_error_until_it_is_said_what_they_are(plan: Callable[..., Workbench]) -> None:
    data = rewritten(sheet(row(1), row(2)), lambda text: text.replace('<row r="3"', '<row r="3" hidden="1"'))
    assert problems(plan(data)) == [("E609", "June!A3")]
    assert list(calls(plan(data, "    hidden: skip\n"))) == ["june/k01/2031-06-16"]
    assert list(calls(plan(data, "    hidden: include\n"))) == ["june/k01/2031-06-16", "june/k02/2031-06-16"]
    all_hidden = rewritten(data, lambda text: text.replace('<row r="2"', '<row r="2" hidden="true"'))
    assert [code for code, _ in problems(plan(all_hidden, "    hidden: skip\n"))] == ["E605"]
    bench = plan(data)
    refused = bench.run("import-sheet", "calls/june.xlsx", "--plan", "other")
    assert "--hidden skip" in refused.err
    bench.ok("import-sheet", "calls/june.xlsx", "--plan", "other", "--hidden", "skip")
    assert "hidden: skip" in (bench.root / "calls/other.yaml").read_text()


@pytest.mark.parametrize(
    "columns", ['<col min="4" max="4" hidden="1"/>', '<col min="3" max="9" width="0" customWidth="1"/>']
)
def test_hidden_columns_are_no_different(plan: Callable[..., Workbench], columns: str) -> None:
    hidden = f"<cols>{columns}</cols><sheetData>"
    data = rewritten(sheet(row(1, note="secret")), lambda text: text.replace("<sheetData>", hidden))
    assert [code for code, _ in problems(plan(data))] == ["E609"]
    included = calls(plan(data, "    hidden: include\n"))
    assert included == {"june/k01/2031-06-16": {"at": WHEN, "note": "secret"}}
    if 'min="4"' in columns:
        assert calls(plan(data, "    hidden: skip\n")) == {"june/k01/2031-06-16": {"at": WHEN}}


def test_a_hidden_sheet_is_read_only_where_that_is_said(plan: Callable[..., Workbench]) -> None:
    data = workbook(("June", [HEADER, row(1)]), ("Other", [["x"]]), hidden=["June"])
    assert problems(plan(data, "    sheet: June\n")) == [("E609", None)]
    assert problems(plan(data, "    sheet: June\n    hidden: skip\n")) == [("E609", None)]
    assert list(calls(plan(data, "    sheet: June\n    hidden: include\n"))) == ["june/k01/2031-06-16"]


def test_merged_cells_are_errors_with_their_range(plan: Callable[..., Workbench]) -> None:
    merged = '</sheetData><mergeCells count="1"><mergeCell ref="C2:C3"/></mergeCells>'
    data = rewritten(sheet(row(1), row(2, ""), row(3)), lambda text: text.replace("</sheetData>", merged))
    bench = plan(data)
    assert [item for item in problems(bench) if item[0] == "E608"] == [("E608", "June!C2"), ("E608", "June!C3")]
    assert "C2:C3" in bench.run("validate").out
    elsewhere = rewritten(data, lambda text: text.replace("C2:C3", "F9:G9"))
    assert "E608" not in {code for code, _ in problems(plan(elsewhere))}


def everything() -> list[bytes]:
    """Workbooks of every kind of value, that another reader reads too."""
    rows = [
        row(1, note=1234567),
        row(2, '<c r="C3" s="2"><v>48015.4375</v></c>', 0.1),
        [None],
        row(4, note="ñ _x0041_"),
    ]
    plain = sheet(*rows)
    shared = rewritten(plain, lambda text: text.replace("<sheets>", "<bookViews/><sheets>"))
    return [plain, shared, *(SPELLINGS[name](plain) for name in ("no references", "single quotes", "CDATA"))]


@pytest.mark.parametrize("number", range(5))
def test_another_reader_reads_the_same(number: int) -> None:
    data = everything()[number]
    theirs = (
        CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    )
    ours = {item.number: item.texts for item in Book(open_raw(data), "a.xlsx", None, None, 1 << 20).records()}
    assert ours == {
        line: [as_text(value) for value in values] for line, values in enumerate(theirs, start=1) if any(values)
    }
    assert assert_read_alike(data), "the slow reader reads them, too"


FORMATS = [
    ("00000", 6100, "06100"), ("0%", 0.15, "15%"), ("0.0%", 0.155, "15.5%"), ("#,##0", 14058, "14,058"),
    ("#,##0.00", 14058.5, "14,058.50"), ("0.00", 2.675, "2.68"), ("0.00", -1.005, "-1.01"),
    ('"$"#,##0.00', 14058, "$14,058.00"), ("[$R$-416] #,##0.00", 1234.5, "R$ 1,234.50"),
    ("[$€-2]\\ #,##0", 1234567, "€ 1,234,567"), ('#,##0.00" MXN"', 5, "5.00 MXN"),
    ("#,##0;[Red](#,##0)", -5000, "(5,000)"), ('0;-0;"none"', 0, "none"), ("@", 42, "42"), ("General", 0.1, "0.1"),
    ("yyyy-mm-dd", 48015, "2031-06-16"), ("dd/mm/yyyy", 48015, "16/06/2031"), ("d.m.yy", 48015, "16.6.31"),
    ("yyyy\\-mm\\-dd hh:mm", 48015.4375, "2031-06-16 10:30"), ("h:mm AM/PM", 48015.9375, "10:30 PM"),
    ("hh:mm:ss", 0.4375, "10:30:00"), ("0.00", -0.001, "0.00"),
]  # fmt: skip
UNSUPPORTED = [
    ("mmmm", 48015, "2031-06-16"),
    ("# ?/?", 0.5, "0.5"),
    ("[>5]0;0.0", 7, "7"),
    ("0.00E+00", 5, "5"),
    ("0###", 7, "7"),
]


@pytest.mark.parametrize("known", [True, False])
def test_data_is_sent_as_the_workbook_shows_it(plan: Callable[..., Workbench], known: bool) -> None:
    formats = FORMATS if known else UNSUPPORTED
    rows = [
        row(n, note=f'<c r="D{n + 2}" s="{n + 3}"><v>{value}</v></c>') for n, (_, value, _) in enumerate(formats)
    ]
    bench = plan(workbook(("June", [HEADER, *rows]), formats=[code for code, _, _ in formats]))
    warned = [] if known else [("W207", f"June!D{n + 2}") for n in range(len(formats))]
    assert problems(bench) == warned
    assert [call["note"] for call in calls(bench).values()] == [shown for _, _, shown in formats]


def test_formulas_and_keys_read_what_is_stored(plan: Callable[..., Workbench]) -> None:
    stored = ['<c r="A2" s="3"><v>6100</v></c>', contact(1), WHEN, '<c r="D2" s="4"><v>0.15</v></c>']
    header = ["zip", "contact_id", "schedule.at", "additional_data.rate"]
    data = workbook(("June", [header, stored]), formats=["00000", "0%"])
    columns = (
        "    columns: {key: =row.zip, additional_data.twice: =string(double(row.additional_data.rate) * 2.0)}\n"
    )
    assert calls(plan(data, columns)) == {"june/6100": {"at": WHEN, "rate": "15%", "twice": "0.3"}}


@pytest.mark.parametrize(
    ("serial", "at", "epoch_1904"),
    [
        (48015.4375, WHEN, False),
        (48015.4375 - 0.0006 / 86400, WHEN, False),  # 0.6 ms under the second: rounded, not cut
        (48015.4375 - 1462, WHEN, True),
        (60, None, False),  # 29 February 1900
        (-1, None, False),
        (3_000_000, None, False),
    ],
)
def test_dates(plan: Callable[..., Workbench], serial: float, at: str | None, epoch_1904: bool) -> None:
    data = sheet(row(1, f'<c r="C2" s="2"><v>{serial!r}</v></c>'))
    if epoch_1904:
        data = rewritten(data, lambda text: text.replace("<sheets>", '<workbookPr date1904="1"/><sheets>'))
    bench = plan(data)
    if at is None:
        assert problems(bench) == [("E608", "June!C2")]
    else:
        assert calls(bench) == {"june/k01/2031-06-16": {"at": at}}


def ole(*names: str) -> bytes:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    return head + b"".join(name.encode("utf-16-le") for name in names)


def without_book(name: str) -> bytes:
    data = rewritten(sheet(row(1)), lambda text: text.replace("xl/workbook.xml", f"xl/{name}"), "_rels/.rels")
    return rewritten(data, lambda text: text, rename=lambda old: old.replace("workbook.xml", name))


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (ole("Workbook"), "june.xlsx", "an old .xls workbook"),
        (ole("EncryptedPackage"), "june.xlsx", "a workbook with a password"),
        (without_book("workbook.bin"), "june.xlsx", "an .xlsb workbook"),
        (ods([["key"]]), "june.xlsx", "an OpenDocument spreadsheet"),
        (sheet(row(1)), "june.ods", "not an OpenDocument spreadsheet"),
        (sheet(row(1)), "june.csv", "a ZIP package, as workbooks are, not text"),
        (ole("Workbook"), "june.csv", "an old .xls workbook, not text"),
    ],
)
def test_a_file_under_another_name_is_named(
    plan: Callable[..., Workbench], data: bytes, name: str, said: str
) -> None:
    result = plan(data, name=name).run("validate")
    assert result.code == 1
    assert f"this is {said}" in result.out


def ods_cell(attributes: str, shown: str) -> str:
    return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"


def test_open_document_spreadsheets_are_read_alike(plan: Callable[..., Workbench]) -> None:
    note = ods_cell('office:value-type="percentage" office:value="0.15"', "15%")
    at = ods_cell('office:value-type="date" office:date-value="2031-06-16T10:30:00"', "16/06")
    bad = '<table:table-cell table:formula="of:=NOW()"/>'
    error = ods_cell('table:formula="of:=A1" office:value-type="string"', "#REF!")
    rows = [HEADER, ["k01/2031-06-16", contact(1), at, note]]
    bench = plan(ods(rows), name="june.ods")
    assert calls(bench) == {"june/k01/2031-06-16": {"at": WHEN, "note": "15%"}}
    assert problems(plan(ods([*rows, ["k2", contact(2), bad, error]]), name="june.ods")) == [
        ("E608", "June!C3"), ("E608", "June!D3")
    ]  # fmt: skip
    hidden = ods([*rows, row(2)], hidden=3)
    assert problems(plan(hidden, name="june.ods")) == [("E609", "June!A3")]
    assert list(calls(plan(hidden, "    hidden: skip\n", name="june.ods"))) == ["june/k01/2031-06-16"]
    merged = at.replace("<table:table-cell", '<table:table-cell table:number-rows-spanned="2"')
    covered = "<table:covered-table-cell/>"
    found = problems(plan(ods([HEADER, [*row(1)[:2], merged, "x"], [*row(2)[:2], covered, "y"]]), name="june.ods"))
    assert ("E608", "June!C2") in found
    assert ("E608", "June!C3") in found


def test_a_lists_cell_without_a_value_lets_nobody_through(project: Workbench) -> None:
    data = workbook(("DNC", [["phone"], ["+525512345678"], ['<c r="A3"><f>B1</f></c>']]))
    (project.root / "dnc.xlsx").write_bytes(data)
    settings = project.root / "reconciler.yaml"
    settings.write_text(settings.read_text() + "policy:\n  suppression: [{file: dnc.xlsx, as_of: 2031-05-20}]\n")
    assert ("E608", "DNC!A3") in problems(project)


@pytest.mark.parametrize("spoiled", ['<c r="A2"><f>B1</f></c>', '<c r="A2" t="e"><v>#REF!</v></c>'])
def test_a_lookup_reads_no_cell_without_a_value(plan: Callable[..., Workbench], spoiled: str) -> None:
    formula = "{additional_data.b: '=lookup(\"t\", row.key).b'}"
    bench = plan(sheet(row(1)), f"    columns: {formula}\ntables: {{t: t.xlsx}}\n")
    bench.write("calls/t.xlsx", "").write_bytes(workbook(("T", [["key", "b"], ["k01/2031-06-16", "yes"]])))
    assert calls(bench) == {"june/k01/2031-06-16": {"at": WHEN, "b": "yes"}}
    bench.write("calls/t.xlsx", "").write_bytes(workbook(("T", [["key", "b"], [spoiled, "yes"]])))
    assert ("E608", "T!A2") in problems(bench)


def test_entities_are_not_expanded(plan: Callable[..., Workbench]) -> None:
    data = rewritten(
        sheet(row(1)), lambda text: f'<!DOCTYPE x [<!ENTITY a "aaaa">]>{text}', "xl/worksheets/sheet1.xml"
    )
    assert problems(plan(data)) == [("E602", None)]


def test_two_parts_of_one_name_are_refused(plan: Callable[..., Workbench]) -> None:
    data = io.BytesIO(sheet(row(1)))
    with zipfile.ZipFile(data, "a") as package:
        package.writestr("xl/worksheets/SHEET1.xml", "<worksheet/>")
    assert problems(plan(data.getvalue())) == [("E602", None)]
