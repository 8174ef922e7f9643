"""Rows and changes come back from bytes with every field and every type."""

from __future__ import annotations

from hypothesis import given

from reconciler.bulk.packing import pack, unpacker
from reconciler.domain.model import Row
from reconciler.domain.plan import Change
from tests.generated import CHANGES, ROWS


@given(ROWS)
def test_rows(row: Row) -> None:
    again = unpacker(Row)(pack(row))
    assert repr(again) == repr(row)
    assert again == row


@given(CHANGES)
def test_changes(change: Change) -> None:
    again = unpacker(Change)(pack(change))
    assert repr(again) == repr(change)  # also what comparing leaves out
    assert again == change
