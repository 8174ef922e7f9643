"""What a branch introduces, compared with the rows of its base."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from reconciler.domain.model import Row
from reconciler.domain.plan import Base, Change
from reconciler.planning.branch import introduce
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan
from tests.planning.test_plan_engine import HOUR, NOW, entry, row

BASE = Base("main", "abc")


def marked(rows: list[Row], base: list[Row], placed: list[Row] | None = None) -> dict[str, Change]:
    plan = make_plan(rows, [entry(item) for item in placed or []], Context(NOW, "test", "lineage", 1))
    return {change.address.key: change for change in introduce(plan, rows, base, BASE).changes}


def person(key: str, **changes: Any) -> Row:
    return row(key, contact_id=key, **changes)


def test_new_edited_and_deleted_rows_are_introduced() -> None:
    base = [person("deleted"), person("edited"), person("same")]
    rows = [person("edited", full_name="x"), person("new"), person("same")]
    changes = marked(rows, base, placed=[person("deleted"), person("gone-before")])
    assert {key: change.introduced for key, change in changes.items()} == {
        "deleted": True,
        "edited": True,
        "gone-before": False,
        "new": True,
        "same": False,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("place_by", NOW + HOUR), ("distinct", True), ("enabled", False), ("called_timezone", "Etc/UTC")],
)
def test_a_cell_beside_the_call_is_an_edit_too(field: str, value: Any) -> None:
    edited = structs.replace(row(), **{field: value})
    for rows, base in (([edited], [row()]), ([row()], [edited])):
        assert marked(rows, base)["k"].introduced
    assert not marked([edited], [edited])["k"].introduced


def test_a_row_that_is_not_placed_shows_what_the_branch_edits() -> None:
    [change] = marked([row(full_name="new", place_by=NOW + HOUR)], [row(full_name="old")]).values()
    assert [cell.field for cell in change.diff] == ["full_name", "place_by"]
    placed = row(full_name="placed")
    [change] = marked([row(full_name="new")], [row(full_name="old")], placed=[placed]).values()
    assert [(cell.before, cell.after) for cell in change.diff] == [("placed", "new")], (
        "compared with the placed call"
    )
