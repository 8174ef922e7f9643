"""The report as a reader meets it: by keyboard, in dark, on paper, without scripts, with 50,000 rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.domain.model import Location
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.render.html import render_outcomes, render_plan
from reconciler.source.provenance import Field, Input, Provenance, ValueOrigin
from tests.browser.conftest import Visit
from tests.hostile import HOSTILE
from tests.plans import around, create, everything, make_plan, origins, other, problem, report

MANY = 50_000
Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def many() -> str:
    calls = [
        create(
            f"plan-{number % 7}/inv-{number}",
            f"2031-06-{1 + number % 28:02} {8 + number % 12:02}:{number % 60:02}:00",
        )
        for number in range(MANY)
    ]
    return render_plan(make_plan(*calls))


def hostile() -> Plan:
    """Every text in every place that can hold one."""
    changes = []
    for number, text in enumerate(HOSTILE.values()):
        cells = (CellDiff(f"metadata.{text}", text, None), CellDiff("agent", text, text))
        changes.append(create(f"june/new-{number}", message=text, diff=cells))
        where = Location(text, number + 1)
        changes.append(
            other(f"june/old-{number}", Action.CHANGED, text, diff=cells, reasons=(text,), source=where)
        )
    problems = tuple(problem(text, hint=text) for text in HOSTILE.values())
    return make_plan(*changes, diagnostics=problems)


def provenance(text: str) -> Provenance:
    """The text as all that can be said of where a value came from."""
    read = Input(text, ValueOrigin("row", text, Location(text)))
    made = ValueOrigin("formula", text, Location(text, 1, 1, text), formula=text, inputs=(read,))
    return Provenance(Location(text), tuple(Field(name, text, made) for name in ("key", "agent", text)), 1)


def keys(page: Any, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def rows(page: Any) -> list[str]:
    """The addresses of the rows that are drawn."""
    return [text.strip() for text in page.locator("#body .c-call").all_inner_texts()]


def milliseconds(page: Any, act: str) -> float:
    """The shortest of five runs of a script, until the page is laid out again."""
    timed = f"""() => {{
        const once = () => {{
            const byId = (id) => document.getElementById(id);
            const start = performance.now();
            {act};
            document.body.offsetHeight;
            return performance.now() - start;
        }};
        return Math.min(...Array.from({{ length: 5 }}, once));
    }}"""
    return float(page.evaluate(timed))


def test_no_text_acts(visit: Open) -> None:
    """Whatever acted would be a dialog, an error, a request or an element that only a text could have brought."""
    plan = hostile()
    told = {change.address: provenance(change.message or "") for change in plan.changes}
    page = visit(render_plan(plan, masked=False, excerpt=lambda where: f"{where.file}\n^", origins=told)).page
    page.focus("#sheet")
    keys(page, *["ArrowRight"] * 6)
    for _ in range(len(HOSTILE) * 2):
        keys(page, "Enter", "Escape", "ArrowDown")
    page.fill("#search", "alert")
    page.fill("#search", "")
    assert page.locator("img, iframe, object, h1 ~ h1, [onerror], [onmouseover], a[href*=evil]").count() == 0
    assert page.locator("script").count() == 2
    assert page.locator("#found").inner_text() == f"{2 * len(HOSTILE)} calls"


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
    assert page.locator("#found").inner_text() == "13 calls"
    assert page.locator("#sheet").get_attribute("aria-activedescendant") == "r0"


def test_rows_are_filtered_and_sorted(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    page.get_by_role("button", name="changed 2").click()
    assert rows(page) == ["june/inv-2", "june/inv-8"]
    assert "2031-06-01 14:30 → 2031-06-02 09:00" in page.locator("#r0").inner_text()
    page.get_by_role("button", name="Show all").click()
    page.select_option("#reason", label="past (1)")
    assert rows(page) == ["june/inv-8"]
    page.select_option("#reason", label="any")
    page.select_option("#by", label="the base already")
    assert rows(page) == ["june/inv-6", "june/inv-7", "june/inv-11"]
    page.select_option("#by", label="all")
    page.get_by_role("columnheader", name="call").get_by_role("button").click()
    assert rows(page)[:4] == ["june/inv-1", "june/inv-2", "june/inv-3", "june/inv-4"]
    assert rows(page)[9:11] == ["june/inv-10", "june/inv-11"]
    page.get_by_role("columnheader", name="call").get_by_role("button").click()
    assert rows(page)[0] == "may/inv-1"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("call")


def test_the_chart_and_the_sheet_follow_the_zone(visit: Open) -> None:
    page = visit(render_plan(everything(), masked=False)).page
    told = page.locator("#peaks dd").first
    assert told.inner_text() == "4 Sun 2031-06-01 14:30 by each row's clock"
    assert "Sun 2031-06-01 14:30 Mexico City" in page.locator("#body").inner_text()
    assert page.locator("#chart rect.blue").count() == 2
    page.select_option("#zone", "Europe/Madrid")
    assert told.inner_text() == "4 Sun 2031-06-01 22:30 Europe/Madrid"
    assert "Mon 2031-06-02 17:00 Madrid" in page.locator("#body").inner_text()
    page.focus("#chart")
    keys(page, "End")
    assert page.locator("#chart").get_attribute("aria-valuetext") == "Mon 2031-06-02 17:00: 2 to place"
    keys(page, "Enter")
    assert rows(page) == ["june/inv-4", "june/inv-5"]
    page.locator("#slot").click()
    assert len(rows(page)) == 13


def explained() -> str:
    return render_plan(everything(), masked=False, load=around(), origins=origins())


def outcomes() -> str:
    return render_outcomes(make_plan(), report(), {"agent-1": "collections"}, masked=False)


def test_the_keyboard_tells_where_a_value_came_from(visit: Open) -> None:
    page = visit(explained()).page
    tip = page.locator("#tip")
    page.fill("#search", "june/inv-1")
    page.focus("#sheet")
    keys(page, "ArrowRight", "ArrowRight", "ArrowRight")
    assert page.locator("#sheet").get_attribute("aria-activedescendant") == "r0c2"
    assert page.locator("#r0c2").get_attribute("aria-describedby") == "tip"
    tip.wait_for()
    assert "schedule.at from formula calls/june.yaml:6:9" in tip.inner_text()
    assert "due = 2031-06-04 · sheet calls/june.xlsx!Due!F2" in tip.inner_text()
    assert "note is empty" in tip.inner_text()
    keys(page, "Escape")
    assert tip.is_hidden()
    assert page.locator("#r0c2").get_attribute("aria-describedby") is None
    keys(page, "ArrowRight", "ArrowRight")
    tip.wait_for()
    assert "agent from alias reconciler.yaml:3:5" in tip.inner_text()
    assert "agent = collections · default calls/june.yaml:4:10" in tip.inner_text()
    assert page.locator("#body .made").count() == 2, "what its own row says is not marked"
    keys(page, "Enter")
    told = page.get_by_role("row", name="schedule.at").last.inner_text()
    assert '=at(date(row.due) - days(3), "14:30")' in told
    assert "reconciler_key" not in page.locator("#panel").inner_text()


def drawn(page: Any) -> None:
    """Wait until what was scrolled has told so: that event comes with the next frame."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def beside(page: Any, cell: str) -> bool:
    """Whether the tip stands right below or above the cell."""
    at, tip = page.locator(f"#{cell}").bounding_box(), page.locator("#tip").bounding_box()
    gaps = (tip["y"] - at["y"] - at["height"], at["y"] - tip["y"] - tip["height"])
    return min(map(abs, gaps)) < 2


