"""The diff is complete when it is returned, and refuses rows that it would put in a wrong order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec import structs

from reconciler.bulk import spool
from reconciler.domain import identity
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address, Call, Entry, Location, Row, Status
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile
from reconciler.domain.plan import Action
from reconciler.domain.policy import Hours, Policy, Strictness, Window
from reconciler.planning.context import Context
from reconciler.planning.diff import diff_rows
from reconciler.planning.guards.registry import PLACED_CODES

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


@pytest.mark.parametrize("strictness", Strictness)
def test_an_edited_or_removed_call_is_to_be_stopped_whatever_guards_block(strictness: Strictness) -> None:
    context = replace(CONTEXT, policy=Policy(strictness=dict.fromkeys(PLACED_CODES, strictness)))
    pending = [placed(row(key), NOW + timedelta(hours=1)) for key in ("edited", "removed", "same")]
    diff = diff_rows([row("edited", amount="2"), row("same")], EntryIndex(pending), context, {})
    assert [(call.address.key, call.action) for call in diff.to_stop] == [
        ("edited", Action.CHANGED),
        ("removed", Action.REMOVED),
    ]


def test_a_placed_call_that_a_guard_would_block_today_is_forbidden() -> None:
    hours = Hours(((Window(0, 12 * 60 + 30),),) * 7)  # calls may ring until 12:30
    rows = [structs.replace(row(key), called_timezone="Etc/UTC") for key in ("early", "excused", "late")]
    minutes = {"early": 10, "excused": 60, "late": 60}
    pending = [placed(item, NOW + timedelta(minutes=minutes[item.address.key])) for item in rows]
    overridden = {Address("june", "excused"): frozenset({"G001"})}
    context = replace(CONTEXT, policy=Policy(hours=hours), overridden=overridden)
    diff = diff_rows(rows, EntryIndex(pending), context, {})
    actions = {change.address.key: (change.action, change.reasons[:1]) for change in diff.changes}
    assert actions["late"] == (Action.FORBIDDEN, ("G001",))
    assert [actions[key][0] for key in ("early", "excused")] == [Action.UNCHANGED] * 2
    assert [call.address.key for call in diff.to_stop] == ["late"]


def test_a_removed_call_to_a_suppressed_person_is_forbidden() -> None:
    file = SuppressionFile(ListFile("dnc.csv", Location("reconciler.yaml")), date(2031, 6, 1))
    people = People((Suppressed(file, frozenset({"person of listed"})),), {})
    pending = [placed(row(key), NOW + timedelta(hours=1)) for key in ("free", "listed")]
    diff = diff_rows([], EntryIndex(pending), replace(CONTEXT, people=people), {})
    assert [change.action for change in diff.changes] == [Action.REMOVED, Action.FORBIDDEN]
    assert [(call.address.key, "dnc.csv" in call.why) for call in diff.to_stop] == [
        ("free", False),
        ("listed", True),
    ]


def test_what_is_private_in_a_change_is_private_in_its_call_to_stop() -> None:
    named = structs.replace(row("ana"), call=structs.replace(row("ana").call, to_number="+1", full_name="ana"))
    diff = diff_rows([], EntryIndex([placed(named, NOW + timedelta(hours=1))]), CONTEXT, {})
    assert [call.private for call in diff.to_stop] == [("ana",)]


def test_many_rows_that_are_not_sorted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row("b"), row("a"), row("c")]
    expected = [Address("june", key) for key in "abc"]
    assert [change.address for change in diff_rows(rows, EntryIndex(), CONTEXT, {}).changes] == expected
    monkeypatch.setattr(spool, "PARALLEL_ABOVE", 0)
    in_order = sorted(rows, key=lambda item: item.address)
    assert [change.address for change in diff_rows(in_order, EntryIndex(), CONTEXT, {}).changes] == expected
    with pytest.raises(ValueError, match="june/a is out of order"):
        diff_rows(rows, EntryIndex(), CONTEXT, {})
