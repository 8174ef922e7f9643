"""The diff is complete when it is returned, and refuses rows that it would put in a wrong order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.bulk import spool
from reconciler.domain import identity
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address, Call, Entry, Location, Row, Status
from reconciler.domain.plan import Action
from reconciler.planning.context import Context
from reconciler.planning.diff import diff_rows

NOW = datetime(2031, 6, 1, 12, tzinfo=UTC)
CONTEXT = Context(NOW, "test", "lineage", 1)


def row(key: str, amount: str = "1", at: datetime = NOW + timedelta(days=1)) -> Row:
    call = Call("agent", "from", contact_id=f"person of {key}", additional_data={"amount": amount})
    return Row(Address("june", key), call, Location(f"{key}.yaml"), rings_at=at)


def placed(row: Row, at: datetime) -> Entry:
    return Entry(row.address, Status.PLACED, row.call, identity.digest(row.call), NOW, at)


@pytest.fixture(params=[0, 100], ids=["in parts", "at once"])
def parallel_above(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PARALLEL_ABOVE", request.param)
    monkeypatch.setattr(spool, "PART", 2)


@pytest.mark.usefixtures("parallel_above")
def test_diagnostics_and_calls_to_stop_are_there_before_any_change_is_read() -> None:
    rows = [row(f"inv-{number}", amount="2") for number in range(5)]
    rang = [placed(row(f"inv-{number}"), NOW - timedelta(days=1)) for number in range(3)]
    pending = [placed(row(key), NOW + timedelta(hours=1)) for key in ("inv-3", "inv-4", "inv-9")]
    diff = diff_rows(rows, EntryIndex([*rang, *pending]), CONTEXT, {})
    assert [item.location for item in diff.diagnostics] == [item.source for item in rows[:3]]
    assert [call.address.key for call in diff.to_stop] == ["inv-3", "inv-4", "inv-9"]
    assert [change.address.key for change in diff.changes] == [*(f"inv-{number}" for number in range(5)), "inv-9"]
    assert [change.address.key for change in diff.changes.with_action(Action.REMOVED)] == ["inv-9"]


def test_many_rows_that_are_not_sorted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("b"), row("a"), row("c")]
    expected = [Address("june", key) for key in "abc"]
    assert [change.address for change in diff_rows(rows, EntryIndex(), CONTEXT, {}).changes] == expected
    monkeypatch.setattr(spool, "PARALLEL_ABOVE", 0)
    in_order = sorted(rows, key=lambda item: item.address)
    assert [change.address for change in diff_rows(in_order, EntryIndex(), CONTEXT, {}).changes] == expected
    with pytest.raises(ValueError, match="june/a is out of order"):
        diff_rows(rows, EntryIndex(), CONTEXT, {})
