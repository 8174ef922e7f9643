"""Each change is one line of canonical JSON, whichever encoder writes it."""

from __future__ import annotations

import json

from hypothesis import assume, given

from reconciler.domain.documents import to_line
from reconciler.domain.model import JsonValue
from reconciler.domain.plan import Change
from reconciler.savedplan import planfile
from tests.generated import CHANGES


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
