"""The comment on a pull request: what it says, in which order, how it shrinks, and that no text in it acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain.plan import Action, Base, CellDiff
from reconciler.render.escape import cut, for_html, for_markdown, for_markdown_cell
from reconciler.render.markdown import LIMIT, MARKER, render_plan
from tests.gfm import Page
from tests.hostile import HOSTILE
from tests.plans import create, everything, make_plan, other, problem

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
ELEMENTS = TABLE | {"h3", "h4", "p", "strong", "sub", "br", "ul", "li", "code", "details", "summary"}
GOLDEN = Path(__file__).with_name("comment.md")
CHARACTERS = st.sampled_from("`|\\ <>&\"'[]()!*_~#-+=@:/.$%{}\n\r\t\x1b\u202e1aé💥") | st.characters(codec="utf-8")
TEXTS = st.text(CHARACTERS, max_size=30) | st.sampled_from(list(HOSTILE.values()))


def test_the_comment_of_a_small_plan() -> None:
    assert render_plan(everything()) == GOLDEN.read_text(encoding="utf-8")


def test_the_comment_is_all_elements_of_ours() -> None:
    page = Page(render_plan(everything()))
    assert page.tags == ELEMENTS
    assert page.comments == [" reconciler:plan "]
    assert page.html.count("<details>") == page.html.count("</details>") == 7


def test_revealed_it_shows_what_is_masked_otherwise() -> None:
    plan = make_plan(
        create("june/inv-1"), base=Base("main", "0" * 40, (CellDiff("numbers.a.e164", None, "+525512345678"),))
    )
    assert "+14155550123" in render_plan(plan, masked=False)
    assert "+525512345678" in render_plan(plan, masked=False)
    assert "5550123" not in render_plan(plan)
    assert "5512345678" not in render_plan(plan)


def test_cells_that_look_alike_are_said_to_differ() -> None:
    cells = (CellDiff("additional_data.a", "1", "2"), CellDiff("metadata.b", "x" * 900, "x" * 901))
    comment = render_plan(make_plan(create("june/inv-1", diff=cells)))
    assert "| `additional_data.a` | `***` | `***` (differs) |" in comment
    assert comment.count("(differs)") == 2


def test_a_call_of_very_many_cells_says_how_many_are_left_out() -> None:
    cells = tuple(CellDiff(f"metadata.{number}", None, "x") for number in range(200))
    assert "and 180 more fields" in render_plan(make_plan(create("june/inv-1", diff=cells)))


def test_without_a_state_or_calls_it_says_so() -> None:
    assert "every row counts as new" in render_plan(make_plan(create("june/inv-1"), serial=None, lineage=None))
    assert "No calls." in render_plan(make_plan())


def test_a_plan_of_fifty_thousand_calls_fits() -> None:
    calls = [create(f"june/inv-{number}", f"2031-06-{1 + number % 28:02} 14:30:00") for number in range(50_000)]
    blocked = [other(f"may/inv-{number}", Action.BLOCKED, f"the same as {number}") for number in range(3)]
    comment = render_plan(make_plan(*calls, *blocked, diagnostics=(problem("wrong"),)))
    assert LIMIT * 0.8 < len(comment.encode()) <= LIMIT
    assert comment.startswith(f"{MARKER}\n### reconciler: 3 blocked, 50,000 to place\n")
    assert "**Shortened to fit a comment:**" in comment
    assert "| to place | 50,000 |" in comment
    assert all(f"`may/inv-{number}`" in comment for number in range(3))
    assert all(f"2031-06-{day:02}" in comment for day in range(1, 29)), "each day keeps its count"
    assert Page(comment).html.count("<details>") == Page(comment).html.count("</details>")


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
        comment.index("This branch changes `reconciler.yaml`")
        < comment.index("#### 1,000 errors")
        < comment.index("`E201`")
    )
    assert "`june/blocked-0`" in comment
    assert "more groups with" in comment
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
    assert "#### 1 blocked" not in comment
    waiting = "Already waiting on <code>origin/main</code>: 1 blocked, 2 changed, 1 removed, 7 to place, 1 held"
    assert waiting in comment


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
