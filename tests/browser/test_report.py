"""The page in a browser: by keyboard, in dark, on paper, without scripts, at any width."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain.model import Location
from reconciler.domain.plan import Action, CallToStop, CellDiff, Plan
from reconciler.render.html import render_plan
from reconciler.source.provenance import Field, Input, Provenance, ValueOrigin
from tests.browser.actions import Open, explained, keys, many_problems, outcomes, rows
from tests.hostile import HOSTILE
from tests.plans import NOW, address, create, everything, make_plan, other, problem


def hostile() -> Plan:
    """Every text in every place that can hold one."""
    changes = []
    for number, text in enumerate(HOSTILE.values()):
        cells = (CellDiff(f"metadata.{text}", text, None), CellDiff("agent", text, text))
        new = create(f"june/new-{number}", message=text, diff=cells)
        assert new.call is not None
        call = structs.replace(new.call, full_name=text, agent=text, metadata={text: text})
        changes.append(structs.replace(new, call=call))
        where = Location(text, number + 1)
        changes.append(
            other(f"june/old-{number}", Action.CHANGED, text, diff=cells, reasons=(text,), source=where)
        )
    problems = tuple(problem(text, hint=text) for text in HOSTILE.values())
    stop = CallToStop(address("june/old-0"), Action.REMOVED, (text,), text, NOW, "UTC", text, text)
    return make_plan(*changes, diagnostics=problems, to_stop=(stop,), show=f"metadata.{text}")


def provenance(text: str) -> Provenance:
    """The text as all that can be said of where a value came from."""
    read = Input(text, ValueOrigin("row", text, Location(text)))
    made = ValueOrigin("formula", text, Location(text, 1, 1, text), formula=text, inputs=(read,))
    return Provenance(Location(text), tuple(Field(name, text, made) for name in ("key", "agent", text)), 1)


def test_no_text_acts(visit: Open) -> None:
    """Whatever acted would be a dialog, an error, a request or an element that only a text could have brought."""
    plan = hostile()
    sources = {change.address: provenance(change.message or "") for change in plan.changes}
    page = visit(render_plan(plan, masked=False, excerpt=lambda where: f"{where.file}\n^", origins=sources)).page
    for group in page.locator("summary").all():
        group.click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.focus("#sheet")
    keys(page, *["ArrowRight"] * 6)
    keys(page, "Enter", *["ArrowDown"] * 2 * len(HOSTILE), "Escape")
    page.fill("#search", "alert")
    assert page.locator("#body mark").count() > 0
    for text in HOSTILE.values():
        page.evaluate("(text) => location.hash = new URLSearchParams({ plan: text, search: text })", text[:99])
        page.locator("#empty").wait_for()
    page.get_by_role("button", name="Show all").click()
    assert page.locator("img, iframe, object, h1 ~ h1, [onerror], [onmouseover], a[href*=evil]").count() == 0
    assert page.locator("script").count() == 2
    assert page.locator("#count").inner_text() == f"{2 * len(HOSTILE)} calls"


def test_the_keyboard_does_it_all(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    keys(page, "/")
    page.keyboard.type("inv-1")
    assert rows(page) == ["may/inv-1", "june/inv-1", "june/inv-10", "june/inv-11"]
    keys(page, "ArrowDown", "End", "Home", "ArrowDown", "Enter")
    assert page.locator("#panel").is_visible()
    second = page.locator("#panel-title").inner_text()
    assert second == rows(page)[1]
    keys(page, "ArrowDown")
    assert page.locator("#panel-title").inner_text() == rows(page)[2]
    keys(page, "Escape")
    assert not page.locator("#panel").is_visible()
    assert page.evaluate("document.activeElement.id") == "sheet"
    keys(page, "Escape")
    assert page.locator("#count").inner_text() == "13 calls"
    assert page.locator("#sheet").get_attribute("aria-activedescendant") == "r0"


def test_the_chart_and_the_sheet_follow_the_zone(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    peak = page.locator("#peaks .peak").first
    assert peak.inner_text() == "4 Sun 1 Jun 14:30 local time"
    assert "Sun 1 Jun 14:30 Mexico City" in page.locator("#body").inner_text()
    assert page.locator("#chart rect.blue").count() == 2
    page.select_option("#zone", "Europe/Madrid")
    assert peak.inner_text() == "4 Sun 1 Jun 22:30 Europe/Madrid"
    assert "Mon 2 Jun 17:00 Madrid" in page.locator("#body").inner_text()
    page.focus("#chart")
    keys(page, "End")
    assert page.locator("#chart").get_attribute("aria-valuetext") == "Mon 2 Jun 17:00: 2 to place"
    keys(page, "Enter")
    assert rows(page) == ["june/inv-4", "june/inv-5"]
    page.locator("#slot").click()
    assert len(rows(page)) == 13


def test_the_chart_shows_the_limit_and_calls_without_a_row(visit: Open) -> None:
    """Of five calls in the minute, june/inv-2 rings by the state alone: its row asks for another time."""
    page = visit(explained()).page
    (minute, *_) = page.locator("#peaks .peak").all_inner_texts()
    assert minute == "5 Sun 1 Jun 20:30 UTC"
    assert "3 over the limit of 2 policy.peak.per_minute" in page.locator("#peaks").inner_text()
    assert "of 9 allowed policy.peak.per_number" in page.locator("#peaks").inner_text()
    assert page.locator("#legend li").all_inner_texts() == [
        *("to place", "already placed", "over the limit", "weekend")
    ]
    assert page.locator("#chart line.limit").count() == 1
    assert page.locator("#chart text.limit").text_content() == "limit: 2 in a minute"
    assert page.locator("#chart rect.over").count() == 1
    assert page.locator("#chart").get_attribute("aria-valuetext") == (
        "Sun 1 Jun 14:00: 4 to place, 1 already placed; 5 in the fullest minute, 3 over the limit"
    )
    page.select_option("#zone", "Europe/Madrid")
    assert page.locator("#peaks .peak").first.inner_text() == "5 Sun 1 Jun 22:30 Europe/Madrid"
    plain = visit(render_plan(everything(), masked=False)).page
    assert plain.locator("#chart line.limit, #peaks .limit, #body .made").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", [explained, outcomes])
def test_axe_finds_nothing(visit: Open, scheme: str, make: Callable[[], str]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = visit(make(), color_scheme=scheme, bypass_csp=True).page
    for state in ("page", "tip", "panel"):
        if state == "page":
            page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        elif state == "tip":
            page.fill("#search", "june/inv-1")
            page.focus("#sheet")
            keys(page, "ArrowRight", "ArrowRight")
        elif state == "panel":
            keys(page, "Enter")
        found = axe.Axe().run(page).response["violations"]
        assert [(item["id"], [node["target"] for node in item["nodes"]]) for item in found] == []


def test_without_scripts_everything_but_the_sheet_is_there(visit: Open) -> None:
    page = visit(render_plan(everything()), java_script_enabled=False).page
    assert page.locator("noscript tr.create").count() == 7
    assert page.get_by_text("It cannot be applied: 1 error, 1 blocked.").is_visible()
    assert page.get_by_role("row", name="Sun 1 Jun 4", exact=True).is_visible()
    assert page.locator(".card.create").inner_text().split() == [
        "7",
        "to",
        "place",
        "2",
        "already",
        "on",
        "origin/main",
    ]
    assert not page.locator("#search").is_visible()


def test_a_screen_has_room_for_verdict_counts_chart_and_sheet(visit: Open) -> None:
    plan = make_plan(*(create(f"june/inv-{number}", f"2031-06-{number + 1:02} 10:00:00") for number in range(12)))
    page = visit(render_plan(plan)).page
    assert page.locator("#chart rect.weekend").count() == 3
    assert page.locator("#sheet").bounding_box()["y"] < 600
    assert visit(render_plan(many_problems())).page.locator("#sheet").bounding_box()["y"] < 900
    phone = visit(render_plan(plan), viewport={"width": 390, "height": 844}).page
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_paper_has_the_summary_and_the_calls_that_are_filtered(visit: Open) -> None:
    calls = [create(f"{'june' if number % 4 else 'may'}/inv-{number}") for number in range(2_000)]
    page = visit(render_plan(make_plan(*calls, diagnostics=(problem("late", "W201"),)))).page
    pages = printed_pages(page)
    assert pages <= 5
    assert len(rows(page)) < 60
    page.select_option("#plan", label="may (500)")
    assert pages < printed_pages(page) <= 20
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert len(rows(page)) == 500
    assert page.locator("#count").inner_text() == "500 of 2,000 calls (plan may)"
    assert page.get_by_text("late", exact=True).is_visible()
    assert not page.locator("#search").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert len(rows(page)) < 60
    assert not page.get_by_text("late", exact=True).is_visible()


def printed_pages(page: Any) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf()))
