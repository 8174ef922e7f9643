"""Values of cells that could mean another thing, through the command line: refused with what to do, or read."""

from __future__ import annotations

import pytest

from tests.conftest import AGENT, Workbench

DEFAULTS = f"defaults: {{agent: {AGENT}, from: '+14155550100', full_name: Ana, place_by: 2031-01-01T00:00:00Z}}\n"
ROW = f"version: 1\nplan: june\n{DEFAULTS}calls:\n  - {{key: a, delay_minutes: 0, to_number: '%s'}}\n"
SHEET = f"""\
version: 1
plan: june
{DEFAULTS}sheets:
  - file: june.csv
    columns: {{key: =row.id, delay_minutes: =0, to_number: '%s'}}
"""


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        ("+12345678", "E304", "has no area code"),
        ("+5212345678", "E304", "has no area code"),
        ("+5215512345678", "E304", "remove the 1 after +52"),
        ("+52 1 55 1234 5678", "E204", "remove the 1 after +52"),
        ("044 55 1234 5678", "E204", "remove the 044 at its start"),
        ("01 55 1234 5678", "E204", "remove the 01 at its start"),
    ],
)
def test_a_number_that_cannot_be_dialled_is_refused(
    project: Workbench, number: str, code: str, words: str
) -> None:
    project.write("calls/june.yaml", ROW % number)
    run = project.run("validate")
    assert run.code == 1
    assert f"calls/june.yaml:5:43: error {code}" in run.out
    assert words in run.out


def test_a_number_computed_from_a_cell_is_one_number_that_can_be_dialled(project: Workbench) -> None:
    project.write("calls/june.yaml", SHEET % '=e164(row.phone, "US")')
    project.write("calls/june.csv", "id,phone\na,2345678\nb,2345678 JOE\nc,415 555 2678/79\nd,(415) 555-2678\n")
    run = project.run("validate")
    assert run.code == 1
    for row, words in ((2, "has no area code"), (3, "preceded by other text"), (4, "this may be two numbers")):
        assert f"calls/june.csv:{row}" in run.out
        assert words in run.out
    assert "3 errors" in run.out


AMOUNTS = f"""\
version: 1
plan: june
{DEFAULTS.replace("full_name: Ana", "delay_minutes: 0")}\
sheets:
  - file: june.csv
    columns: {{key: =row.id, to_number: =row.tel, full_name: =money(row.importe)}}
"""


AMOUNT_ROWS = """\
id,tel,importe
a,+14155552678,"R$ 14.058,00"
b,+14155552679,"($1,234.50)"
c,+14155552670,1.234
d,+14155552671,12 34
"""


def test_an_amount_is_read_where_it_has_one_reading(project: Workbench) -> None:
    project.write("calls/june.yaml", AMOUNTS)
    project.write("calls/june.csv", AMOUNT_ROWS)
    run = project.run("validate")
    assert run.code == 1
    assert "calls/june.csv:4" in run.out
    assert "money: *** could be *** or ***, and its column does not show which: " in run.out
    assert "C2 has a decimal comma, C3 has a decimal point" in run.out
    assert 'set the decimal mark: money(row.***, ".")' in run.out
    assert "calls/june.csv:5" in run.out
    assert "money: not an amount" in run.out
    assert "2 errors" in run.out


def test_a_name_may_start_with_a_question_mark(project: Workbench) -> None:
    project.write(
        "calls/june.yaml", ROW.replace("key: a", "key: a, additional_data: {?foo: bar, a: ?b}") % "+14155552678"
    )
    (change,) = project.plan("--reveal")["changes"]
    assert {"key": "?foo", "value": "bar"} in change["request"]["body"]["additional_data"]


@pytest.mark.parametrize(
    "until", ["2031-06-15T00:00:00Z", "2031-06-14T23:59:59-06:00", "2031-06-14T18:00:00-06:00"]
)
def test_a_computed_place_by_may_be_midnight(project: Workbench, until: str) -> None:
    text = SHEET % "=row.tel"
    text = text.replace("columns: {", "columns: {place_by: '=timestamp(row.until)', ")
    project.write("calls/june.yaml", text.replace(", place_by: 2031-01-01T00:00:00Z", ""))
    project.write("calls/june.csv", f"id,tel,until\na,+14155552678,{until}\n")
    run = project.run("validate")
    assert (run.code, run.out) == (0, "1 row in 1 plan: 0 errors, 0 warnings.\n")
