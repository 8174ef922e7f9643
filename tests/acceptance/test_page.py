"""``plan --format html``: what the page tells beside the plan: limits, calls placed before, origins."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Workbench, plan_text
from tests.webpage import WebPage

PAGE = ("plan", "--format", "html")


@pytest.fixture
def limited(project: Workbench) -> Workbench:
    """Three calls placed, in minutes of their own, and a limit of calls in a minute."""
    project.write("calls/june.yaml", plan_text(rows=3))
    project.apply()
    config = project.root / "reconciler.yaml"
    config.write_text(f"{config.read_text()}\npolicy: {{peak: {{per_minute: 7, per_number: 5}}}}\n")
    return project


def page_of(result: Any) -> WebPage:
    return WebPage(result.out)


def test_the_load_is_shown_with_the_policy_s_limits(limited: Workbench) -> None:
    page = page_of(limited.ok(*PAGE))
    assert page.data["limit"] == 7
    assert "of 7 allowed policy.peak.per_minute" in page.text
    assert "of 5 allowed policy.peak.per_number" in page.text
    assert page.data["unlisted"] == [], "each has a row"


def test_calls_of_plans_that_were_not_asked_for_are_in_the_load(limited: Workbench) -> None:
    limited.write("calls/july.yaml", plan_text("july", rows=1, first=4))
    page = page_of(limited.ok(*PAGE, "calls/july.yaml"))
    assert len(page.data["columns"]["key"]) == 1
    assert [calls for _, _, calls in page.data["unlisted"]] == [1, 1, 1]
    assert page_of(limited.ok(*PAGE, "calls/july.yaml", "--no-state")).data["unlisted"] == []


def test_a_snapshot_shows_the_load_but_not_whose_numbers(limited: Workbench) -> None:
    limited.ok("state", "export", "--public", "snapshot.json")
    limited.write("calls/july.yaml", plan_text("july", rows=1, first=4))
    page = page_of(limited.ok(*PAGE, "calls/july.yaml", "--state", "snapshot:snapshot.json"))
    assert [calls for _, _, calls in page.data["unlisted"]] == [1, 1, 1]
    assert page.data["limit"] == 7
    assert "from one number" not in page.text


def test_a_saved_plan_knows_of_no_limits_and_quotes_no_lines(limited: Workbench) -> None:
    """The files may have changed since, and so may the policy."""
    limited.write("calls/july.yaml", plan_text("july", rows=1, first=4))
    limited.ok("plan", "--out", "june.plan")
    page = page_of(limited.ok("show", "june.plan", "--format", "html"))
    assert (page.data["limit"], page.data["unlisted"], page.data["origins"]) == (None, [], [])
    assert "allowed" not in page.text
    assert "calls/july.yaml:" in "".join(page.data["texts"])


def test_explain_tells_where_values_came_from(limited: Workbench) -> None:
    limited.write("calls/july.yaml", plan_text("july", rows=1, first=4))
    data = page_of(limited.ok(*PAGE, "--explain")).data
    columns, texts = data["columns"], data["texts"]
    row = [texts[number] for number in columns["key"]].index("inv-4")
    found = columns["origins"][row]
    told = {
        texts[field]: texts[data["origins"][number]["kind"]]
        for field, number in zip(found[::2], found[1::2], strict=True)
    }
    explained = limited.ok("explain", "july/inv-4", "--json").json["addresses"][0]["fields"]
    assert told == {item["field"]: item["origin"]["kind"] for item in explained if item["origin"]["kind"] != "tag"}
    assert {"row", "default"} <= set(told.values())
    assert page_of(limited.ok(*PAGE)).data["origins"] == []


def test_a_masked_page_counts_each_placed_call_once(project: Workbench) -> None:
    rows = "".join(
        f"  - {{key: {name}/2031-06-16, to_number: +5255512301{number}, full_name: {person}, from: '+12125550100',"
        " schedule: {at: 2031-06-16 10:00}}\n"
        for number, (name, person) in enumerate([("ana-lopez", "Ana López"), ("luis-paz", "Luis Paz")], 10)
    )
    head = plan_text(rows=0).partition("calls:")[0]
    project.write("calls/june.yaml", f"{head}calls:\n{rows}")
    assert project.apply().summary["placed"] == 2
    pages = [project.ok("plan", "--format", "html", *reveal).out for reveal in ((), ("--reveal",))]
    assert "ana-lopez" in pages[1]
    assert "ana-lopez" not in pages[0]
    assert re.findall(r"most in a day</dt>.*?<b>(\d+)</b>", pages[0]) == ["2"]
    assert re.findall(r"most in a day</dt>.*?<b>(\d+)</b>", pages[1]) == ["2"]
