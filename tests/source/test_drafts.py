"""What columns seem to be; and that no sheet, whatever stands in it, makes a draft that cannot be read."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.domain.model import Diagnostic
from reconciler.domain.settings import Project
from reconciler.source.import_sheet.answers import Answers
from reconciler.source.import_sheet.draft import Draft
from reconciler.source.import_sheet.guess import guess
from reconciler.source.import_sheet.headers import Role, day_comes_first, fit, is_other_date
from reconciler.source.import_sheet.sample import named, read_sample
from reconciler.source.import_sheet.values import (
    are_amounts,
    are_names,
    are_phones,
    date_forms,
    likely_region,
    region_of,
)
from reconciler.source.import_sheet.writing import quoted, scalar, to_yaml
from reconciler.source.sheets.formula_escape import escape_formula
from reconciler.source.sheets.grid import Grid, SheetProblem
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options
from reconciler.source.sources import load_sources
from reconciler.source.yaml.loader import load
from tests.conftest import contact
from tests.hostile import HOSTILE

# What a draft may be refused for: a TODO, the sheet itself, and headers that only their owner can change.
ALLOWED = {"E302", "E312", "E606", "E607", "E703", "W204", "W205"}
HEADERS = st.sampled_from(
    [
        "id",
        "Factura",
        "Teléfono",
        "Nombre",
        "Apellidos",
        "Fecha",
        "Hora",
        "Email",
        "contact",
        "key",
        "schedule.at",
        "in",
    ]
)
CELLS = st.sampled_from(
    [
        "1",
        "a",
        "5550000111",
        "+525550000111",
        "Ana",
        "16/06/2031",
        "2031-06-16 10:00",
        "9:30",
        "$1,5",
        contact(1),
        "",
    ]
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    [text[:200] for text in HOSTILE.values()]
)


@pytest.mark.parametrize(
    ("header", "role", "score"),
    [
        ("Teléfono", Role.PHONE, 2),
        ("TELEFONO_MOVIL", Role.PHONE, 1),
        ("phoneNumber", Role.PHONE, 1),
        ("Número de factura", Role.KEY, 1),
        ("Identidad", Role.KEY, 0),
        ("Fecha de vencimiento", Role.REASON_DATE, 1),
        ("Data de vencimento", Role.REASON_DATE, 1),
        ("Nome completo", Role.NAME, 2),
        ("Horário", Role.CLOCK, 2),
        ("日付", Role.DATE, 0),
    ],
)
def test_headers_are_read_by_whole_words(header: str, role: Role, score: int) -> None:
    assert fit(header, role) == score


def test_dates_that_are_no_time_to_call() -> None:
    assert is_other_date("Fecha de Nacimiento")
    assert is_other_date("created_at")
    assert not is_other_date("Fecha")
    assert day_comes_first("Fecha de llamada")
    assert not day_comes_first("Call date")


@pytest.mark.parametrize(
    ("values", "forms"),
    [
        (["2031-06-16", "2031-06-17 10:00"], ("",)),
        (["16/06/2031", "1/6/2031"], ("DD/MM/YYYY",)),
        (["06/16/2031", "06/01/2031"], ("MM/DD/YYYY",)),
        (["05/06/2031"], ("DD/MM/YYYY", "MM/DD/YYYY")),
        (["16.06.31"], ("DD.MM.YY",)),
        (["16/06/2031", "06/16/2031"], ()),
        (["16/06/2031", "5-jul-31", "2031-07-06", "6/7/31"], ("",)),
        (["05/06/2031", "5-jul-31"], ()),
        (["06/16/2031 2:30 PM"], ()),
        (["31/02/2031"], ()),
        (["5550000111"], ()),
        ([], ()),
    ],
)
def test_the_form_of_dates_is_what_all_of_them_have(values: list[str], forms: tuple[str, ...]) -> None:
    assert date_forms(values) == forms


def test_values_are_judged_by_what_reads_them() -> None:
    assert are_phones(["55 5000 0111", "+52 (55) 5000-0112"])
    assert not are_phones(["16/06/2031"])
    assert not are_phones(["1001", "1002"])
    assert are_names(["Ana", "Luis"])
    assert not are_names(["Calle 5"])
    assert are_amounts(["$1,234.50", "75"])
    assert not are_amounts(["75"])
    assert region_of(["+52 55 5000 0111"]) == "MX"
    assert region_of(["55 5000 0111"]) is None


@given(st.text(max_size=20) | st.sampled_from(["true", "null", "1.5", "0x1", "- a", "a: b", "#", "a'b", ""]))
def test_a_scalar_is_read_back_as_the_text_it_was(text: str) -> None:
    text = text.replace("\0", "").encode(errors="ignore").decode()
    for written in (quoted(text), *([scalar(text)] if text else [])):
        document = load(f"a: {written}\n".encode(), "x.yaml")
        assert not document.diagnostics, (written, document.diagnostics)
        assert document.root.get("a").text == text  # type: ignore[union-attr]


def drafted(rows: list[list[str]], region: str | None) -> tuple[Draft, str, list[Diagnostic]] | None:
    """The draft of a sheet, its text, and what is wrong with it; None where the sheet itself cannot be read."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([[escape_formula(cell) for cell in row] for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder).resolve())
        (project.root / "calls").mkdir()

        def opener(options: Options) -> AbstractContextManager[Grid]:
            return open_sheet(options, "calls/s.yaml", project)

        (project.root / "calls/s.csv").write_text(text.getvalue(), "utf-8", newline="")
        try:
            sample = read_sample(Options(named("s.csv")), opener, "calls/s.yaml")
        except SheetProblem:
            return None
        draft = guess(sample, project, Answers({"--region": region}))
        written = to_yaml(draft, "s", sample.options)
        (project.root / "calls/s.yaml").write_text(written, "utf-8")
        return draft, written, list(load_sources(project, None).diagnostics)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(HEADERS | TEXT, min_size=1, max_size=6, unique_by=str.strip),
    st.lists(st.lists(CELLS | TEXT, min_size=6, max_size=6), min_size=1, max_size=3),
    st.sampled_from([None, "MX"]),
)
def test_any_sheet_makes_a_draft_that_can_be_read(
    header: list[str], rows: list[list[str]], region: str | None
) -> None:
    made = drafted([header, *(row[: len(header)] for row in rows)], region)
    if made is None:
        return
    draft, text, problems = made
    assert text.splitlines() == text.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in text.splitlines())
    about_file = [item for item in problems if item.location is None or item.location.file.endswith(".yaml")]
    assert {item.code for item in about_file} <= ALLOWED, (text, about_file)
    todo = {number for number, line in enumerate(text.splitlines(), 1) if ": '=TODO'" in line}
    assert todo <= {item.location.line for item in about_file if item.location and item.code == "E703"} or not todo
    assert len(todo) == sum(entry.value is None for entry in draft.columns)


@pytest.mark.parametrize(
    ("values", "region"),
    [
        (["044 55 5123 0111", "(55) 5124-0112", "01 55 5125 0113"], "MX"),
        (["(11) 98765-4321", "11 3456-7890"], "BR"),
        (["912 345 678", "21 345 6789"], "PT"),
        (["612 345 678", "93 123 45 67"], None),  # in Spain, and in Peru
        (["5550000111"], None),
    ],
)
def test_a_region_is_likely_if_the_numbers_exist_nowhere_else(values: list[str], region: str | None) -> None:
    assert likely_region(values) == region
