"""What the engine of formulas answers: texts are characters, numbers do not wrap, and types must fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from reconciler.source.formulas.functions import library
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.program import Engine

TABLE = {"a-1": {"id": "c-1"}, "a-2": {"id": "first\0second"}}


def look_up(_: object, key: object) -> Mapping[str, str]:
    return TABLE[str(key)]


ENGINE = Engine(library(frozenset({date(2031, 5, 1)}), look_up), lambda _: None)
VALUES = {"name": "Ñandú", "n": "-7", "due": "2031-06-16", "key": "a-1", "customer id": "c-9", "empty": ""}


def run(formula: str, values: Mapping[str, str] = VALUES) -> str:
    return ENGINE.compile(formula, {"name": "june"}).run(values)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("size(row.name)", "5"),
        ("row.name.size()", "5"),
        ('size("👍🏽")', "2"),
        ("-int(row.n)", "7"),
        ("-9223372036854775807 - 1", "-9223372036854775808"),
        ("-double(row.n) / 2.0", "3.5"),
        ('row["customer id"] + "/" + plan.name', "c-9/june"),
        ('lookup("t", row.key).id', "c-1"),
        ("date(row.due) - days(3)", "2031-06-13"),
        ('at(workdays(row.due, -1), "10:00")', "2031-06-13 10:00:00"),
        ("row.name.upper().replace('Ñ', 'n')", "nANDÚ"),
        ("coalesce(row.empty, row.absent, 7)", "7"),
        ("weekday(row.due) == 1 ? 'Monday' : string(weekday(row.due))", "Monday"),
        ("false && int(row.name) == 1", "false"),
        ("has(lookup('t', row.key).phone) ? 'yes' : 'no'", "no"),
        ("date(row.due).getFullYear() + 1", "2032"),
        ("null", ""),
    ],
)
def test_results(formula: str, text: str) -> None:
    assert run(formula) == text


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("-int('-9223372036854775808')", "out of range"),
        ("-(-9223372036854775807 - 1)", "out of range"),
        ("9223372036854775807 + int('1')", "out of range"),
        ("date('9999-12-31') + days(1)", "out of range"),
        ("date('0001-01-01') - days(1)", "out of range"),
        ("-dyn(false)", "the wrong type"),
        ("int(row.name)", "int: not a number"),
        ("double(row.empty)", "double: not a number"),
        ("1 / int('0')", "division by zero"),
        ("1 % int('0')", "division by zero"),
        ("[1, 2][int('5')]", "list index out of range"),
        ("lookup('t', row.key).phone", "no column phone"),
        ("duration(row.name)", "duration: cannot read"),
        ("e164(row.name, 'MX')", "not a phone number"),
        ("e164('2345678 JOE', 'US')", "e164: the number is followed or preceded by other text"),
        ("lookup('t', 'a-2').id", "NUL"),
        (r"lower('a\u0000b')", "NUL"),
        (r"'a\u0000b'", "NUL"),
        ("coalesce(date(row.due), row.name)", "texts"),
    ],
)
def test_runs_that_fail(formula: str, words: str) -> None:
    program = ENGINE.compile(formula, {})
    with pytest.raises(FormulaProblem) as caught:
        program.run(VALUES)
    assert caught.value.code == "E705"
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("formula", "code", "words"),
    [
        ("-false", "E701", "- does not take (bool)"),
        ("row.n + 1", "E701", "at character 7: + does not take (string, int)"),
        ('row["customer id"] == 1', "E701", "at character 20: == does not take (string, int)"),
        ("row.n ? 1 : 2", "E701", "? : does not take (string, int, int)"),
        ("date()", "E701", "date: wrong number of arguments"),
        ("replace(row.n, 'a')", "E701", "replace: wrong number of arguments"),
        ("row.name +", "E701", "unexpected end"),
        ("row.name ) 1", "E701", "at character 10"),
        ("now()", "E703", "unknown function now: formulas have no access to the clock"),
        ("row.name.uper()", "E703", "unknown function uper"),
        ("trimm(row.name)", "E703", "unknown function trimm"),
        ("row.n + name", "E703", "unknown name name"),
        ("name.first", "E703", "unknown name name"),
        ("row.n" + " + row.n" * 25 + " + 'x'" * 25, "E702", "32"),
    ],
)
def test_formulas_that_are_refused(formula: str, code: str, words: str) -> None:
    with pytest.raises(FormulaProblem) as caught:
        ENGINE.compile(formula, {})
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("formula", "uses_region"),
    [
        ("e164(row.tel)", True),
        ("row.tel.e164()", True),
        ("e164(coalesce(row.tel, row.b))", True),
        ("e164(e164(row.tel), 'MX')", True),
        ("e164(row.tel, 'MX')", False),
        ("row.tel.e164('MX')", False),
        ("e164(coalesce(row.tel, row.b), 'MX')", False),
        ("'e164(' + row.tel", False),
    ],
)
def test_a_number_without_a_region_reads_the_fields_that_set_it(formula: str, uses_region: bool) -> None:
    program = ENGINE.compile(formula, {})
    assert (set(program.reads) >= {"country", "schedule.timezone"}) is uses_region
    assert "country" not in program.required


def test_a_cell_with_a_nul_character_is_no_shorter_text() -> None:
    """Two keys that differ only behind a NUL must not become one."""
    with pytest.raises(FormulaProblem, match="NUL"):
        run("'k' + row.name", {"name": "a\0b"})


def test_a_key_of_a_lookup_that_came_out_of_a_cell_is_private() -> None:
    with pytest.raises(FormulaProblem, match="no column") as caught:
        run("lookup('t', row.key)[row.name]")
    assert caught.value.private == ("Ñandú",)
    with pytest.raises(FormulaProblem, match="no column phone") as caught:
        run("lookup('t', row.key).phone")
    assert caught.value.private == ()
