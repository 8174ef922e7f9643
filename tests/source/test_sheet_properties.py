"""Sheets and inline tables mean the same, cells come back as they were written, and no formula breaks anything."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli import main
from reconciler.cli.commands.contacts import COLUMNS, to_csv
from reconciler.contactship.account import RemoteContact
from reconciler.source.formulas.functions import library
from reconciler.source.formulas.problem import FormulaProblem, problem
from reconciler.source.formulas.program import Engine
from reconciler.source.formulas.result import MAX_TEXT, to_text
from reconciler.source.sheets.formula_escape import escape_formula, unescape_formula
from reconciler.source.sheets.grid import letters
from tests.conftest import AGENT, NUMBER, contact

HEAD = (
    f"version: 1\nplan: p\ndefaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: Europe/Madrid}}}}\n"
)
FORMULAS = """\
columns:
  key: '="k" + row.id'
  contact_id: '=row.who'
  additional_data.made: '=row.text + "|" + coalesce(row.additional_data.a, row.metadata.b)'
"""
HEADER = ["id", "who", "text", "schedule.at", "additional_data.a", "metadata.b", "enabled", "revision"]
# hypothesis tries texts that occur in the code; a spreadsheet's error is refused in a sheet, and a text in a table
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12).filter(
    lambda text: not text.strip().startswith("#")
)
PLAIN = st.sampled_from(
    ["", "0042", "1.50", "=1+1", "'x", "'+1", "+1", "-", "@a", "true", "null", "~", " a ", "1E+5", "a,b;c"]
)


def rows() -> st.SearchStrategy[list[list[str]]]:
    row = st.tuples(
        st.just(""),
        st.integers(1, 3).map(contact),
        TEXT | PLAIN,
        st.sampled_from(["2031-06-01 10:00", "2031-06-02T11:00:30", "nonsense", "2031-03-30 02:30:00"]),
        TEXT | PLAIN,
        TEXT | PLAIN,
        st.sampled_from(["", "true", "false", "TRUE", "yes"]),
        st.sampled_from(["", "1", "2", "02"]),
    )
    return st.lists(row.map(list), max_size=6).map(
        lambda found: [[str(n), *row[1:]] for n, row in enumerate(found)]
    )


def written_as_csv(table: list[list[str]], delimiter: str, end: str) -> bytes:
    text = io.StringIO(newline="")
    # Before Python 3.13 the writer leaves a lone CR unquoted where it is not part of the line's end.
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([[escape_formula(cell) for cell in row] for row in table])
    return text.getvalue().encode("utf-8-sig")


def yaml_text(text: str) -> str:
    """Double quoted, with every character escaped that is not allowed in a YAML file as it is."""
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08X}" for char in text)
    return f'"{"".join(plain)}"'


def yaml_list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def planned(files: Mapping[str, bytes]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, data in {"reconciler.yaml": b"version: 1\n", **files}.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(data)
        out = root / "out"
        args = ("plan", "--no-state", "--json", "--reveal", "--now", "2030-01-01T00:00:00Z", "--output", str(out))
        main(["-C", folder, *args])
        document = json.loads(out.read_text(encoding="utf-8"))
    kept = [{**item, "source": None} for item in document["changes"]]
    return kept, sorted(item["code"] for item in document["diagnostics"] if item["code"] not in {"W205", "W203"})


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(rows(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]))
def test_a_csv_and_an_inline_table_give_the_same_plan(table: list[list[str]], delimiter: str, end: str) -> None:
    sheet = f"{HEAD}{FORMULAS}sheets: [{{file: t.csv, delimiter: {json.dumps(delimiter)}}}]\n"
    lines = yaml_list([yaml_list([yaml_text(cell) for cell in row]) for row in table])
    inline = f"{HEAD}{FORMULAS}table: {{columns: {yaml_list(HEADER)}, rows: {lines}}}\n"
    data = written_as_csv([HEADER, *table], delimiter, end)
    first = planned({"calls/p.yaml": sheet.encode(), "calls/t.csv": data})
    assert first == planned({"calls/p.yaml": inline.encode()})


@given(TEXT | PLAIN)
def test_a_guarded_cell_comes_back_and_is_no_formula(text: str) -> None:
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(st.builds(RemoteContact, TEXT, TEXT, TEXT, TEXT, TEXT), max_size=4))
def test_pulled_contacts_read_back_exactly(found: list[RemoteContact]) -> None:
    reader = csv.reader(io.StringIO(to_csv(found).decode("utf-8-sig"), newline=""))
    header, *lines = [[unescape_formula(cell) for cell in line] for line in reader]
    assert header == list(COLUMNS)
    assert lines == [[getattr(item, name) for name in COLUMNS] for item in found]


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@settings(max_examples=80, deadline=None)
def test_no_bytes_give_a_traceback(data: bytes) -> None:
    plan = f"{HEAD}sheets: [{{file: t.csv}}, {{file: t.tsv}}, {{file: t.xlsx}}]\n".encode()
    planned({"calls/p.yaml": plan, "calls/t.csv": data, "calls/t.tsv": data, "calls/t.xlsx": data})


def nothing(*_: object) -> dict[str, str]:
    raise problem("lookup: nothing")


ENGINE = Engine(library(frozenset(), nothing), lambda _: None)
PIECES = """\
row.a|row["b c"]|plan.name|"x"|1|2.5|null|true|(|)|[|]|{|}|,|.|?|:|+|-|*|/|%|!|&&|==|<|in|int(|double(|string(
date(|datetime(|days(|workdays(|at(|e164(|money(|coalesce(|slug(|replace(|size(|.map(x, |.filter(x, |.all(x,
.exists(x,|timestamp(|duration(|.matches(|9223372036854775807|"2031-06-01"|"MX"|r'\\'|\'\'\'|"|\\|//|\t|é|uint(|bytes(
type(|{1: 2}|b'x'|.contains(|[0]|1e308|x""".replace("\n", "|").split("|")
VALUES = {"a": "2031-06-01", "b c": "+52 55 1234 5678"}


def outcome(formula: str, values: Mapping[str, str]) -> str:
    """The code of what is wrong with a formula or its run, empty for a result; both within a bound of time."""
    start = time.perf_counter()
    code = ""
    try:
        assert len(ENGINE.compile(formula, {"name": "p"}).run(values)) <= MAX_TEXT
    except FormulaProblem as found:
        code = found.code
    assert time.perf_counter() - start < 2
    return code


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40))
def test_no_formula_panics_or_takes_long(formula: str) -> None:
    assert outcome(formula, VALUES) in {"", "E701", "E702", "E703", "E705"}


@pytest.mark.parametrize(
    "formula",
    [
        "(" * 499 + "1" + ")" * 499,
        "!" * 990 + "true",
        "-" * 990 + "1",
        "[" * 490 + "]" * 490,
        "true?" * 160 + "1" + ":1" * 160,
        "1" + "+1" * 490,
        '""' + '+"x"' * 240,
        "row.a" + "+row.a" * 29,
        "[" + "row.a," * 29 + "].map(x, x + x + x)[0]",
        "{" * 30 + "}" * 30,
    ],
)
def test_the_worst_of_a_formula_is_quick(formula: str) -> None:
    assert outcome(formula, {"a": "y" * MAX_TEXT}) in {"", "E701", "E702", "E705"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"), (902.5, "902.5"), (1e21, "1000000000000000000000"), (-0.0, "0"), (1e-7, "0.0000001"),
        (5, "5"), (True, "true"), (None, ""), ("0042", "0042"),
    ],
)  # fmt: skip
def test_results_are_text_without_surprises(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1], {"a": 1}, b"x", "x" * (MAX_TEXT + 1)])
def test_what_is_no_text_is_a_problem(value: object) -> None:
    with pytest.raises(FormulaProblem):
        to_text(value)


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ('money("$1,234.50")', "1234.50"), ('money("1.234,50 €")', "1234.50"), ('money("14058")', "14058"),
        ('money("MXN 1,234,567")', "1234567"), ('money("1.234", ",")', "1234"), ('money("1.234", ".")', "1.234"),
        ("money(902.5)", "902.50"), ("money(1045.455)", "1045.46"), ('money("-5,5")', "-5.5"),
        ('date("15/06/2031", "DD/MM/YYYY")', "2031-06-15"), ('date("6-1-31", "MM-DD-YY")', "2031-06-01"),
        ('date("2031-06-15 14:30:00") + days(1)', "2031-06-16"),
        ('at("2031-06-15", "9:00")', "2031-06-15 09:00:00"),
        ('at("2031-06-15", "9")', None), ('datetime("15/06/2031 9:00 pm")', "2031-06-15 21:00:00"),
        ('datetime("9.30", "HH.mm")', "09:30:00"), ('"15-jun-31".date() - days(1)', "2031-06-14"),
        ('workdays("2031-06-13", 1)', "2031-06-16"), ('workdays("2031-06-15", 0)', "2031-06-15"),
        ('weekday("2031-06-15")', "7"), ('e164("55 1234 5678", "MX")', "+525512345678"),
        ('e164("123", "MX")', None), ('e164("55 1234 5678")', None), ('"+1 202 555 0111".e164()', "+12025550111"),
        ('e164("1.41556E+10", "US")', None), ('e164("+1 202 555 0111", "MX")', "+12025550111"),
        ('slug("Peña & Cía")', "pena-cia"),
        ('coalesce("", null, "b")', "b"), ('money("1,234")', None), ('date("31/31/2031", "DD/MM/YYYY")', None),
        ('date("01/02/2031")', None), ("9223372036854775807 + 1", None), ("[1][5]", None),
        ('replace("aa", "a", "bb")', "bbbb"),
        ('workdays(date("2031-06-13"), 100000)', None),
        ('timestamp("2031-06-15T10:00:00Z")', "2031-06-15T10:00:00Z"),
        ('timestamp("2031-06-15T00:00:00Z")', "2031-06-15T00:00:00Z"),
        ('date(timestamp("2031-06-15T10:00:00Z"))', "2031-06-15"), ('date("2031-06-15") - days(1)', "2031-06-14"),
    ],
)  # fmt: skip
def test_each_function_has_one_meaning(formula: str, result: str | None) -> None:
    program = ENGINE.compile(formula, {})
    if result is None:
        with pytest.raises(FormulaProblem):
            program.run({})
    else:
        assert program.run({}) == result


def test_columns_are_named_as_spreadsheets_name_them() -> None:
    assert [letters(index) for index in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
