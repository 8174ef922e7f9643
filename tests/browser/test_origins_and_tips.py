"""Where values came from: in the tip of a cell, and in the panel of a call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.actions import Open, explained, keys, with_agents


def test_the_keyboard_shows_where_a_value_came_from(visit: Open) -> None:
    page = visit(explained()).page
    with_agents(page)
    tip = page.locator("#tip")
    page.fill("#search", "june/inv-1")
    page.focus("#sheet")
    keys(page, "ArrowRight", "ArrowRight")
    assert page.locator("#sheet").get_attribute("aria-activedescendant") == "r0c1"
    assert page.locator("#r0c1").get_attribute("aria-describedby") == "tip"
    tip.wait_for()
    assert "schedule.at from formula calls/june.yaml:6:9" in tip.inner_text()
    assert "due = 2031-06-04 · sheet calls/june.xlsx!Due!F2" in tip.inner_text()
    assert "note is empty" in tip.inner_text()
    keys(page, "Escape")
    assert tip.is_hidden()
    assert page.locator("#r0c1").get_attribute("aria-describedby") is None
    keys(page, *["ArrowRight"] * 4)
    tip.wait_for()
    assert "agent from alias reconciler.yaml:3:5" in tip.inner_text()
    assert "agent = collections · default calls/june.yaml:4:10" in tip.inner_text()
    assert page.locator("#body .made").count() == 2, "what its own row says is not marked"
    keys(page, "Enter")
    made = page.get_by_role("row", name="schedule.at").last.inner_text()
    assert '=at(date(row.due) - days(3), "14:30")' in made
    assert "reconciler_key" not in page.locator("#panel").inner_text()


def drawn(page: Any) -> None:
    """Wait for the event of scrolling, which comes with the next frame."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def tip_is_at(page: Any, cell: str) -> bool:
    """Whether the tip stands right below or above the cell."""
    at, tip = page.locator(f"#{cell}").bounding_box(), page.locator("#tip").bounding_box()
    gaps = (tip["y"] - at["y"] - at["height"], at["y"] - tip["y"] - tip["height"])
    return min(map(abs, gaps)) < 2


@pytest.mark.parametrize(("width", "height"), [(400, 900), (1280, 300), (400, 300)])
def test_what_a_key_scrolls_keeps_its_tip(visit: Open, width: int, height: int) -> None:
    page = visit(explained(), viewport={"width": width, "height": height}).page
    with_agents(page)
    tip = page.locator("#tip")
    page.fill("#search", "june/inv-1")
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("document.getElementById('sheet').focus({ preventScroll: true })")
    for moves, cell in ((2, "r0c1"), (4, "r0c5")):
        keys(page, *["ArrowRight"] * moves)
        drawn(page)
        assert page.locator(f"#{cell}").get_attribute("aria-describedby") == "tip"
        tip.wait_for()
        assert tip_is_at(page, cell)


def test_a_tip_stays_with_its_cell_and_goes_with_it(visit: Open) -> None:
    page = visit(explained(), viewport={"width": 1280, "height": 500}).page
    page.focus("#sheet")
    keys(page, *["ArrowDown"] * 4, *["ArrowRight"] * 2)
    drawn(page)
    tip, cell = page.locator("#tip"), "r4c1"
    tip.wait_for()
    before = tip.bounding_box()["y"]
    page.evaluate("scrollBy(0, -20)")
    drawn(page)
    assert tip.bounding_box()["y"] == pytest.approx(before + 20, abs=1)
    assert tip_is_at(page, cell)
    page.evaluate("scrollTo(0, 0)")
    drawn(page)
    assert tip.is_hidden(), "its cell is below the window"
    assert page.locator("[aria-describedby=tip]").count() == 0


def test_the_pointer_shows_it_too_and_the_tip_does_not_get_in_the_way(visit: Open) -> None:
    page = visit(explained()).page
    with_agents(page)
    page.fill("#search", "june/inv-1")
    page.locator("#sheet").scroll_into_view_if_needed()
    page.hover("#r0c5")
    tip = page.locator("#tip")
    tip.wait_for()
    tip.hover()
    assert tip.is_visible()
    page.hover("#count")
    assert tip.is_hidden()
    page.hover("#r1c0")
    assert tip.is_hidden(), "a cell with nothing to add"
