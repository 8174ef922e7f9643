"""What the tests of the page do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from reconciler.domain.plan import Action, Plan
from reconciler.render.html import render_outcomes, render_plan
from tests.browser.conftest import Visit
from tests.plans import create, everything, load_context, make_plan, origins, problem, report

Open = Callable[..., Visit]


def keys(page: Any, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def rows(page: Any) -> list[str]:
    """The addresses of the rows that are drawn."""
    return [text.strip() for text in page.locator("#body .c-call").all_inner_texts()]


def with_agents(page: Any) -> None:
    """Show the column of agents, which is hidden while all calls have one agent."""
    page.locator("#columns-menu summary").click()
    page.get_by_role("checkbox", name="agent").check()
    keys(page, "Escape")


def explained() -> str:
    return render_plan(everything(), masked=False, load=load_context(), origins=origins())


def outcomes() -> str:
    return render_outcomes(make_plan(), report(), {"agent-1": "collections"}, masked=False)


def many_problems() -> Plan:
    """Hundreds of problems of two kinds, and of blocked calls."""
    blocked = [
        structs.replace(create(f"june/inv-{number}"), action=Action.BLOCKED, reasons=("G001",))
        for number in range(900)
    ]
    problems = [problem("no number", "E304", line=number, hint="write +52 ...") for number in range(200)]
    return make_plan(*blocked, diagnostics=(*problems, *[problem("late", "W201")] * 200))
