"""Which listed call is which row of a lost state: one reading or none, whatever the order of the listing."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.blinding import UNKNOWN, is_partial
from reconciler.domain.model import Address, Call, Location, Move, Row, Schedule
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import UNKNOWN_TIME
from reconciler.evidence.rebuild import RINGS_WITHIN, Certainty, RebuildInput, RebuildResult, rebuild

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AHEAD, PAST = NOW + 24 * HOUR, NOW - 24 * HOUR
CALL = Call("agent-a", "n", contact_id="c")


def row(key: str = "k", rings_at: datetime | None = AHEAD, revision: int = 1, **changes: Any) -> Row:
    schedule = None if rings_at is None else Schedule(f"{rings_at:%Y-%m-%d %H:%M:%S}", "UTC")
    place_by, distinct = changes.pop("place_by", None), changes.pop("distinct", False)
    call = structs.replace(CALL, schedule=schedule, **changes)
    address = Address("p", key, revision)
    return Row(address, call, Location("f"), rings_at, place_by=place_by, distinct=distinct)


def listed(call_id: str = "r1", **changes: Any) -> RemoteCall:
    return replace(RemoteCall(call_id, "scheduled", NOW - 48 * HOUR, "agent-a", "c"), **changes)


def tags(wanted: Row, lineage: str = "ours") -> dict[str, str]:
    return identity.tags(lineage, wanted.address, identity.digest(wanted.call))


def look(rows: list[Row], calls: list[RemoteCall], **more: Any) -> RebuildResult:
    return rebuild(RebuildInput(rows, "ours", NOW, **more), calls)


def told(rows: list[Row], calls: list[RemoteCall], **more: Any) -> dict[str, tuple[str, str, str | None]]:
    return {
        str(item.address): (item.certainty.value, item.reason, item.remote and item.remote.id)
        for item in look(rows, calls, **more).findings
    }


def test_tags_are_proof_within_one_lineage() -> None:
    assert told([row()], [listed(tags=tags(row()))]) == {"p/k": ("certain", "tags", "r1")}
    theirs = look([row()], [listed(tags=tags(row(), "theirs"))])
    assert [item.reason for item in theirs.findings] == ["not-listed"]
    assert [call.id for call in theirs.strangers] == ["r1"]


def test_what_was_sent_is_known_as_long_as_a_row_has_its_digest() -> None:
    other = row("l", full_name="x")
    [found] = look([row()], [listed(tags=tags(row()))]).findings
    assert (found.intent.call, found.intent.rings_at, found.intent.attempted_at) == (
        row().call,
        AHEAD,
        NOW - 48 * HOUR,
    )
    found = look([other], [listed(tags=tags(row()))]).findings[0]
    assert (str(found.address), found.reason, is_partial(found.intent.call)) == ("p/k", "no-row", True)
    assert found.intent.digest == identity.digest(row().call)
    assert found.intent.call == Call("agent-a", UNKNOWN, contact_id="c")


@pytest.mark.parametrize(
    ("status", "started", "rings_at"),
    [
        ("scheduled", None, UNKNOWN_TIME),
        ("in-queue", None, UNKNOWN_TIME),
        ("completed", PAST, PAST),
        ("failed", None, NOW - 48 * HOUR),
    ],
)
def test_when_a_call_rings_that_no_row_tells_of(status: str, started: datetime | None, rings_at: datetime) -> None:
    [found] = look([], [listed(tags=tags(row()), status=status, started_at=started)]).findings
    assert found.intent.rings_at == rings_at


def test_whom_a_call_rings_is_kept_as_it_is_listed() -> None:
    unnamed = listed(tags=tags(row()), contact_id=None, number=None, agent=None)
    for call, target, agent in (
        (listed(tags=tags(row()), contact_id=None, number="+525512345678"), "+525512345678", "agent-a"),
        (unnamed, UNKNOWN, UNKNOWN),
        (listed(tags=tags(row()), agent="A"), "c", "A"),
    ):
        [found] = look([], [call]).findings
        assert (found.intent.call.target, found.intent.call.agent) == (target, agent)
    [edited] = look([row(full_name="x")], [listed(tags=tags(row()), agent="AGENT-A")]).findings
    assert edited.intent.call.agent == "agent-a", "the same agent, as the row writes it"


@pytest.mark.parametrize("digest", ["", "d1:sha256:0", "\x07", "d0:sha256:" + "0" * 64])
def test_a_digest_that_is_none_is_not_kept(digest: str) -> None:
    [found] = look([row()], [listed(tags=tags(row()) | {"reconciler_digest": digest})]).findings
    assert found.reason == "edited"
    assert found.intent.digest == identity.digest(found.intent.call)


def test_tags_that_nobody_here_writes_are_left_alone() -> None:
    for wrong in ({"reconciler_plan": "../x"}, {"reconciler_revision": "0"}, {"reconciler_key": "a b"}):
        assert told([], [listed(tags=tags(row()) | wrong)]) == {}


def test_placed_twice_the_row_as_it_stands_is_first() -> None:
    old = listed("r0", tags=tags(row(full_name="x")), created_at=NOW - 72 * HOUR)
    [found] = look([row()], [old, listed(tags=tags(row()))]).findings
    assert (found.remote and found.remote.id, [call.id for call in found.others]) == ("r1", ["r0"])
    assert found.repeated
    assert "r0: it was placed more than once" in found.message
    [found] = look([row()], [old, listed("r2", tags=tags(row(full_name="x")))]).findings
    assert found.remote is not None
    assert found.remote.id == "r0", "else the first"


def test_moves_and_renames() -> None:
    new = row("new")
    moves = [Move("p", "k", "p", "new", Location("f"))]
    assert told([new], [listed(tags=tags(row()))], moves=moves) == {"p/new": ("certain", "tags", "r1")}
    assert told([new], [listed(tags=tags(row()))]) == {"p/new": ("probable", "renamed", "r1")}
    two = [listed(tags=tags(row())), listed("r2", tags=tags(row("l")))]
    found = told([new], two)
    assert (found["p/k"][0], found["p/l"][0], found["p/new"][:2]) == ("certain", "certain", ("unknown", "renamed"))
    assert told([row("new", distinct=True)], [listed(tags=tags(row()))])["p/new"][1] == "not-listed"
    circle = [Move("p", "a", "p", "b", Location("f")), Move("p", "b", "p", "a", Location("f"))]
    with pytest.raises(ValueError, match="cycle"):
        look([], [listed(tags=tags(row("a")))], moves=circle)


def test_without_tags_a_row_and_a_call_that_fit_nothing_else() -> None:
    assert told([row()], [listed()]) == {"p/k": ("probable", "alike", "r1")}
    assert told([row()], [listed(), listed("r2")]) == {"p/k": ("unknown", "several", None)}
    both = told([row(), row("l", AHEAD + HOUR)], [listed()])
    assert set(both.values()) == {("unknown", "shared", None)}
    assert told([row(revision=2)], [listed()]) == {"p/k@2": ("unknown", "earlier-revision", None)}


@pytest.mark.parametrize(
    ("rings_at", "changes"),
    [
        (AHEAD, {"agent": "agent-b"}),
        (AHEAD, {"contact_id": "d"}),
        (AHEAD, {"status": "completed"}),
        (AHEAD, {"created_at": NOW + HOUR}),
        (PAST, {"created_at": PAST + HOUR, "status": "completed"}),
        (PAST, {"status": "scheduled"}),
        (PAST, {"status": "completed", "started_at": PAST - HOUR}),
        (PAST, {"status": "completed", "started_at": PAST + RINGS_WITHIN + HOUR}),
        (None, {"status": "scheduled"}),
        (None, {"status": "completed", "started_at": PAST}),
    ],
)
def test_what_does_not_fit_is_left(rings_at: datetime | None, changes: dict[str, Any]) -> None:
    [found] = look([row(rings_at=rings_at)], [listed(**changes)]).findings
    assert found.reason == ("time-passed" if rings_at == PAST else "not-listed")


@pytest.mark.parametrize("new", [False, True])
def test_empty_metadata_is_no_proof_that_a_row_is_new(new: bool) -> None:
    alike = listed(tags={})
    assert told([row()], [alike], absent_are_new=new) == {"p/k": ("probable", "alike", "r1")}
    other = row("l", contact_id="d")
    tagged = listed("r2", contact_id="d", tags=tags(other))
    found = told([row(), other], [alike, tagged], absent_are_new=new)
    assert found["p/k"] == ("unknown", "untagged", None), "others came back with their tags: a person decides"


@pytest.mark.parametrize(
    ("rings_at", "changes"),
    [
        (PAST, {"status": "completed", "started_at": PAST + HOUR}),
        (PAST, {"status": "no-answer"}),
        (NOW - HOUR, {"status": "scheduled"}),
        (None, {"status": "completed", "started_at": NOW - 48 * HOUR}),
        (None, {"status": "in-queue"}),
    ],
)
def test_what_fits_is_adopted(rings_at: datetime | None, changes: dict[str, Any]) -> None:
    [found] = look([row(rings_at=rings_at)], [listed(**changes)]).findings
    assert found.certainty is Certainty.PROBABLE


def test_repeated_calls_to_one_person_are_told_apart_by_when_they_rang() -> None:
    weeks = [row(f"w{week}", NOW - week * 168 * HOUR) for week in (1, 2, 3)]
    calls = [
        listed(f"r{week}", status="completed", started_at=NOW - week * 168 * HOUR, created_at=NOW - 999 * HOUR)
        for week in (1, 2, 3)
    ]
    assert {name: found[2] for name, found in told(weeks, calls).items()} == {
        f"p/w{week}": f"r{week}" for week in (1, 2, 3)
    }


def test_rows_without_a_call() -> None:
    assert told([row()], [])["p/k"][:2] == ("unknown", "not-listed")
    assert told([row()], [], absent_are_new=True)["p/k"][:2] == ("absent", "new")
    assert told([row(rings_at=PAST)], [])["p/k"][:2] == ("absent", "time-passed")
    assert told([row(rings_at=None, place_by=PAST)], [])["p/k"][:2] == ("absent", "time-passed")
    assert told([row(rings_at=None)], [])["p/k"][:2] == ("unknown", "not-listed")


def test_two_rows_of_one_call_are_no_rename() -> None:
    both = told([row(), row("l")], [listed(tags=tags(row()))])
    assert both == {"p/k": ("certain", "tags", "r1"), "p/l": ("unknown", "not-listed", None)}


def test_what_was_sent_is_told_by_any_row_that_says_the_same() -> None:
    rows = [row("new", distinct=True)]
    found = {str(item.address): item for item in look(rows, [listed(tags=tags(row()))]).findings}
    assert found["p/k"].intent.call == rows[0].call
    assert str(found["p/k"].intent.address) == "p/k"


def test_calls_to_numbers_are_compared_by_their_numbers() -> None:
    phone = row(contact_id=None, to_number="+525512345678", full_name="x")
    assert told([phone], [listed(contact_id="x", number="+525512345678")])["p/k"][0] == "probable"
    assert told([phone], [listed(contact_id="x", number="+525512345679")])["p/k"][1] == "not-listed"


def test_no_call_of_a_row_was_created_after_its_place_by() -> None:
    wanted = row(rings_at=None, place_by=PAST)
    for created, reason in ((PAST, "alike"), (PAST + HOUR, "time-passed")):
        assert told([wanted], [listed(status="completed", created_at=created)])["p/k"][1] == reason


people = st.sampled_from(["c", "d"])
moments = st.sampled_from([None, PAST, NOW - HOUR, AHEAD, AHEAD + HOUR])
a_row = st.builds(
    lambda key, at, who, revision, distinct: row(key, at, revision, contact_id=who, distinct=distinct),
    st.sampled_from("klmn"),
    moments,
    people,
    st.sampled_from([1, 1, 2]),
    st.booleans(),
)
many_rows = st.lists(a_row, max_size=6, unique_by=lambda item: item.address)
a_call = st.builds(
    lambda number, who, status, created, started, tagged, lineage: listed(
        f"r{number}",
        contact_id=who,
        status=status,
        created_at=NOW - created * HOUR,
        started_at=started,
        tags=tagged and tags(tagged, lineage),
    ),
    st.integers(0, 9),
    people,
    st.sampled_from(["scheduled", "in-queue", "completed"]),
    st.sampled_from([0, 1, 30, 48]),
    st.sampled_from([None, PAST, NOW - HOUR]),
    st.none() | a_row,
    st.sampled_from(["ours", "ours", "theirs"]),
)


@given(many_rows, st.lists(a_call, max_size=8, unique_by=lambda item: item.id), st.randoms(), st.booleans())
def test_every_row_ends_once_and_no_call_is_claimed_twice(
    rows: list[Row], calls: list[RemoteCall], chance: random.Random, absent_are_new: bool
) -> None:
    found = look(rows, calls, absent_are_new=absent_are_new)
    addresses = [item.address for item in found.findings]
    assert sorted(set(addresses)) == addresses
    assert {item.address for item in rows} <= set(addresses)
    assert all(item.in_files is (item.address in {row.address for row in rows}) for item in found.findings)
    claimed = [call.id for item in found.findings if item.remote for call in (item.remote, *item.others)]
    assert len(claimed) == len(set(claimed))
    assert set(claimed).isdisjoint(call.id for call in found.strangers)
    for item in found.findings:
        sure = item.certainty in {Certainty.CERTAIN, Certainty.PROBABLE}
        assert sure is (item.remote is not None)
        assert item.intent.address == item.address
        partial = is_partial(item.intent.call)
        assert partial or item.intent.digest == identity.digest(item.intent.call)
    ours = {call.id for call in calls if (call.tags or {}).get("reconciler_lineage") == "ours"}
    assert ours <= set(claimed), "what is proven to be ours is never left out"
    chance.shuffle(rows)
    chance.shuffle(calls)
    assert look(rows, [*calls, *calls[:2]], absent_are_new=absent_are_new) == found