@pytest.mark.parametrize(("width", "height"), [(400, 900), (1280, 300), (400, 300)])
def test_what_a_key_scrolls_keeps_its_tip(visit: Open, width: int, height: int) -> None:
    page = visit(explained(), viewport={"width": width, "height": height}).page
    tip = page.locator("#tip")
    page.fill("#search", "june/inv-1")
    page.evaluate("scrollTo(0, 0)")
    page.evaluate("document.getElementById('sheet').focus({ preventScroll: true })")
    for moves, cell in ((3, "r0c2"), (2, "r0c4")):
        keys(page, *["ArrowRight"] * moves)
        drawn(page)
        assert page.locator(f"#{cell}").get_attribute("aria-describedby") == "tip"
        tip.wait_for()
        assert beside(page, cell)


def test_a_tip_stays_with_its_cell_and_goes_with_it(visit: Open) -> None:
    page = visit(explained(), viewport={"width": 1280, "height": 500}).page
    page.focus("#sheet")
    keys(page, "ArrowDown", *["ArrowRight"] * 3)
    drawn(page)
    tip, cell = page.locator("#tip"), "r1c2"
    tip.wait_for()
    before = tip.bounding_box()["y"]
    page.evaluate("scrollBy(0, -20)")
    drawn(page)
    assert tip.bounding_box()["y"] == pytest.approx(before + 20, abs=1)
    assert beside(page, cell)
    page.evaluate("scrollTo(0, 0)")
    drawn(page)
    assert tip.is_hidden(), "its cell is below the window"
    assert page.locator("[aria-describedby=tip]").count() == 0


