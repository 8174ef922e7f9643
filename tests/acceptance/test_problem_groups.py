"""Problems of one cause are one group in text, and errors in ``reconciler.yaml`` hide what follows from them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, contact, plan_text

ROWS = 500
DEFAULTS = f"defaults: {{agent: {AGENT}, from: {NUMBER}, schedule: {{timezone: America/Mexico_City}}}}\n"
FORMULA = """    columns: {schedule.at: '=at(date(row.due), "10:00")'}\n"""
HEAD = f"version: 1\nplan: june\n{DEFAULTS}sheets:\n  - file: june.csv\n"


def sheet(bench: Workbench, header: str, row: Any, *, formula: bool = True) -> None:
    """A project with a sheet of ``ROWS`` rows."""
    bench.create_project()
    bench.write("calls/june.yaml", HEAD + (FORMULA if formula else ""))
    lines = [f"k{number},{contact(number)},{row(number)}\n" for number in range(ROWS)]
    bench.write("calls/june.csv", f"key,contact_id,{header}\n{''.join(lines)}")


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if ": error E" in line]


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_one_mistake_in_every_row_is_one_group(bench: Workbench, command: str) -> None:
    sheet(bench, "due", lambda number: "2031-02-31" if number % 2 else f"2031-02-{number % 27 + 1:02}")
    result = bench.run(command)
    assert result.code == 1
    shown = result.out if command == "validate" else result.err
    assert len(errors(shown)) == 1
    assert errors(shown)[0].startswith("calls/june.csv:3:")
    assert "250 times in calls/june.csv: C3, C5, C7, C9, C11, C13, C15, C17, C19, C21 and 240 more\n" in shown
    assert "250 errors" in result.out or "250 error" in result.out
    found = [item for item in bench.run("validate", "--json").json["diagnostics"] if item["code"] == "E705"]
    assert len(found) == 201  # of which the last one counts the others
    assert "and 50 more of these" in "".join(item["message"] for item in found)


def test_a_group_has_its_hint_its_source_line_and_its_ranges(bench: Workbench) -> None:
    sheet(bench, "due", lambda number: "soon" if 10 <= number < 20 or number == 40 else "2031-02-20")
    shown = bench.run("validate", "--reveal").out
    lines = shown.splitlines()
    assert lines[:3] == [
        (
            "calls/june.csv:12:42: error E705: schedule.at: date: not a date: 'soon'; "
            "=at(date(row.due), \"10:00\"), where due is 'soon' in C12"
        ),
        f"    k10,{contact(10)},soon",
        " " * 45 + "^",
    ]
    assert lines[3].startswith("    hint: write ")
    assert lines[4] == "    11 times in calls/june.csv: C12-C21 and C42"
    assert shown.count("hint: write ") == 1


def test_a_few_wrong_names_are_all_shown(bench: Workbench) -> None:
    sheet(bench, "due,agent", lambda number: f"2031-02-20,{('nobody', 'noone', AGENT)[number % 3]}")
    shown = errors(bench.run("validate", "--reveal").out)
    assert [line.split("agent ")[1].split()[0] for line in shown] == ["'nobody'", "'noone'"]


def test_many_different_values_are_one_group(bench: Workbench) -> None:
    sheet(bench, "due", lambda number: f"2031-02-3{number % 10}" if number < 100 else "2031-02-20")
    shown = bench.run("validate", "--reveal").out
    assert len(errors(shown)) == 1
    assert "100 times in calls/june.csv: C2-C101\n" in shown


def test_different_fields_and_files_are_groups_of_their_own(bench: Workbench) -> None:
    bench.create_project()
    for name in ("june", "july"):
        rows = plan_text(name, rows=3).replace("contact_id: c1", "contact_id: x1").replace("inv-", "inv ")
        bench.write(f"calls/{name}.yaml", rows)
    shown = bench.run("validate").out
    assert len(errors(shown)) == 4
    assert "3 times in calls/july.yaml: lines 8, 12 and 16\n" in shown
    assert "3 times in calls/june.yaml: lines 9, 13 and 17\n" in shown


def test_a_single_problem_is_shown_as_before(bench: Workbench) -> None:
    bench.create_project()
    bench.write("calls/june.yaml", plan_text().replace("inv-2", "inv 2"))
    assert "times in" not in bench.run("validate").out


def settings(bench: Workbench, text: str) -> None:
    bench.create_project()
    with (bench.root / "reconciler.yaml").open("a", encoding="utf-8") as file:
        file.write(text)


DUPLICATE = f"agents: {{sales: {AGENT}}}\nnumbers: {{main: {{id: {NUMBER}}}}}\nagents: {{service: {AGENT}}}\n"


@pytest.mark.parametrize("extra", [DUPLICATE, "agents: {sales: nobody}\n"], ids=["duplicate", "invalid"])
@pytest.mark.parametrize("command", ["validate", "plan", "status"])
def test_what_follows_from_the_settings_is_not_shown(bench: Workbench, command: str, extra: str) -> None:
    settings(bench, extra)
    bench.write("calls/june.yaml", plan_text().replace(f"agent: {AGENT}", "agent: sales"))
    result = bench.run(command)
    assert result.code == 1
    shown = errors(result.out + result.err)
    assert len(shown) == 1
    assert shown[0].startswith("reconciler.yaml:")
    assert "to place" not in result.out  # what was placed before is unknown


def test_settings_come_first_and_other_mistakes_of_rows_are_still_shown(bench: Workbench) -> None:
    settings(bench, DUPLICATE)
    bench.write(
        "calls/june.yaml", plan_text().replace(f"agent: {AGENT}", "agent: sales").replace("inv-2", "inv 2")
    )
    for form in ((), ("--json",)):
        result = bench.run("validate", *form)
        assert result.code == 1
        if form:
            files = [item["file"] for item in result.json["diagnostics"]]
        else:
            files = [line.split(":")[0] for line in errors(result.out)]
        assert files == ["reconciler.yaml", "calls/june.yaml"]
        assert "E302" not in result.out


def test_settings_with_an_error_are_still_a_project(bench: Workbench) -> None:
    settings(bench, "agents: {sales: nobody}\n")
    result = bench.run("validate")
    assert errors(result.out) == [line for line in errors(result.out) if line.startswith("reconciler.yaml:")]
    assert "not a project" not in result.out


def test_a_second_block_of_defaults_is_one_error(bench: Workbench) -> None:
    bench.create_project()
    text = plan_text(rows=40).replace("  schedule: {timezone", "defaults:\n  schedule: {timezone")
    bench.write("calls/june.yaml", text)
    shown = bench.run("validate").out
    assert errors(shown) == ["calls/june.yaml:6:1: error E107: duplicate field 'defaults', first used in line 3"]
    assert "hint: join it with the one in line 3" in shown
    bench.write("calls/june.yaml", text.replace("defaults:\n  schedule", "  schedule"))
    bench.ok("validate")
