"""``header`` and ``where`` of a sheet: which rows of it are calls, and that none is left out unseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.acceptance.test_streamed import spooled
from tests.conftest import AGENT, NUMBER, Workbench, contact
from tests.workbooks import ods, rewritten, workbook

NOW = ("--now", "2031-05-30T12:00:00Z")
TITLE: Sequence[Sequence[str]] = (["Clínica Sur", "", "", ""], ["", "", "", ""])
HEADER = ["folio", "person", "status", "day"]
COLUMNS = """\
    columns:
      key: '=row.folio + "/" + row.day'
      contact_id: '=row.person'
      schedule.at: '=at(row.day, "10:00")'
"""
OPEN = "    where: 'row.status == \"open\"'\n"


def row(number: int, status: str = "open") -> list[str]:
    return [f"f{number}", contact(number), status, "2031-06-16"]


def as_csv(rows: Sequence[Sequence[str]]) -> bytes:
    return "".join(",".join(cells) + "\n" for cells in rows).encode()


FORMS: dict[str, Callable[[Sequence[Sequence[str]]], bytes]] = {
    "june.csv": as_csv,
    "june.xlsx": lambda rows: workbook(("June", rows)),
    "june.ods": ods,
}


@pytest.fixture(params=FORMS)
def sheet(request: pytest.FixtureRequest, bench: Workbench) -> Callable[..., Workbench]:
    """A project with a plan file that reads these rows, in each of the forms."""
    bench.create_project()

    def write(*rows: Sequence[str], options: str = OPEN, columns: str = COLUMNS) -> Workbench:
        name: str = request.param
        bench.write(f"calls/{name}", "").write_bytes(FORMS[name](rows))
        defaults = f"{{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}"
        head = f"version: 1\nplan: june\ndefaults: {defaults}\nsheets:\n  - file: {name}\n"
        bench.write("calls/june.yaml", head + options + columns)
        return bench

    return write


def keys(bench: Workbench) -> list[str]:
    plan = bench.plan(*NOW)
    assert plan["diagnostics"] == []
    return [change["key"].partition("/")[0] for change in plan["changes"]]


def problems(bench: Workbench) -> list[tuple[str, str, str | None]]:
    found = bench.run("validate", "--json").json["diagnostics"]
    return [(item["code"], item["file"].rpartition(".")[2], item.get("cell")) for item in found]


def test_rows_for_which_where_is_false_are_skipped_and_counted(sheet: Callable[..., Workbench]) -> None:
    bench = sheet(HEADER, row(1), row(2, "closed"), row(3), ["TOTAL", "", "", ""])
    assert keys(bench) == ["f1", "f3"]
    text = bench.ok("plan", *NOW).out
    assert "2 rows of calls/june." in text
    assert "are skipped by where: rows 3 and 5." in text
    assert "2 rows of calls/june." in bench.ok("validate").out
    assert "are skipped by where: rows 3 and 5." in bench.ok("plan", *NOW, "--format", "markdown").out
    assert "are skipped by where: rows 3 and 5." in bench.ok("plan", *NOW, "--format", "html").out
    assert "skipped" not in sheet(HEADER, row(1), row(2)).ok("plan", *NOW).out


def test_in_several_processes_the_same_rows_are_skipped(sheet: Callable[..., Workbench]) -> None:
    rows = [row(number, "closed" if number % 3 == 0 else "open") for number in range(1, 41)]
    bench = sheet(*TITLE, HEADER, *rows, options=f"    header: 3\n{OPEN}")
    assert len(keys(bench)) == 27
    held, streamed = bench.ok("plan", *NOW), spooled(bench, "plan", *NOW)
    assert "13 rows of calls/june." in held.out
    assert "rows 6, 9, 12, 15, 18, 21 and 7 more." in held.out
    assert (streamed.stdout, streamed.returncode) == (held.out, 0)


def test_a_title_above_the_header(sheet: Callable[..., Workbench]) -> None:
    for options in ("", "    header: 3\n"):
        bench = sheet(*TITLE, HEADER, row(1), row(2), options=options)
        read = bench.plan(*NOW)
        assert [change["key"] for change in read["changes"]] == ["f1/2031-06-16", "f2/2031-06-16"]
        assert [item["code"] for item in read["diagnostics"]] == ["W204"], "status is read by no formula"


def test_the_named_row_is_the_header_whatever_stands_above_it(sheet: Callable[..., Workbench]) -> None:
    old = ["folio", "person", "status", "day"]
    bench = sheet(old, row(9), HEADER, row(1), options=f"    header: 3\n{OPEN}")
    assert keys(bench) == ["f1"]


@pytest.mark.parametrize("number", [2, 9])
def test_a_header_row_without_cells_is_an_error(sheet: Callable[..., Workbench], number: int) -> None:
    bench = sheet(*TITLE, HEADER, row(1), options=f"    header: {number}\n")
    assert problems(bench) == [("E605", "yaml", None)]
    result = bench.run("validate")
    assert f"header: {number}, but that row is empty, hidden or missing" in result.out


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5", "first", "'3'", "true", "[3]"])
def test_a_header_is_a_row_number(sheet: Callable[..., Workbench], wrong: str) -> None:
    bench = sheet(HEADER, row(1), options=f"    header: {wrong}\n{OPEN}")
    found = bench.run("validate", "--json")
    assert found.code == 1
    assert {item["line"] for item in found.json["diagnostics"]} == {6}


def test_a_title_is_not_passed_over_where_the_header_is_uncertain(sheet: Callable[..., Workbench]) -> None:
    bench = sheet(["Folios", "", "", ""], ["folio", "people", "status", "day"], row(1))
    assert ("E703", "yaml", None) in problems(bench)
    assert bench.run("plan", *NOW).code == 1


@pytest.mark.parametrize(
    ("where", "code", "message"),
    [
        ('row.state == "open"', "E703", "where: june.* has no column 'state'"),
        ('row.status = "open"', "E701", "where: "),
        ("row.status", "E705", "where: the result is 'open'; expected true or false"),
        ("int(row.status) > 1", "E705", "where: int: not a number"),
        ('row.key != ""', "E703", "has no column 'key'"),
        ("now() > 1", "E703", "formulas have no access to the clock"),
    ],
)
def test_a_where_that_cannot_be_used_is_an_error(
    sheet: Callable[..., Workbench], where: str, code: str, message: str
) -> None:
    bench = sheet(HEADER, row(1), row(2), options=f"    where: '{where}'\n")
    assert code in {found for found, _, _ in problems(bench)}
    result = bench.run("validate", "--reveal")
    assert result.code == 1
    assert message.partition("june.*")[0] in result.out
    assert message.partition("june.*")[2] in result.out
    assert bench.run("plan", *NOW).code == 1, "no row is left out by a formula that fails"


def test_a_leading_equals_sign_is_allowed_as_in_columns(sheet: Callable[..., Workbench]) -> None:
    bench = sheet(HEADER, row(1), row(2, "closed"), options="    where: '=row.status == \"open\"'\n")
    assert keys(bench) == ["f1"]


def test_a_where_that_skips_every_row_is_a_warning_at_its_line(sheet: Callable[..., Workbench]) -> None:
    bench = sheet(HEADER, row(1, "closed"), row(2, "closed"))
    assert problems(bench) == [("W208", "yaml", None)]
    assert "where skips every row of the sheet" in bench.ok("plan", *NOW).err


def test_a_row_that_cannot_be_judged_is_an_error(bench: Workbench) -> None:
    bench.create_project()
    defaults = f"{{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}"
    head = f"version: 1\nplan: june\ndefaults: {defaults}\nsheets:\n  - file: june.csv\n"
    bench.write("calls/june.yaml", head + OPEN + COLUMNS)
    bench.write("calls/june.csv", as_csv([HEADER, row(1), ["f2", contact(2), "#REF!", "2031-06-16"]]).decode())
    assert problems(bench) == [("E608", "csv", "C3")]
    bench.write("calls/june.csv", as_csv([HEADER, row(1), ["f2", contact(2)]]).decode())
    assert [code for code, _, _ in problems(bench)] == ["E607"], "a cell is missing: which one is not known"


def test_a_merged_title_needs_header(bench: Workbench) -> None:
    bench.create_project()
    merged = '</sheetData><mergeCells count="1"><mergeCell ref="A1:D1"/></mergeCells>'
    data = rewritten(
        workbook(("June", [*TITLE, HEADER, row(1)])), lambda text: text.replace("</sheetData>", merged)
    )
    bench.write("calls/june.xlsx", "").write_bytes(data)
    defaults = f"{{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}"
    head = f"version: 1\nplan: june\ndefaults: {defaults}\nsheets:\n  - file: june.xlsx\n"
    bench.write("calls/june.yaml", head + OPEN + COLUMNS)
    assert problems(bench) == [("E608", "xlsx", "June!A1")]
    assert "set header: 3 to ignore the rows above it" in bench.run("validate").out
    bench.write("calls/june.yaml", head + "    header: 3\n" + OPEN + COLUMNS)
    assert keys(bench) == ["f1"]


def test_a_row_that_was_placed_and_is_skipped_now_is_removed(
    sheet: Callable[..., Workbench], sandbox: object
) -> None:
    bench = sheet(HEADER, row(1), row(2))
    bench.env |= {"CONTACTSHIP_BASE_URL": sandbox.url, "CONTACTSHIP_API_KEY": "canary-key-8c1f0a"}  # type: ignore[attr-defined]
    assert bench.apply().summary["placed"] == 2
    sheet(HEADER, row(1), row(2, "closed"))
    assert bench.actions() == {"june/f1/2031-06-16": "unchanged", "june/f2/2031-06-16": "removed"}