def test_the_pointer_tells_it_too_and_does_not_get_in_the_way(visit: Open) -> None:
    page = visit(explained()).page
    page.fill("#search", "june/inv-1")
    page.locator("#sheet").scroll_into_view_if_needed()
    page.hover("#r0c4")
    tip = page.locator("#tip")
    tip.wait_for()
    tip.hover()
    assert tip.is_visible()
    page.hover("#found")
    assert tip.is_hidden()
    page.hover("#r1c0")
    assert tip.is_hidden(), "a cell with nothing to add"


def test_the_chart_tells_the_limit_and_what_rings_besides(visit: Open) -> None:
    """Of five calls in the minute, june/inv-2 rings by the state alone: its row asks for another time."""
    page = visit(explained()).page
    (minute, *_) = page.locator("#peaks dd.peak").all_inner_texts()
    assert minute == "5 Sun 2031-06-01 20:30 UTC"
    assert "3 over the limit of 2 policy.peak.per_minute" in page.locator("#peaks").inner_text()
    assert "of 9 allowed policy.peak.per_number" in page.locator("#peaks").inner_text()
    assert page.locator("#legend li").all_inner_texts() == ["to place", "already placed", "over the limit"]
    assert page.locator("#chart line.limit").count() == 1
    assert page.locator("#chart text.limit").text_content() == "limit: 2 in a minute"
    assert page.locator("#chart rect.over").count() == 1
    assert page.locator("#chart").get_attribute("aria-valuetext") == (
        "Sun 2031-06-01 14:00: 4 to place, 1 already placed; 5 in the fullest minute, 3 over the limit"
    )
    page.select_option("#zone", "Europe/Madrid")
    assert page.locator("#peaks dd.peak").first.inner_text() == "5 Sun 2031-06-01 22:30 Europe/Madrid"
    plain = visit(render_plan(everything(), masked=False)).page
    assert plain.locator("#chart line.limit, #peaks .limit, #body .made").count() == 0


def test_outcomes_are_filtered_and_sorted(visit: Open) -> None:
    page = visit(outcomes()).page
    page.get_by_role("button", name="voicemail 3").click()
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
            keys(page, "ArrowRight", "ArrowRight", "ArrowRight")
        else:
            keys(page, "Enter")
        found = axe.Axe().run(page).response["violations"]
        assert [(item["id"], [node["target"] for node in item["nodes"]]) for item in found] == []


def test_without_scripts_the_story_is_there(visit: Open) -> None:
    page = visit(render_plan(everything()), java_script_enabled=False).page
    assert page.locator("noscript tr.create").count() == 7
    assert page.get_by_text("It cannot be applied: 1 error, 1 blocked.").is_visible()
    assert page.get_by_role("row", name="2031-06-01 4", exact=True).is_visible()
    assert not page.locator("#search").is_visible()


def test_paper_has_every_row_that_is_shown(visit: Open) -> None:
    calls = [create(f"june/inv-{number}") for number in range(500)]
    page = visit(render_plan(make_plan(*calls, diagnostics=(problem("late", "W201"),)))).page
    assert len(rows(page)) < 60
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert len(rows(page)) == 500
    assert page.get_by_text("W201 late").is_visible()
    assert not page.locator("#search").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert len(rows(page)) < 60


def test_fifty_thousand_rows_open_in_three_seconds(visit: Open, many: str) -> None:
    page = visit(many).page
    assert page.locator("#found").inner_text() == "50,000 calls"
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert loaded < 3_000
    assert page.locator("#body tr").count() < 60
    page.focus("#sheet")
    keys(page, "End")
    assert page.locator("#sheet").get_attribute("aria-activedescendant") == f"r{MANY - 1}"
    assert page.locator(f"#r{MANY - 1}").is_visible()


def test_fifty_thousand_rows_are_filtered_in_a_fifth_of_a_second(visit: Open, many: str) -> None:
    page = visit(many).page
    page.fill("#search", "x")
    assert milliseconds(page, "const it = byId('search'); it.value = 'inv-4999'; it.oninput()") < 200
    assert page.locator("#found").inner_text() == "11 of 50,000 calls"
    page.fill("#search", "")
    assert milliseconds(page, "const it = byId('plan'); it.value = it.options[2].value; it.onchange()") < 200
    assert page.locator("#found").inner_text() == "7,143 of 50,000 calls"
    assert milliseconds(page, "document.querySelector('#actions button').click()") < 200
