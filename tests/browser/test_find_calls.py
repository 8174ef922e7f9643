"""Filters, links, search and columns of the sheet."""

from __future__ import annotations

from msgspec import structs

from reconciler.render.html import render_plan
from tests.browser.actions import Open, keys, many_problems, outcomes, rows, with_agents
from tests.plans import create, everything, make_plan


def test_rows_are_filtered_and_sorted(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    page.get_by_role("button", name="2 changed").click()
    assert rows(page) == ["june/inv-2", "june/inv-8"]
    assert "Sun 1 Jun 14:30 → Mon 2 Jun 09:00" in page.locator("#r0").inner_text()
    page.get_by_role("button", name="Show all").click()
    page.select_option("#reason", label="past (1)")
    assert rows(page) == ["june/inv-8"]
    page.select_option("#reason", label="any")
    page.select_option("#by", label="the base already")
    assert rows(page) == ["june/inv-6", "june/inv-7", "june/inv-11"]
    page.select_option("#by", label="both")
    page.get_by_role("columnheader", name="call").get_by_role("button").click()
    assert rows(page)[:4] == ["june/inv-1", "june/inv-2", "june/inv-3", "june/inv-4"]
    assert rows(page)[9:11] == ["june/inv-10", "june/inv-11"]
    page.get_by_role("columnheader", name="call").get_by_role("button").click()
    assert rows(page)[0] == "may/inv-1"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("call")


def test_outcomes_are_filtered_and_sorted(visit: Open) -> None:
    page = visit(outcomes()).page
    page.get_by_role("button", name="3 voicemail").click()
    assert rows(page) == ["june/inv-2", "june/inv-11", "june/inv-20"]
    page.get_by_role("button", name="Show all").click()
    page.fill("#search", "placed twice")
    assert rows(page) == ["june/inv-1"]
    assert "call-99" in page.locator("#r0").inner_text()
    page.fill("#search", "")
    page.get_by_role("columnheader", name="outcome").get_by_role("button").click()
    assert page.locator("#r0 .c-action").inner_text().split() == ["=", "answered"]
    page.focus("#sheet")
    keys(page, "Enter")
    assert "completed, answered" in page.locator("#panel").inner_text()
    assert "61.5 s" in page.locator("#panel").inner_text()


def test_a_group_of_problems_leads_to_its_calls(visit: Open) -> None:
    page = visit(render_plan(many_problems())).page
    group = page.locator("details.blocked")
    group.locator("summary").click()
    assert "A call outside the calling hours." in group.inner_text()
    assert "and 880 more, in the sheet below" in group.inner_text()
    group.get_by_role("button", name="Show them in the sheet").click()
    assert page.get_by_role("button", name="900 blocked").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.id") == "sheet"


def test_a_link_keeps_the_filter(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    page.get_by_role("button", name="7 to place").click()
    page.select_option("#by", label="this branch")
    page.fill("#search", "JANE")
    page.get_by_role("columnheader", name="call").get_by_role("button").click()
    with_agents(page)
    shown, link = rows(page), page.evaluate("location.hash")
    assert len(shown) == 5
    page.get_by_role("button", name="Show all").click()
    assert len(rows(page)) == 13
    assert "action=" not in page.evaluate("location.hash")
    page = visit(render_plan(everything(), masked=False), link).page
    assert page.evaluate("location.hash") == link
    assert rows(page) == shown
    assert page.locator("#search").input_value() == "JANE"
    assert page.get_by_role("button", name="7 to place").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("columnheader", name="agent").count() == 1


def test_a_link_with_an_unknown_filter_shows_no_call(visit: Open) -> None:
    page = visit(render_plan(everything())).page
    page.evaluate("location.hash = '#plan=%3Cimg src=x%3E&action=to place'")
    page.locator("#empty").wait_for()
    expected = "No call matches: action to place, plan <img src=x>, which this page does not have."
    assert page.locator("#empty").inner_text() == expected
    assert rows(page) == []
    page.get_by_role("button", name="Show all").click()
    assert len(rows(page)) == 13


def test_search_marks_what_it_matches_without_regard_to_accents(visit: Open) -> None:
    call = create("june/inv-1").call
    assert call is not None
    named = structs.replace(create("june/inv-1"), call=structs.replace(call, full_name="José Pe\u0301rez"))
    page = visit(render_plan(make_plan(named, create("june/inv-2")), masked=False)).page
    page.fill("#search", "jose PEREZ")
    assert rows(page) == ["june/inv-1"]
    assert page.locator("#body mark").all_inner_texts() == ["José", "Pe\u0301rez"]
    page.fill("#search", "525512345678")
    assert page.locator("#r0 .c-changes").inner_text() == "from: +525512345678", (
        "a match in no column is shown too"
    )
    page.fill("#search", "nobody")
    assert page.locator("#empty").inner_text() == "No call matches: search “nobody”."
    assert page.locator("#count").inner_text() == "0 of 2 calls"


def test_a_reader_chooses_the_columns(visit: Open) -> None:
    plan = make_plan(create("june/inv-1"), show="metadata.branch")
    page = visit(render_plan(plan, masked=False)).page
    heads = "#head button"
    expected = ["action ▲", "rings", "whom", "branch", "what changes", "call", "row"]
    assert [text.strip() for text in page.locator(heads).all_inner_texts()] == expected
    page.locator("#columns-menu summary").click()
    page.get_by_role("checkbox", name="additional_data.amount_debt").check()
    page.get_by_role("checkbox", name="branch", exact=True).uncheck()
    assert "14058" in page.locator("#r0").inner_text()
    assert page.locator(heads).count() == 7
