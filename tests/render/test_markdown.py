"""The comment on a pull request: what it says, in which order, how it shrinks, and that no text in it acts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain.plan import Action, Base, CellDiff, Change, Lifted
from reconciler.render.escape import cut, for_html, for_markdown, for_markdown_cell
from reconciler.render.markdown import LIMIT, MARKER, render_plan
from tests.gfm import Page
from tests.hostile import HOSTILE
from tests.plans import BASE, create, everything, make_plan, other, problem

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
ELEMENTS = TABLE | {"h3", "p", "blockquote", "strong", "sub", "br", "code", "details", "summary"}
GOLDEN = Path(__file__).with_name("comment.md")
CHARACTERS = st.sampled_from("`|\\ <>&\"'[]()!*_~#-+=@:/.$%{}\n\r\t\x1b\u202e1aé💥") | st.characters(codec="utf-8")
TEXTS = st.text(CHARACTERS, max_size=30) | st.sampled_from(list(HOSTILE.values()))


def test_the_comment_of_a_small_plan() -> None:
    assert render_plan(everything()) == GOLDEN.read_text(encoding="utf-8")


def test_the_comment_is_all_elements_of_ours() -> None:
    page = Page(render_plan(everything()))
    assert page.tags == ELEMENTS
    assert page.comments == [" reconciler:plan "]
    assert page.alerts == ["CAUTION"]
    assert page.html.count("<details") == page.html.count("</details>") == 11


def test_revealed_it_shows_what_is_masked_otherwise() -> None:
    plan = make_plan(
        create("june/inv-1"), base=Base("main", "0" * 40, (CellDiff("numbers.a.e164", None, "+525512345678"),))
    )
    assert "+14155550123" in render_plan(plan, masked=False)
    assert "+525512345678" in render_plan(plan, masked=False)
    assert "5550123" not in render_plan(plan)
    assert "5512345678" not in render_plan(plan)


def test_values_that_look_alike_are_shown_once() -> None:
    cells = (CellDiff("additional_data.a", "1", "2"), CellDiff("metadata.b", "x" * 900, "x" * 901))
    comment = render_plan(make_plan(create("june/inv-1", diff=cells)))
    assert "`additional_data.a`: `***` (edited)<br>`metadata.b`: `***` (edited) |" in comment
    assert "`additional_data.a`: `1` → `2`<br>" in render_plan(
        make_plan(create("june/inv-1", diff=cells)), masked=False
    )
    settings = Base("main", "0" * 40, (CellDiff("numbers.a.e164", "+525512345678", "+525512345778"),))
    assert "| `numbers.a.e164` | `+***78` | (edited) |" in render_plan(make_plan(base=settings))


def test_a_call_of_very_many_cells_says_how_many_are_left_out() -> None:
    cells = tuple(CellDiff(f"metadata.{number}", None, "x") for number in range(200))
    assert "and 180 more fields" in render_plan(make_plan(create("june/inv-1", diff=cells)))


def test_without_a_state_or_calls_it_says_so() -> None:
    assert "every row counts as new" in render_plan(make_plan(create("june/inv-1"), serial=None, lineage=None))
    assert "### reconciler: no calls\n" in render_plan(make_plan())


def test_a_plan_of_fifty_thousand_calls_fits() -> None:
    calls = [create(f"june/inv-{number}", f"2031-06-{1 + number % 28:02} 14:30:00") for number in range(50_000)]
    blocked = [other(f"may/inv-{number}", Action.BLOCKED, f"the same as {number}") for number in range(3)]
    comment = render_plan(make_plan(*calls, *blocked, diagnostics=(problem("wrong"),)))
    assert LIMIT * 0.8 < len(comment.encode()) <= LIMIT
    assert comment.startswith(f"{MARKER}\n### reconciler: 3 blocked, 50,000 to place\n")
    assert "Shortened to fit a comment: " in comment
    assert all(f"`may/inv-{number}`" in comment for number in range(3))
    days = re.findall(r"\| `\w{3} (\d+) Jun` \| `june` \| `\S+` \| (1,78[56]) \|", comment)
    assert [int(day) for day, _ in days] == list(range(1, 29)), "each day keeps its count"
    assert Page(comment).html.count("<details") == Page(comment).html.count("</details>")


def test_the_more_there_is_the_longer_the_important_stays() -> None:
    """Errors and blocked rows crowd each other out last, and neither the other."""
    plan = make_plan(
        *(other(f"june/blocked-{number}", Action.BLOCKED, "x" * 10_000) for number in range(1_000)),
        *(create(f"june/inv-{number}", f"{2031 + number // 365}-01-01 10:00:00") for number in range(1_000)),
        *(create(f"plan-{number}/inv", "2031-06-01 14:30:00") for number in range(500)),
        diagnostics=tuple(problem("é" * 10_000, line=number) for number in range(1, 1_001)),
        base=Base(
            "main", "0" * 40, tuple(CellDiff(f"agents.a{number}", None, "\u20ac" * 500) for number in range(500))
        ),
    )
    comment = render_plan(plan)
    assert len(comment.encode()) <= LIMIT
    assert (
        comment.index("This branch changes <code>reconciler.yaml</code>")
        < comment.index("<strong>1,000 errors <code>E201</code>")
        < comment.index("`E201`")
    )
    assert "`june/blocked-0`" in comment
    assert re.search(r"… and \d+ more", comment)
    assert len(Page(comment).codes) > 50


@pytest.mark.parametrize("most", [1, 10, 400, 2_000])
def test_nothing_is_left_out_in_silence(most: int) -> None:
    plan = make_plan(*(create(f"june/inv-{number}", "2031-06-01 14:30:00") for number in range(most)))
    comment = render_plan(plan)
    shown = comment.count("| `june/inv-")
    assert (shown == most) is ("Shortened" not in comment)
    if shown < most:
        assert f"… and {most - shown:,} more" in comment
        assert f"{most - shown:,} entries are not listed" in comment


def test_what_waits_on_the_base_is_apart_whatever_it_is() -> None:
    plan = everything()
    plan = replace(plan, changes=plan.changes.mapped(lambda item: structs.replace(item, introduced=False)))
    comment = render_plan(plan)
    assert "<strong>1 blocked" not in comment
    waiting = "Already waiting on <code>origin/main</code>: 1 blocked, 2 changed, 1 removed, 7 to place, 1 held"
    assert waiting in comment


@pytest.mark.parametrize(
    ("changes", "more", "kind"),
    [
        ((create("june/a"),), {}, "NOTE"),
        ((), {}, "NOTE"),
        ((create("june/a"), other("june/b", Action.CHANGED, "it rang")), {}, "WARNING"),
        ((create("june/a"),), {"base": BASE}, "WARNING"),
        ((create("june/a"),), {"lifted": (Lifted("G006", "agreed"),)}, "WARNING"),
        ((create("june/a"), other("june/b", Action.BLOCKED, "no")), {}, "CAUTION"),
        ((create("june/a"),), {"diagnostics": (problem("wrong"),)}, "CAUTION"),
    ],
)
def test_the_verdict_is_an_alert(changes: tuple[Change, ...], more: dict[str, Any], kind: str) -> None:
    comment = render_plan(make_plan(*changes, **more))
    assert Page(comment).alerts == [kind]
    assert ("`Rings Sun 1 Jun 14:30 in Mexico City.`" in comment) is (kind != "CAUTION" and bool(changes))


def test_a_short_table_is_open_and_a_long_one_is_folded() -> None:
    short = render_plan(make_plan(*(create(f"june/inv-{number}") for number in range(12))))
    assert "<details open><summary><strong>12 to place</strong>" in short
    long = render_plan(make_plan(*(create(f"june/inv-{number}") for number in range(13))))
    assert "<details><summary><strong>13 to place</strong>" in long
    assert "| `Sun 1 Jun` | `june` |" in long


def test_each_kind_of_problem_has_a_table_and_rare_kinds_share_one() -> None:
    errors = [
        problem("wrong", f"E{number}", line=line) for number in range(201, 212) for line in range(215 - number)
    ]
    blocked = [
        other(f"june/{number}", Action.BLOCKED, "no", reasons=(f"G0{number:02}",)) for number in range(1, 13)
    ]
    comment = render_plan(make_plan(*blocked, diagnostics=tuple(errors)))
    titles = re.findall(r"<strong>(.*?)</strong></summary>", comment)
    assert titles[0] == "14 errors <code>E201</code>: an unknown field"
    assert titles[7:9] == ["22 other errors", "1 blocked by G001 (calling-hours)"]
    assert titles[15] == "5 blocked for other reasons"
    assert len(titles) == 16


def test_it_shows_whom_when_and_the_chosen_field() -> None:
    plan = make_plan(create("june/inv-1"), show="additional_data.amount_debt")
    assert "| call | whom | rings | `amount_debt` | row | note |" in render_plan(plan)
    assert "| `june/inv-1` | `+***23` | `Sun 1 Jun 14:30 in Mexico City` | `***` |" in render_plan(plan)
    assert "| `Jane Smith`<br>`+14155550123` | `Sun 1 Jun 14:30 in Mexico City` | `14058` |" in render_plan(
        plan, masked=False
    )


def test_calls_are_listed_by_time() -> None:
    days = {"a": "2031-06-03", "b": "2031-06-01", "c": "2031-06-02"}
    comment = render_plan(make_plan(*(create(f"june/{key}", f"{day} 14:30:00") for key, day in days.items())))
    assert re.findall(r"`june/(\w)`", comment) == ["b", "c", "a"]


def test_it_links_the_report_of_the_run() -> None:
    url = "https://ci.example/run?a=1&copy=2#artifacts"
    page = Page(render_plan(everything(), report_url=url))
    assert page.tags == ELEMENTS | {"a"}
    assert 'href="https://ci.example/run?a=1&amp;copy=2#artifacts"' in page.html
    assert len(render_plan(make_plan(*(create(f"june/{n}") for n in range(2_000))), report_url=url)) <= LIMIT


@given(TEXTS)
def test_a_code_span_holds_any_text(text: str) -> None:
    shown = cut(text, 200)
    for markdown in (for_markdown(text), f"- {for_markdown(text)}", f"a<br>\n  {for_markdown(text)}, b"):
        page = Page(markdown)
        assert page.tags <= {"p", "code", "ul", "li", "br"}
        assert [code.strip(" ") for code in page.codes] == [shown.strip(" ")]
        assert page.bare.replace("\n", "").strip() in {"", "a  , b", "a, b"}


@given(TEXTS, TEXTS)
def test_a_cell_holds_any_text(first: str, second: str) -> None:
    page = Page(f"| a | b |\n|---|---|\n| {for_markdown_cell(first)} | {for_markdown_cell(second)} |\n")
    assert page.tags == TABLE | {"code"}
    assert page.html.count("<td>") == 2
    shown = [cut(text, 300).replace("\\x5c|", "\\|") for text in (first, second)]
    for code, text in zip(page.codes, shown, strict=True):
        assert code.replace("\\x5c|", "\\|").strip(" …")[:150] == text.strip(" …")[:150]


@given(TEXTS)
def test_a_summary_holds_any_text(text: str) -> None:
    page = Page(f"<details><summary><code>{for_html(text)}</code></summary>\n\n</details>\n")
    assert page.tags == {"details", "summary", "code"}
    assert page.codes == [cut(text, 200)]
