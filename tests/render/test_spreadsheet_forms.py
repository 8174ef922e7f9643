"""CSV and workbooks: another reader finds the cells that were written, and none of them is a formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.model import Call
from reconciler.domain.people import exact_id
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.errors import ReconcilerError
from reconciler.render import xlsx
from reconciler.render.csv import render_plan as to_csv
from reconciler.render.escape import for_csv, for_terminal
from reconciler.render.labels import word
from reconciler.render.plan_tables import calls_table
from reconciler.render.table import Table, TableRow
from reconciler.render.workbook_cells import heading
from reconciler.savedplan.planfile import plan_id
from reconciler.source.sheets.formula_escape import unescape_formula
from tests.hostile import HOSTILE
from tests.plans import AGENT, create, everything, make_plan, other, problem
from tests.workbooks import sheets_of, shown_in_cell, typed_sheets_of

TEXT = st.text(max_size=15) | st.sampled_from(
    [*HOSTILE.values(), "", " ", "_x0041_", "'", "a;=b", "\uff1d1", "1e5"]
)
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_cells(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def workbook_of(columns: str, rows: Sequence[Sequence[str]]) -> bytes:
    """A sheet whose columns are called by one letter each."""
    table = Table("T", tuple(columns), [TableRow(tuple(row)) for row in rows], len(rows))
    return xlsx.to_xlsx([table], datetime(2031, 1, 1, tzinfo=UTC))


def cells(plan: Plan, *, masked: bool = False) -> list[dict[str, str]]:
    header, *lines = csv_cells(to_csv(plan, masked=masked))
    return [dict(zip(header, line, strict=True)) for line in lines]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan with any text wherever a user can put one."""
    texts = st.dictionaries(TEXT.filter(bool), TEXT, max_size=3)

    def call(target: str) -> Call:
        data, tags = draw(texts), draw(texts)
        return Call("a", draw(TEXT), to_number=target, full_name=draw(TEXT), additional_data=data, metadata=tags)

    changes = []
    for number in range(draw(st.integers(0, 4))):
        side = st.none() | TEXT
        diff = tuple(CellDiff(f"additional_data.{name}", draw(side), draw(side)) for name in draw(texts))
        action = draw(st.sampled_from(Action))
        made = call(draw(TEXT.filter(bool))) if action is Action.CREATE else None
        changes.append(other(f"p/k{number}", action, draw(side), call=made, diff=diff))
    return make_plan(*changes, diagnostics=(problem(draw(TEXT), hint=draw(st.none() | TEXT)),))


@settings(deadline=None)
@given(plans(), st.booleans())
def test_a_plan_read_back_has_the_same_cells(plan: Plan, masked: bool) -> None:
    table = calls_table(plan, masked=masked)
    written = [table.columns, *(line.texts for line in table.lines)]
    read = csv_cells(to_csv(plan, masked=masked))
    assert read == [[for_csv(text) for text in row] for row in written]
    assert not [text for row in read for text in row if text.lstrip(" ").startswith(STARTS)]
    sheets = sheets_of(xlsx.render_plan(plan, masked=masked))
    assert list(sheets) == ["Summary", "Calls", "Problems"]
    assert sheets["Calls"] == [
        [for_terminal(heading(name)) for name in table.columns],
        *(
            [word(Action(row[0])), *(for_terminal(shown_in_cell(text)) for text in row[1:])]
            for row in map(list, written[1:])
        ),
    ]


@settings(deadline=None)
@given(st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=5))
def test_any_table_read_back_has_the_same_cells(rows: list[list[str]]) -> None:
    (read,) = sheets_of(workbook_of("abc", rows)).values()
    assert read[1:] == [[for_terminal(text) for text in row] for row in rows][: len(read) - 1]
    assert not any(text for row in rows[len(read) - 1 :] for text in row)


