"""The comment on a pull request, as high as a reviewer meets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from reconciler.domain.plan import Action, CallToStop, CellDiff, Plan
from reconciler.render.markdown import render_plan
from tests.browser.conftest import Visit
from tests.gfm import Page
from tests.plans import BASE, address, create, make_plan, other, problem

ROWS = 2_000
HIGHEST = 1_500  # pixels, at a width of 900
EDITED = (CellDiff("schedule.at", "2031-06-01 14:30:00", "2031-06-02 09:00:00"),)
# The sizes and margins of GitHub's own style sheet for Markdown (sindresorhus/github-markdown-css).
CSS = """
body { font: 16px/1.5 sans-serif; margin: 0; padding: 16px; overflow-wrap: break-word }
h3 { font-size: 20px; line-height: 1.25; margin: 0 0 16px }
p, table, details, blockquote { margin: 0 0 16px }
blockquote { padding: 44px 16px 8px; border-left: 4px solid }
table { border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto }
th, td { border: 1px solid; padding: 6px 13px }
code { font: 85% monospace; padding: .2em .4em; white-space: break-spaces }
sub { font-size: 75%; line-height: 0 }
"""


def stopping() -> tuple[CallToStop, ...]:
    return tuple(
        CallToStop(
            address(f"june/inv-{number}"),
            Action.CHANGED,
            ("still-rings",),
            "its row was edited after it was placed",
            datetime(2031, 6, 1, 20, tzinfo=UTC) + timedelta(minutes=number),
            "America/Mexico_City",
            f"call-{number}",
            "+14155550123",
        )
        for number in range(ROWS)
    )


def new(count: int = ROWS, introduced: bool | None = None) -> Plan:
    calls = [
        create(f"june/inv-{number}", f"2031-06-{1 + number % 25:02} 14:30:00", introduced=introduced)
        for number in range(count)
    ]
    return make_plan(*calls, base=None if introduced is None else BASE)


def changed() -> Plan:
    rows = (
        other(f"june/inv-{number}", Action.CHANGED, "it rings " * 20, diff=EDITED, introduced=True)
        for number in range(ROWS)
    )
    return make_plan(*rows, base=BASE, to_stop=stopping())


def blocked() -> Plan:
    return make_plan(
        *(
            structs.replace(
                create(f"june/inv-{number}"),
                action=Action.BLOCKED,
                reasons=(f"G{1 + number % 21:03}",),
                message="it rings at 21:00, outside of the calling hours 09:00-20:00 in America/Mexico_City",
            )
            for number in range(ROWS)
        )
    )


def errors() -> Plan:
    codes = [f"{letter}{number}" for letter in "EW" for number in range(201, 231)]
    problems = tuple(problem("wrong " * 30, codes[number % 60], line=number + 1) for number in range(ROWS))
    return make_plan(*new(500).changes, diagnostics=problems)


def mixed() -> Plan:
    """Something of each kind, and many of each."""
    actions = [action for action in Action if action is not Action.CREATE]
    rows = [other(f"may/inv-{number}", actions[number % len(actions)], "why " * 40) for number in range(ROWS)]
    return make_plan(*rows, *new(500).changes, diagnostics=errors().diagnostics, to_stop=stopping())


@pytest.mark.parametrize(
    "make", [lambda: new(12), new, lambda: new(introduced=True), changed, blocked, errors, mixed]
)
def test_two_thousand_rows_fit_on_two_screens(visit: Callable[..., Visit], make: Callable[[], Plan]) -> None:
    page = Page(render_plan(make(), report_url="https://ci.example/run"))
    html = f"<!doctype html><meta charset=utf-8><style>{CSS}</style>{page.html}"
    height = visit(html, viewport={"width": 900, "height": 100}).page.evaluate("document.body.scrollHeight")
    assert 200 < height <= HIGHEST
