"""Rows that repeat, through the command line: calls that keep their names while the rule changes around them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.conftest import AGENT, NUMBER, Workbench, contact

PLAN = "calls/june.yaml"
MONDAY = date(2031, 6, 2)
NOW = ("--now", "2031-05-01T00:00:00Z")
MONDAYS = "rule: 'FREQ=WEEKLY;BYDAY=MO', from: 2031-06-02 10:00:00, until: 2031-06-30"


def plan_file(repeat: str = MONDAYS, extra: str = "", key: str = "visits") -> str:
    return (
        f"version: 1\nplan: june\ndefaults:\n  agent: {AGENT}\n  from: {NUMBER}\n"
        "  schedule: {timezone: America/Mexico_City}\n"
        f"calls:\n  - key: {key}\n    contact_id: {contact(1)}\n    repeat: {{{repeat}}}\n{extra}"
    )


def weeks(*numbers: int, weekday: int = 0) -> list[str]:
    """The addresses of these weeks, the first one being 0."""
    return [f"june/visits/{MONDAY + timedelta(weeks=number, days=weekday)}" for number in numbers]


@pytest.fixture
def june(project: Workbench) -> Workbench:
    """A rule of five Mondays, placed."""
    project.write(PLAN, plan_file())
    assert project.apply(*NOW).summary["placed"] == 5
    return project


def actions(bench: Workbench, repeat: str, extra: str = "") -> dict[str, str]:
    bench.write(PLAN, plan_file(repeat, extra))
    return bench.actions(*NOW)


def test_each_date_is_a_call_of_its_own(june: Workbench, sandbox: Any) -> None:
    assert june.actions(*NOW) == dict.fromkeys(weeks(0, 1, 2, 3, 4), "unchanged")
    assert {change["source"]["line"] for change in june.plan(*NOW)["changes"]} == {8}
    times = sorted(call.body["schedule"]["date"] for call in sandbox.calls())
    assert times == [f"{MONDAY + timedelta(weeks=week)} 10:00:00" for week in range(5)]
    assert june.apply(*NOW).summary["placed"] == 0


@pytest.mark.parametrize(
    ("rule", "start", "until", "expected"),
    [
        (
            "FREQ=MONTHLY;BYDAY=MO,WE,1MO",
            "2031-06-02",
            "2031-06-16",
            ["06-02", "06-04", "06-09", "06-11", "06-16"],
        ),
        ("FREQ=MONTHLY;BYDAY=1MO,FR", "2031-06-02", "2031-06-20", ["06-02", "06-06", "06-13", "06-20"]),
        ("FREQ=YEARLY;BYWEEKNO=20", "2031-05-05", "2032-05-01", ["05-12"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "2031-06-04", "2031-06-16", ["06-09", "06-16"]),
    ],
)
def test_the_dates_of_a_rule_are_those_of_the_standard(
    project: Workbench, rule: str, start: str, until: str, expected: list[str]
) -> None:
    found = actions(project, f"rule: '{rule}', from: {start} 10:00:00, until: {until}")
    assert list(found) == [f"june/visits/2031-{day}" for day in expected]


def test_a_rule_that_calendars_read_in_different_ways_is_refused(project: Workbench) -> None:
    project.write(PLAN, plan_file("rule: FREQ=YEARLY;BYMONTHDAY=15, from: 2031-06-02 10:00:00, count: 2"))
    run = project.run("validate")
    assert run.code == 1
    assert "calls/june.yaml:10:20: error E801" in run.out
    assert "it can mean every month, or only the month of from" in run.out
    assert "write FREQ=MONTHLY, or add the months" in run.out


@pytest.mark.parametrize(
    ("old", "wide", "new"),
    [
        ("until: 2031-06-30", "until: 2031-07-14", weeks(5, 6)),
        ("until: 2031-06-30", "count: 6", weeks(5)),
        ("from: 2031-06-02", "from: 2031-05-26", weeks(-1)),
        ("BYDAY=MO", "BYDAY=MO,TH", weeks(0, 1, 2, 3, weekday=3)),
        ("WEEKLY;BYDAY=MO", "DAILY", [item for day in range(1, 7) for item in weeks(0, 1, 2, 3, weekday=day)]),
    ],
    ids=["later-until", "count", "earlier-from", "another-weekday", "every-day"],
)
def test_a_wider_rule_keeps_every_call(june: Workbench, sandbox: Any, old: str, wide: str, new: list[str]) -> None:
    found = actions(june, MONDAYS.replace(old, wide))
    assert found == dict.fromkeys(weeks(0, 1, 2, 3, 4), "unchanged") | dict.fromkeys(new, "create")
    assert june.apply(*NOW).summary["placed"] == len(new)
    assert len(sandbox.calls()) == 5 + len(new)


def test_a_narrower_rule_says_what_will_still_ring(june: Workbench) -> None:
    found = actions(june, MONDAYS.replace("until: 2031-06-30", "count: 3"))
    assert found == dict.fromkeys(weeks(0, 1, 2), "unchanged") | dict.fromkeys(weeks(3, 4), "removed")


def test_skipped_and_moved(june: Workbench) -> None:
    """Once placed, a call cannot be called off or changed: both say so, under the name it was placed by."""
    found = actions(june, f"{MONDAYS}, skip: [2031-06-16], move: {{2031-06-09: 2031-06-10 11:00:00}}")
    assert found == dict.fromkeys(weeks(0, 3, 4), "unchanged") | {
        "june/visits/2031-06-09": "changed",
        "june/visits/2031-06-16": "removed",
    }


def test_a_date_is_skipped_and_moved_before_it_is_placed(project: Workbench, sandbox: Any) -> None:
    text = f"{MONDAYS}, skip: [2031-06-16], move: {{2031-06-09: 2031-06-10 11:00}}"
    assert actions(project, text) == dict.fromkeys(weeks(0, 1, 3, 4), "create")
    assert project.apply(*NOW).summary["placed"] == 4
    placed = {call.body["metadata"]["reconciler_key"]: call.body for call in sandbox.calls()}
    assert placed["visits/2031-06-09"]["schedule"]["date"] == "2031-06-10 11:00:00"
    wider = text.replace("until: 2031-06-30", "until: 2031-07-07")
    assert actions(project, wider) == dict.fromkeys(weeks(0, 1, 3, 4), "unchanged") | {weeks(5)[0]: "create"}


def test_dates_that_passed_are_not_placed(project: Workbench) -> None:
    project.write(PLAN, plan_file())
    found = project.actions("--now", "2031-06-17T00:00:00Z")
    assert found == dict.fromkeys(weeks(0, 1, 2), "expired") | dict.fromkeys(weeks(3, 4), "create")


def test_what_a_row_says_holds_for_all_its_calls(project: Workbench) -> None:
    assert actions(project, MONDAYS, "    enabled: false\n") == dict.fromkeys(weeks(0, 1, 2, 3, 4), "held")
    again = {f"{address}@2" for address in weeks(0, 1, 2, 3, 4)}
    assert actions(project, MONDAYS, "    revision: 2\n") == dict.fromkeys(again, "create")


def test_a_row_and_an_occurrence_of_one_name_are_two_rows(project: Workbench) -> None:
    other = (
        f"  - key: visits/2031-06-09\n    contact_id: {contact(2)}\n    schedule: {{at: 2031-06-09 12:00:00}}\n"
    )
    project.write(PLAN, plan_file(extra=other))
    (problem,) = project.run("validate", "--json").json["diagnostics"]
    assert problem["code"] == "E401"


def test_a_series_says_each_mistake_of_its_row_once(project: Workbench) -> None:
    project.write(PLAN, plan_file().replace("America/Mexico_City", "CST").replace(AGENT, "nobody"))
    found = project.run("validate", "--json").json["diagnostics"]
    assert [item["code"] for item in found] == ["E302", "E312"]


def test_clocks_that_change_on_one_of_the_dates(project: Workbench) -> None:
    text = plan_file("rule: FREQ=DAILY, from: 2031-03-08 02:30:00, count: 3").replace("Mexico_City", "New_York")
    project.write(PLAN, text)
    (problem,) = project.run("validate", "--json").json["diagnostics"]
    assert (problem["code"], problem["line"], problem["column"]) == ("E314", 10, 20)
    assert "2031-03-09 02:30:00" in problem["message"]
    assert "repeat.move" in problem["hint"]
    mended = text.replace("count: 3", "count: 3, move: {2031-03-09: 2031-03-09 03:30:00}")
    project.write(PLAN, mended)
    assert len(project.actions("--now", "2031-01-01T00:00:00Z")) == 3


def test_a_wrong_rule_is_shown_but_no_word_in_it(project: Workbench) -> None:
    """A wrong date is shown to everybody; a word in its place may be a person's name."""
    expected = "calls[1].repeat.until: expected a date such as 2026-06-08, got '***'"
    wrong = {"2031-06-31": "2031-06-31 is not a valid date", "june": expected, "Tilde Morgensen": expected}
    for text, message in wrong.items():
        project.write(PLAN, plan_file(MONDAYS.replace("until: 2031-06-30", f"until: {text}")))
        (problem,) = project.run("validate", "--json").json["diagnostics"]
        assert problem["message"] == message
