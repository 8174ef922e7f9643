"""Every action of a plan is known to the schemas, to the counts and to each form."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from reconciler.domain.plan import Action, Plan
from reconciler.render import csv, github, html, junit, markdown, sarif, text, xlsx
from reconciler.render.console import OutputStyle
from reconciler.render.labels import count_line, word
from reconciler.savedplan import planfile
from reconciler.source.schema.packaged import schema_text
from tests.plans import make_plan, other
from tests.workbooks import sheets_of


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("plan", "$defs change properties action enum"),
        ("plan", "properties summary required"),
        ("plan", "properties summary properties"),
        ("explanation", "$defs planned properties action enum"),
    ],
)
def test_the_schemas_list_every_action(schema: str, path: str) -> None:
    node = json.loads(schema_text(schema))
    for name in path.split():
        node = node[name]
    assert set(node) == set(Action)


def test_every_action_is_counted() -> None:
    plan = make_plan(*(other(f"june/{action.value}", action) for action in Action))
    assert planfile.summary(plan) == dict.fromkeys((action.value for action in Action), 1)
    assert count_line(plan).count("1 ") == len(Action)


FORMS: dict[str, Callable[[Plan], str]] = {
    "text": lambda plan: text.render_plan(plan, OutputStyle(width=100)),
    "markdown": markdown.render_plan,
    "html": html.render_plan,
    "csv": lambda plan: csv.render_plan(plan).decode(),
    "xlsx": lambda plan: str(sheets_of(xlsx.render_plan(plan))["Calls"]),
    "junit": lambda plan: junit.render_plan(plan).decode(),
}


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.UNCHANGED])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_shows_every_action(form: str, action: Action) -> None:
    shown = FORMS[form](make_plan(other("june/inv-1", action, "because")))
    assert word(action) in shown or action.value in shown
    assert "inv-1" in shown


ATTENTION = [Action.BLOCKED, Action.FORBIDDEN, Action.UNCERTAIN, Action.CONFLICT, Action.CHANGED]


@pytest.mark.parametrize("action", [*ATTENTION, Action.REMOVED, Action.EXPIRED])
def test_what_needs_a_person_is_annotated(action: Action) -> None:
    plan: Plan = make_plan(other("june/inv-1", action, "because"))
    assert f"june/inv-1 is {action}: because" in github.render_plan(plan)
    assert f"june/inv-1 is {action}: because" in sarif.render_plan(plan)