def test_the_parts_of_a_workbook_hold_no_formula_and_no_link() -> None:
    data = workbook_of("abc", [[text, text, text] for text in HOSTILE.values()])
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts = {name: package.read(name).decode() for name in package.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    assert not re.search(r"<f[ />]|<hyperlink", sheet)
    assert not [name for name in parts if "external" in name.lower() or "sheet1.xml.rels" in name]
    assert set(re.findall(r'<c [^>]*\bt="(\w+)"', sheet)) == {"inlineStr"}
    assert 'quotePrefix="1"' in parts["xl/styles.xml"]


TYPED = {
    "14058": (14058.0, "0"),
    "-7": (-7.0, "0"),
    "0": (0.0, "0"),
    "1.50": (1.5, "0.00"),
    "-0.5": (-0.5, "0.0"),
    "999999999999999": (999999999999999.0, "0"),
    "2031-06-01": (date(2031, 6, 1), "yyyy-mm-dd"),
    "2031-06-01 14:30": (datetime(2031, 6, 1, 14, 30), "yyyy-mm-dd hh:mm"),
    "2031-06-01 14:30:05": (datetime(2031, 6, 1, 14, 30, 5), "yyyy-mm-dd hh:mm:ss"),
}
TEXTS = (
    *(
        "0042",
        "00",
        "-0",
        "-0.00",
        "+14155550123",
        "1e5",
        ".5",
        "5.",
        "1,000",
        "1 000",
        "1_000",
        "\u0661\u0662",
        "NaN",
    ),
    *("1000000000000000", "0.1234567890123456", "2031-02-30", "1899-12-31", "2031-06-01T14:30:05-06:00", "14:30"),
    *("=1", "TRUE", " 7", "7 ", "\uff11"),
)


@pytest.mark.parametrize("text", TYPED)
def test_a_value_is_a_number_or_a_date_that_shows_what_was_written(text: str) -> None:
    data = _workbook({"additional_data.a": text, "metadata.b": text, "key": text})
    value, number_format = TYPED[text]
    assert typed_sheets_of(data)["T"][1] == [value, value, text]
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        styles = package.read("xl/styles.xml").decode()
    built_in = {"0": 'numFmtId="1"'}
    assert built_in.get(number_format, f'formatCode="{number_format}"') in styles


@pytest.mark.parametrize("text", TEXTS)
def test_a_value_that_would_look_otherwise_stays_text(text: str) -> None:
    assert typed_sheets_of(_workbook({"additional_data.a": text, "rings_at": text}))["T"][1][0] == text


def test_times_have_their_zone_in_the_heading() -> None:
    row = {"rings_at": "2031-06-01T20:30:00Z", "rings_local": "2031-06-01 14:30:00-06:00", "attempted_at": "soon"}
    head, cells = typed_sheets_of(_workbook(row))["T"]
    assert head == ["Rings (UTC)", "Rings (local time)", "Attempted (UTC)"]
    assert cells == [datetime(2031, 6, 1, 20, 30), datetime(2031, 6, 1, 14, 30), "soon"]


def _workbook(row: Mapping[str, str]) -> bytes:
    table = Table("T", tuple(row), [TableRow(tuple(row.values()))], 1)
    return xlsx.to_xlsx([table], datetime(2031, 1, 1, tzinfo=UTC))


def test_agents_and_numbers_have_the_names_of_the_project() -> None:
    plan = make_plan(create("june/inv-1"), aliases={exact_id(AGENT): "collections", "+525512345678": "mx-main"})
    (row,) = calls_of(xlsx.render_plan(plan, masked=False))
    assert (row["Agent"], row["Calls from"], row["amount_debt"]) == ("collections", "mx-main", 14058.0)
    assert cells(plan)[0]["agent"] == AGENT, "CSV is for programs"


def test_calls_are_sorted_by_time() -> None:
    plan = make_plan(
        create("june/a", None), create("june/b", "2031-06-03 09:00:00"), create("june/c", "2031-06-02 09:00:00")
    )
    assert [row["address"] for row in cells(plan)] == ["june/a", "june/c", "june/b"]
    assert [row["Address"] for row in calls_of(xlsx.render_plan(plan))] == ["june/a", "june/c", "june/b"]


def test_an_edited_value_that_is_masked_is_shown_once() -> None:
    diff = (CellDiff("additional_data.amount_debt", "14000", "14058"),)
    plan = make_plan(create("june/inv-1", diff=diff))
    assert cells(plan, masked=True)[0]["additional_data.amount_debt"] == "*** (edited)"
    assert cells(plan)[0]["additional_data.amount_debt"] == "14000 → 14058"


def calls_of(data: bytes) -> list[dict[str, object]]:
    head, *lines = typed_sheets_of(data)["Calls"]
    return [dict(zip(map(str, head), line, strict=True)) for line in lines]


def test_it_is_printed_with_its_header_on_each_page_as_wide_as_the_page() -> None:
    with zipfile.ZipFile(io.BytesIO(xlsx.render_plan(everything()))) as package:
        parts = {name: package.read(name).decode() for name in package.namelist()}
    for number in (1, 2, 3):
        sheet = parts[f"xl/worksheets/sheet{number}.xml"]
        assert '<pageSetUpPr fitToPage="1"/>' in sheet
        assert '<pageSetup paperSize="9" fitToHeight="0" orientation="landscape"/>' in sheet
        assert "Page &amp;P of &amp;N" in sheet
    names = parts["xl/workbook.xml"]
    titles = re.findall(r'<definedName name="_xlnm.Print_Titles" localSheetId="(\d)">(\w+)!\$1:\$1<', names)
    assert titles == [("1", "Calls"), ("2", "Problems"), ("0", "Summary")]
    assert "Calls!$A$1:$H$14</definedName>" in names, "technical columns are not printed"


def test_equal_plans_give_equal_bytes_wherever_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    first = xlsx.render_plan(everything())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert xlsx.render_plan(everything()) == first
    with zipfile.ZipFile(io.BytesIO(first)) as package:
        assert b"2031-05-30T12:00:00Z" in package.read("docProps/core.xml")
    east = datetime(2031, 5, 30, 21, tzinfo=timezone(timedelta(hours=9)))
    same = Table("T", ("a",), [], 0)
    assert xlsx.to_xlsx([same], east) == xlsx.to_xlsx([same], east.astimezone(UTC))


def test_a_workbook_is_frozen_filtered_coloured_and_summed_up() -> None:
    data = xlsx.render_plan(everything(), masked=False)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        sheet, styles = (package.read(f"xl/{name}.xml").decode() for name in ("worksheets/sheet2", "styles"))
    assert '<pane xSplit="2" ySplit="1"' in sheet
    assert re.search(r'<autoFilter ref="A1:S14"', sheet)
    assert "<cols><col min=" in sheet
    style = re.search(r's="(\d+)" t="inlineStr"><is><t>2031-06-01 14:30:00 → 2031-06-02 09:00:00', sheet)
    assert style is not None
    fill = re.findall(r"<xf .*?(?:/>|</xf>)", styles.partition("<cellXfs")[2])[int(style[1])]
    assert "applyFill" in fill
    sheets = sheets_of(data)
    summary = {row[0]: row[1] for row in sheets["Summary"]}
    assert summary["Plan id"] == plan_id(everything())
    assert summary["Verdict"] == "It cannot be applied: 1 error, 1 blocked."
    assert (summary["To place"], summary["Changed"], "Waiting" in summary) == ("7", "2", False)
    assert (summary["Commit"], summary["Created (UTC)"]) == ("0a1b" * 10, "2031-05-30 12:00:00")
    assert summary["reconciler.yaml: policy.plan_max_age"] == "72h → 1000h"
    assert [row[:3] for row in sheets["Problems"][1:]] == [
        ["error", "E201", "calls/june.yaml:11:5"],
        ["warning", "W201", "calls/june.yaml:38:5"],
    ]


def test_what_needs_a_person_stands_first_and_edits_are_told() -> None:
    rows = cells(everything())
    assert [row["action"] for row in rows][:4] == ["blocked", "changed", "changed", "removed"]
    moved = rows[1]
    assert moved["schedule.at"] == "2031-06-01 14:30:00 → 2031-06-02 09:00:00"
    assert (moved["changed"], moved["introduced"], moved["source"]) == ("schedule.at", "yes", "calls/june.yaml:14")
    placed = next(row for row in rows if row["address"] == "june/inv-1")
    assert placed["target"] == "'+14155550123"
    assert unescape_formula(placed["from"]) == "+525512345678"
    assert (placed["scheduled_at"], placed["schedule.at"]) == ("2031-06-01T20:30:00Z", "2031-06-01 14:30:00")
    assert placed["additional_data.amount_debt"] == "14058"


def test_a_target_that_changes_its_kind_is_one_cell() -> None:
    diff = (CellDiff("contact_id", "c-1", None), CellDiff("to_number", None, "+14155550123"))
    (row,) = cells(make_plan(other("p/a", Action.CHANGED, diff=diff)))
    assert (row["target"], row["changed"]) == ("c-1 → +14155550123", "contact_id, to_number")
    (masked,) = cells(make_plan(other("p/a", Action.CHANGED, diff=diff)), masked=True)
    assert masked["target"] == "c-1 → +***23"


def test_private_values_are_masked() -> None:
    private = ("+14155550123", "Jane Smith", "14058", "+525512345678")
    plan = make_plan(create("june/inv-1"), diagnostics=(problem("bad +14155550123", private=("+14155550123",)),))
    shown = to_csv(plan).decode() + str(sheets_of(xlsx.render_plan(plan)))
    assert not [text for text in private if text in shown]
    assert "+***23" in shown


@pytest.mark.parametrize("text", ["x" * 32_767, "x" * 32_768, "\U0001f600" * 16_383, "\U0001f600" * 16_384])
def test_a_cell_holds_what_the_format_allows(text: str) -> None:
    ((_, (read,)),) = sheets_of(workbook_of("a", [[text]])).values()
    assert len(read.encode("utf-16-le")) // 2 <= xlsx.MAX_CELL
    assert read == text or (read.endswith("…") and text.startswith(read[:-1]))
    assert (read == text) is (len(text.encode("utf-16-le")) // 2 <= xlsx.MAX_CELL)


def test_a_table_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 3)
    assert workbook_of("a", [["x"]] * 2)
    with pytest.raises(ReconcilerError, match="3 rows: a workbook can have at most 2"):
        workbook_of("a", [["x"]] * 3)
    with pytest.raises(ReconcilerError, match="16,385 columns: a workbook can have at most 16,384"):
        workbook_of("a" * 16_385, [])
