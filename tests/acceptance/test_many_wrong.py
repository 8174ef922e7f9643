"""Files that are wrong in every row: the first problems of a kind are told, the others are counted, in time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Workbench

ROWS = 2_000
HEAD = """\
version: 1
plan: june
defaults:
  agent: agent-a1b2c3d4-e5f6-7890-abcd-ef1234567890
  from: pn-a1b2c3d4-e5f6-7890-abcd-ef1234567890
  schedule: {timezone: America/Mexico_City}
"""


def contact(number: int) -> str:
    return f"c1d2e3f4-a5b6-7890-cdef-{number:012d}"


def row(number: int, extra: str = "") -> str:
    at = f"2031-06-{number % 28 + 1:02d} 14:30:00"
    return f"- {{key: k{number}, contact_id: {contact(number)}, schedule: {{at: '{at}'}}{extra}}}\n"


def table(number: int) -> str:
    return f"  - [k{number}, {contact(number)}, '2031-06-01 14:30:00', 1e3]\n"


CSV = "".join(f"k{n},{contact(n)},2031-06-01 14:30:00,1e3\n" for n in range(ROWS))
TABLE = "table:\n  columns: [key, contact_id, schedule.at, revision]\n  rows:\n"
FILES = {
    "shape": HEAD + "calls:\n" + "".join(row(n, ", revision: 1e3") for n in range(ROWS)),
    "meaning": HEAD + "calls:\n" + "".join(row(n, f", agent: nobody{n}") for n in range(ROWS)),
    "table": HEAD + TABLE + "".join(map(table, range(ROWS))),
    "sheet": HEAD + "sheets: [{file: june.csv}]\n",
    "anchors": HEAD + "calls:\n" + "".join(row(n).replace("k", f"&a{n} k", 1) for n in range(ROWS)),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("form", ["json", "text"])
def test_problems_of_one_kind_are_counted_after_two_hundred(project: Workbench, kind: str, form: str) -> None:
    project.write("calls/june.yaml", FILES[kind])
    project.write("calls/june.csv", "key,contact_id,schedule.at,revision\n" + CSV)
    done = project.run("validate", *(["--json"] if form == "json" else []))
    assert done.code == 1
    if form == "text":
        assert done.out.count("error E") == 1
        assert "2,000 times in calls/june." in done.out
        assert "and 1,800 more\n" in done.out or "1,990 more" in done.out
        assert "2,000 errors" in done.out
    else:
        assert "and 1,800 more of these" in done.out
        errors = [item for item in done.json["diagnostics"] if item["severity"] == "error"]
        assert len(errors) == 201


def test_a_rare_problem_behind_many_of_another_kind_is_told(project: Workbench) -> None:
    rows = [row(n, ", revision: 1e3") for n in range(ROWS)]
    rows.append(row(ROWS, ", api_key: hunter2"))
    rows.append(row(ROWS + 1, ", called_timezone: Mars/Base"))
    project.write("calls/june.yaml", HEAD + "calls:\n" + "".join(rows))
    found: list[dict[str, Any]] = json.loads(project.run("validate", "--json").out)["diagnostics"]
    assert {item["code"] for item in found} == {"E203", "E208", "E312"}


def test_right_rows_beside_a_few_wrong_ones_are_all_told(project: Workbench) -> None:
    rows = [row(n, ", revision: 1e3" if n % 20 == 0 else "") for n in range(ROWS)]
    project.write("calls/june.yaml", HEAD + "calls:\n" + "".join(rows))
    found = project.run("validate", "--json").json["diagnostics"]
    assert len(found) == ROWS // 20
    assert not any("more of these" in item["message"] for item in found)


def test_calls_of_one_person_at_one_time_are_counted(project: Workbench) -> None:
    rows = [
        f"- {{key: k{n}, contact_id: {contact(0)}, schedule: {{at: '2031-06-01 14:30:00'}}}}\n" for n in range(500)
    ]
    project.write("calls/june.yaml", HEAD + "calls:\n" + "".join(rows))
    done = project.run("validate", "--json")
    assert done.code == 0
    found = [item for item in done.json["diagnostics"] if item["code"] == "W203"]
    assert len(found) == 201
    assert any("and 299 more of these" in item["message"] for item in found)
