"""What a service's words come to, and how it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from reconciler.domain.model import Address, Call, Entry, Status
from reconciler.domain.service import Listing, RemoteCall
from reconciler.evidence.matching import PENDING, Lineage
from reconciler.evidence.outcomes import Answers, DriftKind, drift, ended, outcome, stand
from reconciler.evidence.refresh import ONE_BY_ONE, list_calls, query_calls, spans
from reconciler.sandbox.timeline import RESULTS, STATUSES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINEAGE = Lineage("ours")


def entry(number: int = 1, status: Status = Status.PLACED, ago: timedelta = HOUR, **fields: object) -> Entry:
    call_id = f"call-{number}" if status is Status.PLACED else None
    call = Call(agent="a", sender="n", contact_id="c")
    at = NOW - ago
    made = Entry(Address("june", f"inv-{number}"), status, call, f"d{number}", at, at, call_id)
    return structs.replace(made, **fields)  # type: ignore[arg-type]


def remote(
    number: int = 1, status: str = "completed", result: str | None = None, tags: dict[str, str] | None = None
) -> RemoteCall:
    return RemoteCall(f"call-{number}", status, NOW - HOUR, result=result, tags=tags)


@pytest.mark.parametrize(
    ("status", "result", "word"),
    [
        ("scheduled", None, "scheduled"),
        ("in-queue", None, "in-queue"),
        ("in-progress", None, "in-progress"),
        ("completed", "answered", "answered"),
        ("completed", "voicemail", "voicemail"),
        ("completed", "no_answer", "no-answer"),
        ("completed", None, "completed"),
        ("completed", "transferred", "completed"),
        ("no-answer", "no_answer", "no-answer"),
        ("busy", None, "busy"),
        ("failed", "failed", "failed"),
        ("voice_mail", "voicemail", "voicemail"),
        ("answering-machine", None, "answering-machine"),
        ("incomplete", "answered", "incomplete"),
        ("on-hold", "answered", "on-hold"),
    ],
)
def test_the_words(status: str, result: str | None, word: str) -> None:
    assert outcome(remote(status=status, result=result)) == word


def test_every_documented_status_ends_or_may_go_on() -> None:
    open_ones = {status for status in STATUSES if not ended(remote(status=status, result="x"), NOW, NOW)}
    assert open_ones == {*PENDING, "incomplete"}
    assert not ended(remote(status="on-hold", result="answered"), NOW - 9 * HOUR, NOW)
    assert all(ended(remote(result=result), NOW, NOW) for result in RESULTS)
    assert not ended(remote(), NOW - 23 * HOUR, NOW)
    assert ended(remote(), NOW - 24 * HOUR, NOW)


@pytest.mark.parametrize(
    ("known", "answers", "word"),
    [
        (entry(), None, "placed"),
        (entry(), Answers(), "unlisted"),
        (entry(), Answers(absent=frozenset({"call-1"})), "missing"),
        (entry(ago=HOUR / 2), Answers(absent=frozenset({"call-1"})), "unlisted"),
        (entry(stopped_at=NOW), Answers(absent=frozenset({"call-1"})), "stopped"),
        (entry(stopped_at=NOW), Answers({"call-1": remote(status="scheduled")}), "scheduled"),
        (entry(status=Status.INTENDED, ago=timedelta(minutes=10)), None, "placing"),
        (entry(status=Status.INTENDED), None, "uncertain"),
        (entry(status=Status.UNCERTAIN, ago=timedelta(0)), None, "uncertain"),
        (entry(status=Status.FAILED), Answers(), "refused"),
        (entry(status=Status.RULED_OUT), None, "not-placed"),
        (entry(status=Status.MISSED), None, "missed"),
    ],
)
def test_where_an_address_stands(known: Entry, answers: Answers | None, word: str) -> None:
    assert stand(known, answers, {}, NOW).outcome == word


def test_what_the_service_says_now_comes_before_what_it_said() -> None:
    then, now = {"call-1": remote(status="busy")}, Answers({"call-1": remote(result="answered")})
    assert stand(entry(), now, then, NOW).outcome == "answered"
    assert stand(entry(), Answers(), then, NOW).outcome == "busy"


def tags(key: str, lineage: str = "ours", plan: str = "june") -> dict[str, str]:
    names = {"lineage": lineage, "plan": plan, "key": key, "revision": "1"}
    return {f"reconciler_{name}": value for name, value in names.items()}


def found(
    known: Sequence[Entry], *calls: RemoteCall, plans: set[str] | None = None
) -> list[tuple[DriftKind, str]]:
    answers = Answers({call.id: call for call in calls})
    standings = [stand(item, answers, {}, NOW) for item in known]
    return [(item.kind, item.call_id) for item in drift(standings, answers, known, LINEAGE, plans, NOW)]


def test_a_call_that_a_person_recorded_does_not_show_whether_tags_are_returned() -> None:
    own = {"reconciler_lineage": "ours", "reconciler_plan": "june", "reconciler_key": "inv-1"}
    calls = {
        "call-1": remote(1, tags=own | {"reconciler_revision": "1", "reconciler_digest": "d1"}),
        "call-2": remote(2),
    }
    answers, entries = Answers(calls), [entry(1), entry(2)]
    assert answers.tagged(entries, LINEAGE, {"call-2"}) is True
    assert answers.tagged(entries, LINEAGE, {"call-1"}) is False
    assert answers.tagged(entries, LINEAGE, {"call-1", "call-2"}) is None


def test_tagged_calls_that_the_state_does_not_know() -> None:
    lost = remote(9, "scheduled", tags=tags("inv-9"))
    assert found([entry()], lost) == [(DriftKind.UNKNOWN, "call-9")]
    assert found([entry()], lost, plans={"july"}) == []
    assert found([entry(9)], lost) == []
    assert found([entry(8)], remote(9, "scheduled", tags=tags("inv-8"))) == [(DriftKind.DUPLICATE, "call-9")]
    assert found([], remote(9, tags=tags("inv-9", lineage="another"))) == []
    assert found([], remote(9, tags={}), remote(8)) == []
    for key in ("x; rm -rf .", "", "inv-9@2", "a\nb"):
        assert found([], remote(9, tags=tags(key))) == []


def test_a_call_that_is_being_placed_is_no_drift() -> None:
    call = remote(9, "scheduled", tags=tags("inv-1"))
    assert found([entry(status=Status.INTENDED, ago=timedelta(seconds=5))], call) == []
    assert found([entry(status=Status.INTENDED)], call) == [(DriftKind.UNKNOWN, "call-9")]
    assert found([entry(status=Status.UNCERTAIN, ago=timedelta(0))], call) == [(DriftKind.UNKNOWN, "call-9")]


def test_a_call_that_was_stopped_by_hand_is_drift_while_the_service_still_has_it() -> None:
    stopped = entry(stopped_at=NOW)
    assert found([stopped], remote(status="scheduled")) == [(DriftKind.NOT_STOPPED, "call-1")]
    assert found([stopped], remote(status="completed")) == []
    assert found([entry()], remote(status="scheduled")) == []
    answers = Answers({"call-1": remote(status="scheduled")})
    [item] = drift([stand(stopped, answers, {}, NOW)], answers, [stopped], LINEAGE, None, NOW)
    assert (item.address, item.status) == (stopped.address, "scheduled")


@given(st.lists(st.integers(0, 10**7), min_size=1))
def test_spans_hold_every_attempt_and_stand_apart(minutes: list[int]) -> None:
    attempts = sorted(NOW - timedelta(minutes=item) for item in minutes)
    made = spans(attempts)
    assert all(any(since < moment < until for since, until in made) for moment in attempts)
    assert all(first[1] + HOUR < second[0] for first, second in pairwise(made))
    assert sum(((until - since) for since, until in made), timedelta()) <= len(made) * timedelta(days=1) + (
        attempts[-1] - attempts[0]
    )


class Register:
    """A service that lists some of its calls, and counts what it is asked."""

    server_time = None
    service = "https://service"

    def __init__(self, listed: Sequence[RemoteCall], unlisted: Sequence[RemoteCall] = ()) -> None:
        self.listed = listed
        self.unlisted = {call.id: call for call in unlisted}
        self.listings: list[Listing] = []
        self.asked: list[str] = []

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        self.listings.append(listing)
        return [
            call
            for call in self.listed
            if listing.status in {None, call.status}
            and (listing.since is None or call.created_at >= listing.since)
            and (listing.until is None or call.created_at <= listing.until)
        ]

    async def call(self, call_id: str) -> RemoteCall | None:
        self.asked.append(call_id)
        return self.unlisted.get(call_id)

    async def aclose(self) -> None:
        """Nothing to close."""


def test_only_what_can_still_change_is_asked_for() -> None:
    old = replace(remote(1), created_at=NOW - timedelta(days=30))
    register = Register([remote(2, "scheduled"), old])
    days = [entry(1, ago=timedelta(days=30)), entry(2)]
    answers = asyncio.run(query_calls(register, days, NOW))
    assert answers.calls.keys() == {"call-1", "call-2"}
    assert len(register.listings) == 5
    assert register.asked == []
    assert register.listings[-1].since == NOW - timedelta(days=30, minutes=5)


def test_several_listings_are_joined() -> None:
    register = Register([remote(1, "scheduled"), remote(2, "in-queue"), remote(3, "completed")])
    calls = asyncio.run(list_calls(register, Listing(status="scheduled"), Listing(status="in-queue")))
    assert calls.keys() == {"call-1", "call-2"}


def test_a_later_listing_without_tags_does_not_hide_those_of_an_earlier_one() -> None:
    class Forgetting(Register):
        async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
            found = await super().calls(listing)
            return found if listing.status else [replace(call, tags={}) for call in found]

    tagged, untagged = remote(1, "scheduled", tags={"reconciler_lineage": "ours"}), remote(2, "scheduled")
    calls = asyncio.run(list_calls(Forgetting([tagged, untagged]), Listing(status="scheduled"), Listing()))
    assert (calls["call-1"].tags, calls["call-2"].tags) == ({"reconciler_lineage": "ours"}, {})


def test_not_every_call_is_asked_for_by_its_id() -> None:
    known = [entry(number, ago=timedelta(minutes=number)) for number in range(1, ONE_BY_ONE + 21)]
    register = Register([], [remote(ONE_BY_ONE + 20, "busy")])
    answers = asyncio.run(query_calls(register, known, NOW))
    assert len(register.asked) == ONE_BY_ONE
    assert register.asked[0] == f"call-{ONE_BY_ONE + 20}"
    assert len(answers.absent) == ONE_BY_ONE - 1
    words = [stand(item, answers, {}, NOW).outcome for item in known]
    assert words.count("busy") == 1
    assert words.count("unlisted") >= 20
