"""Saved plans: each change is one line, whichever encoder writes it, and a wrong member is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given

from reconciler.domain.changes import Changes
from reconciler.domain.documents import to_line
from reconciler.domain.model import Address, JsonValue
from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.errors import Refused
from reconciler.savedplan import planfile
from tests.generated import CHANGES
from tests.saved import read_back, saved

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@given(CHANGES)
def test_both_encoders_write_the_same_line(change: Change) -> None:
    assume(change.request is None or not _has_fraction(change.request.body))
    line = planfile.change_line(change)
    assert line == to_line(planfile.change_document(change))
    assert json.loads(line) == planfile.change_document(change)


def _has_fraction(value: JsonValue) -> bool:
    """Of a request, only its delay may be one; and that is its call's."""
    if isinstance(value, dict):
        return any(map(_has_fraction, value.values()))
    return isinstance(value, float) or (isinstance(value, list) and any(map(_has_fraction, value)))


STOPPED = CallToStop(Address("june", "inv-1"), Action.REMOVED, ("removed",), "removed", NOW, call_id="c-1")
PLAN = Plan(
    NOW,
    "1.0",
    "lineage",
    1,
    Changes.from_items([]),
    to_stop=(STOPPED,),
    moves=((Address("june", "a"), Address("june", "b")),),
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"timezone": "UTC"', '"timezone": "No/Zone"'),
        ('"timezone": "UTC"', '"timezone": 1'),
        ('"rings_at": "2026', '"rings_at": "9999'),
        ('"serial": 1', '"serial": true'),
        ('"serial": 1', '"serial": {"a": 1}'),
        ('"action": "removed"', '"action": "none"'),
        ('"from": "june/a"', '"from": "june"'),
        ('"overrides": []', '"overrides": [{}]'),
        ('"diagnostics": []', '"diagnostics": [' + "[" * 25_000 + "]" * 25_000 + "]"),
    ],
)
def test_a_member_of_another_type_or_value_is_refused(right: str, wrong: str) -> None:
    good = saved(PLAN)
    assert read_back(good) == PLAN
    assert right.encode() in good
    with pytest.raises(Refused):
        read_back(good.replace(right.encode(), wrong.encode()))
