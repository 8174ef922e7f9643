"""The diff, judged row by row: every action of the contract and the edges between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Diagnostic, Entry, Location, Row, Schedule, Severity, Status
from reconciler.domain.plan import Action, Change
from reconciler.errors import ExitCode, Refused
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan, verdict
from tests.saved import read_back, saved

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HERE = Location("calls/a.yaml", 3, 5)


def call(at: datetime | None = NOW + HOUR, **changes: Any) -> Call:
    schedule = Schedule(at.strftime("%Y-%m-%d %H:%M:%S"), "UTC") if at else None
    return Call(**({"agent": "a", "sender": "n", "contact_id": "c", "schedule": schedule} | changes))


def row(key: str = "k", revision: int = 1, *, at: datetime | None = NOW + HOUR, **changes: Any) -> Row:
    fields = {name: changes.pop(name) for name in ("enabled", "place_by", "distinct") if name in changes}
    return Row(Address("p", key, revision), call(at, **changes), HERE, rings_at=at, **fields)


def entry(
    source: Row, status: Status = Status.PLACED, *, attempted: datetime = NOW - 48 * HOUR, **changes: Any
) -> Entry:
    delay = timedelta(minutes=source.call.delay_minutes or 0)
    rings = source.rings_at or attempted + delay
    digest = identity.digest(source.call)
    return Entry(source.address, status, source.call, digest, attempted, rings, **changes)


def judge(rows: list[Row], entries: list[Entry], **context: Any) -> dict[str, Change]:
    plan = make_plan(rows, entries, Context(NOW, "test", "lineage", 1, **context))
    return {str(change.address): change for change in plan.changes}


def one(rows: list[Row], entries: list[Entry], **context: Any) -> Change:
    [change] = judge(rows, entries, **context).values()
    return change


def test_a_row_not_in_state_is_placed() -> None:
    change = one([row()], [])
    assert change.action is Action.CREATE
    assert change.request is not None
    assert change.request.body["metadata"]["reconciler_lineage"] == "lineage"  # type: ignore[index, call-overload]
    assert change.scheduled_at == NOW + HOUR


@pytest.mark.parametrize("status", [Status.PLACED, Status.ADOPTED])
def test_the_same_digest_is_unchanged(status: Status) -> None:
    assert one([row()], [entry(row(), status)]).action is Action.UNCHANGED


@pytest.mark.parametrize("status", [Status.INTENDED, Status.SENT, Status.UNCERTAIN])
def test_an_unknown_outcome_stays_uncertain_whatever_the_row_says(status: Status) -> None:
    for wanted in (row(), row(full_name="x"), row(enabled=False), row(at=NOW - HOUR)):
        assert one([wanted], [entry(row(), status)]).action is Action.UNCERTAIN
    assert one([], [entry(row(), status)]).action is Action.UNCERTAIN
    assert one([], [entry(row(), status)], complete=False).action is Action.UNCERTAIN


@pytest.mark.parametrize("status", [Status.RULED_OUT, Status.FAILED, Status.MISSED])
def test_an_attempt_that_came_to_nothing_is_placed_again(status: Status) -> None:
    assert one([row()], [entry(row(), status)]).action is Action.CREATE


@pytest.mark.parametrize(
    ("old_at", "new_at", "stopped", "reason"),
    [
        (NOW + HOUR, NOW + 2 * HOUR, False, "still-rings"),
        (NOW + HOUR, NOW - HOUR, False, "still-rings"),
        (NOW + HOUR, NOW + 2 * HOUR, True, "stopped"),
        (NOW - HOUR, NOW + HOUR, True, "stopped"),
        (NOW - HOUR, NOW + HOUR, False, "new-occurrence"),
        (NOW - HOUR, NOW - 2 * HOUR, False, "past"),
        (NOW - HOUR, NOW, False, "past"),
        (NOW, NOW + HOUR, False, "new-occurrence"),
    ],
)
def test_changed(old_at: datetime, new_at: datetime, stopped: bool, reason: str) -> None:
    old = entry(row(at=old_at), stopped_at=NOW if stopped else None)
    plan = make_plan([row(at=new_at)], [old], Context(NOW, "test"))
    [change] = plan.changes
    assert change.action is Action.CHANGED
    assert change.reasons == (("edited", reason) if reason == "still-rings" else (reason,))
    assert [cell.field for cell in change.diff] == ["schedule.at"]
    assert [item.code for item in plan.errors] == (["E501"] if reason == "new-occurrence" else [])


def test_an_immediate_call_edited_after_it_rang_is_past() -> None:
    change = one([row(at=None, full_name="x")], [entry(row(at=None))])
    assert change.reasons == ("past",)


@pytest.mark.parametrize(
    ("at", "place_by", "expired"),
    [
        (NOW + timedelta(seconds=1), None, False),
        (NOW, None, True),
        (NOW - HOUR, None, True),
        (None, None, False),
        (None, NOW, False),
        (None, NOW - timedelta(seconds=1), True),
        (NOW + HOUR, NOW - HOUR, True),
    ],
)
def test_expired(at: datetime | None, place_by: datetime | None, expired: bool) -> None:
    change = one([row(at=at, place_by=place_by)], [])
    assert (change.action is Action.EXPIRED) is expired


def test_a_disabled_row() -> None:
    off = row(enabled=False)
    assert one([off], []).action is Action.HELD
    assert one([off], [entry(row())]).reasons == ("disabled", "still-rings")
    assert one([off], [entry(row(), stopped_at=NOW)]).action is Action.UNCHANGED
    past = row(enabled=False, at=NOW - HOUR)
    assert one([past], []).action is Action.HELD
    assert one([past], [entry(row(at=NOW - HOUR))]).action is Action.UNCHANGED


def test_removed_is_what_still_rings_in_the_plans_in_scope() -> None:
    assert one([], [entry(row())]).reasons == ("no-row", "still-rings")
    assert not judge([], [entry(row())], scope=frozenset({"other"}))
    assert not judge([], [entry(row())], complete=False)
    assert not judge([], [entry(row(), stopped_at=NOW)])
    assert not judge([], [entry(row(at=NOW - HOUR))])
    assert not judge([], [entry(row(), Status.FAILED)])


@pytest.mark.parametrize("status", [Status.PLACED, Status.UNCERTAIN])
def test_an_entry_without_a_row_shows_its_call_and_when_it_rings(status: Status) -> None:
    change = one([], [entry(row(), status)])
    assert (change.shown_call, change.scheduled_at) == (row().call, NOW + HOUR)
    assert one([], [entry(row(at=None), Status.UNCERTAIN)]).scheduled_at is None


def test_a_raised_revision() -> None:
    both = judge([row(revision=2, full_name="x")], [entry(row())])
    assert both["p/k"].reasons == ("superseded", "still-rings")
    assert both["p/k@2"].reasons == ("earlier-revision-pending",)
    assert judge([row(revision=2)], [entry(row(), stopped_at=NOW)])["p/k@2"].action is Action.CREATE
    assert judge([row(revision=2)], [entry(row(), Status.FAILED)])["p/k@2"].action is Action.CREATE
    assert judge([row(revision=2)], [entry(row(at=NOW - HOUR))])["p/k@2"].action is Action.CREATE
    unsettled = judge([row(revision=2)], [entry(row(), Status.UNCERTAIN)])
    assert unsettled["p/k@2"].reasons == ("earlier-revision-uncertain",)
    assert judge([row()], [entry(row(revision=2))])["p/k"].reasons == ("revision-lowered",)


def test_the_same_call_under_another_name() -> None:
    placed = entry(row())
    assert one([row("new", enabled=False)], [structs.replace(placed, rings_at=NOW - HOUR)]).action is Action.HELD
    assert judge([row("new")], [placed])["p/new"].reasons == ("same-call",)
    assert judge([row("new", full_name="x")], [placed])["p/new"].reasons == ("same-call",), "same person and time"
    assert judge([row("new", at=NOW + 2 * HOUR)], [placed])["p/new"].action is Action.CREATE
    assert judge([row("new", contact_id="d")], [placed])["p/new"].action is Action.CREATE
    assert judge([row("new", distinct=True)], [placed])["p/new"].action is Action.CREATE
    assert judge([row("new")], [entry(row(), stopped_at=NOW)])["p/new"].action is Action.BLOCKED
    assert judge([row("new")], [entry(row(), Status.FAILED)])["p/new"].action is Action.CREATE
    assert judge([row("new")], [entry(row(), Status.UNCERTAIN)])["p/new"].action is Action.BLOCKED
    siblings = frozenset({Address("p", "k")})
    assert judge([row("new")], [placed], siblings=siblings)["p/new"].action is Action.CREATE


def in_plan(plan: str, item: Entry) -> Entry:
    return structs.replace(item, address=Address(plan, item.address.key))


def test_a_renamed_plan_is_named_if_all_its_calls_can_be_moved() -> None:
    old = [in_plan("old", entry(row(key, contact_id=key))) for key in "ab"]
    rows = [row(key, contact_id=key) for key in "ab"]
    assert "{from: old, to: p}" in str(judge(rows, old)["p/a"].message)
    taken = entry(row("b", contact_id="b"), Status.FAILED)
    assert "{from: old/a, to: p/a}" in str(judge(rows, [*old, taken])["p/a"].message)


def test_immediate_calls_to_the_same_person_within_a_day() -> None:
    recent, old = entry(row(at=None), attempted=NOW - HOUR), entry(row(at=None), attempted=NOW - 25 * HOUR)
    other = row("new", at=None, full_name="x")
    assert judge([other], [recent])["p/new"].reasons == ("same-call",)
    assert judge([other], [old])["p/new"].action is Action.CREATE
    assert judge([row("new", at=None)], [old])["p/new"].reasons == ("same-call",), "the same digest, however old"


def test_two_rejections_of_the_same_call_need_a_word() -> None:
    twice = entry(row(), Status.FAILED, rejections=2, error="HTTP 400")
    assert one([row()], [twice]).reasons == ("rejected-twice",)
    assert one([row()], [twice], retry_failed=True).action is Action.CREATE
    assert one([row(full_name="x")], [twice]).action is Action.CREATE
    once = one([row()], [entry(row(), Status.FAILED, rejections=1, error="HTTP 400")])
    assert once.action is Action.CREATE
    assert once.message is not None
    assert "HTTP 400" in once.message


def test_problems_of_a_row_that_rang_are_warnings() -> None:
    problem = Diagnostic(Severity.ERROR, "E301", "unknown agent", HERE, address=Address("p", "k"))
    context = Context(NOW, "test")
    assert make_plan([], [entry(row(at=NOW - HOUR))], context, [problem]).errors == ()
    assert make_plan([], [entry(row())], context, [problem]).errors == (problem,)
    assert make_plan([], [], context, [problem]).errors == (problem,)


def test_the_verdict() -> None:
    context = Context(NOW, "test")
    assert verdict(make_plan([row()], [], context)) is ExitCode.DONE
    assert verdict(make_plan([row("new")], [entry(row())], context)) is ExitCode.REFUSED
    problem = Diagnostic(Severity.ERROR, "E301", "x")
    assert verdict(make_plan([row("new")], [entry(row())], context, [problem])) is ExitCode.ERROR


moments = st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR])
rows = st.builds(
    lambda key, revision, at, who, **kw: row(key, revision, at=at, contact_id=who, **kw),
    key=st.sampled_from("abc"),
    revision=st.integers(1, 3),
    at=moments,
    who=st.sampled_from("xyz"),
    enabled=st.booleans(),
    distinct=st.booleans(),
)
entries = st.builds(
    lambda source, status, stopped, rejections: entry(
        source, status, stopped_at=NOW if stopped else None, rejections=rejections
    ),
    rows,
    st.sampled_from(Status),
    st.booleans(),
    st.integers(0, 3),
)


def unique(items: list[Any]) -> list[Any]:
    return list({item.address: item for item in items}.values())


@given(st.lists(rows, max_size=6).map(unique), st.lists(entries, max_size=6).map(unique), st.randoms())
def test_every_plan_is_total_deterministic_and_never_places_what_may_exist(
    wanted: list[Row], known: list[Entry], random: Any
) -> None:
    plan = make_plan(wanted, known, Context(NOW, "test", "lineage", 3))
    judged = {change.address for change in plan.changes}
    assert {item.address for item in wanted} <= judged
    assert len(judged) == len(plan.changes)
    live = {item.address for item in known if item.placed or item.unknown}
    for change in plan.changes:
        if change.action is Action.CREATE:
            assert change.address not in live
        assert (change.request is not None) is (change.action is Action.CREATE)
    shuffled_rows, shuffled_entries = wanted.copy(), known.copy()
    random.shuffle(shuffled_rows)
    random.shuffle(shuffled_entries)
    again = make_plan(shuffled_rows, shuffled_entries, Context(NOW, "test", "lineage", 3))
    data = saved(plan)
    assert saved(again) == data
    assert saved(read_back(data)) == data


def of_one_row(key: str, revision: int) -> bytes:
    return saved(make_plan([row(key, revision)], [], Context(NOW, "test", "lineage", 3)))


@pytest.mark.parametrize(("key", "revision"), [("k", 1), ("a:b/c", 2), ("k", 999_999_999)])
def test_a_saved_plan_is_read_with_any_address_of_a_row(key: str, revision: int) -> None:
    data = of_one_row(key, revision)
    assert saved(read_back(data)) == data


@pytest.mark.parametrize(("key", "revision"), [("a b", 1), ("", 1), ("k@2", 1), ("k", 0), ("k", 10**9)])
def test_a_saved_plan_with_an_address_that_no_row_can_have_is_refused(key: str, revision: int) -> None:
    with pytest.raises(Refused):
        read_back(of_one_row(key, revision))
