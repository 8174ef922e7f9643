"""What every state store promises, asked of each of them."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.blinding import UNKNOWN
from reconciler.domain.model import Address, Call, Entry, Schedule, Status
from reconciler.domain.ports import DUPLICATE_CALL_ID, Decision, Intent, Result, Seen, StateStore
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import format_instant
from reconciler.errors import StateError
from reconciler.evidence.tagging import is_own, observe
from tests.contract.conftest import NOW, RUN

LATER = NOW + timedelta(hours=3)
CALL = Call(
    "agent",
    "number",
    contact_id="contact",
    schedule=Schedule("2026-06-01 15:00:00", "UTC"),
    additional_data={"café": "cafe\u0301 \x07\u202e📞", "b": ""},
)
A, B, C = Address("june", "a"), Address("june", "b"), Address("june", "c")


def intent(address: Address = A, call: Call = CALL) -> Intent:
    return Intent(address, call, identity.digest(call), "single-contact-call", LATER)


def intend(store: StateStore, *addresses: Address, at: datetime = NOW) -> None:
    store.intend(RUN.id, [intent(address) for address in addresses], at)


def record(store: StateStore, status: Status, address: Address = A, **fields: str) -> None:
    if status is Status.PLACED:
        fields.setdefault("call_id", f"call-{address}")
    store.record(RUN.id, [Result(address, status, LATER, **fields)])


def entry(store: StateStore, address: Address = A) -> Entry:
    found = store.entry(address)
    assert found is not None
    return found


def bring(store: StateStore, status: Status, address: Address = A) -> None:
    """An entry of that status, by the way it comes about."""
    if status is Status.MISSED:
        store.record_missed(RUN.id, [intent(address)], NOW)
        return
    intend(store, address)
    if status is not Status.INTENDED:
        record(store, status, address)


def decision(status: Status | None = None, call_id: str | None = None, *, stopped: bool = False) -> Decision:
    return Decision(A, LATER, "because", status, call_id, stopped=stopped)


def test_the_life_of_a_placed_call(store: StateStore) -> None:
    intend(store, A)
    assert entry(store) == Entry(A, Status.INTENDED, CALL, identity.digest(CALL), NOW, LATER)
    assert entry(store).unknown
    record(store, Status.PLACED, call_id="call-1", evidence="the answer")
    assert entry(store) == Entry(A, Status.PLACED, CALL, identity.digest(CALL), NOW, LATER, call_id="call-1")
    [attempt] = store.attempts(A)
    assert (attempt.status, attempt.call_id, attempt.evidence) == (Status.PLACED, "call-1", "the answer")
    assert (attempt.intended_at, attempt.finished_at, attempt.run_id) == (NOW, LATER, RUN.id)
    assert store.attempts(B) == []
    assert store.entry(B) is None
    assert list(store.runs()) == [RUN]


@pytest.mark.parametrize("status", [Status.INTENDED, Status.PLACED, Status.UNCERTAIN])
def test_what_may_exist_is_never_intended_again(store: StateStore, status: Status) -> None:
    bring(store, status)
    before, serial = list(store.entries()), store.serial
    with pytest.raises(StateError, match="june/a"):
        intend(store, B, A)
    with pytest.raises(StateError, match="june/a"):
        store.record_missed(RUN.id, [intent(B), intent(A)], NOW)
    assert list(store.entries()) == before, "the whole batch is refused"
    assert store.serial == serial


@pytest.mark.parametrize("status", [Status.FAILED, Status.RULED_OUT, Status.MISSED])
def test_what_came_to_nothing_is_intended_again(store: StateStore, status: Status) -> None:
    bring(store, status)
    intend(store, A, at=LATER)
    assert (entry(store).status, entry(store).attempted_at, entry(store).error) == (Status.INTENDED, LATER, None)
    assert len(store.attempts(A)) == 2


def test_an_open_intent_is_proved(store: StateStore) -> None:
    intend(store, A, B)
    store.prove(RUN.id, {A, B})
    record(store, Status.PLACED)
    store.prove(RUN.id, {B})


def test_what_is_not_open_any_more_is_not_proved(store: StateStore) -> None:
    intend(store, A)
    for run_id, status in (("another run", None), (RUN.id, Status.RULED_OUT)):
        if status is not None:
            record(store, status)
        with pytest.raises(StateError, match="the recorded intent of june/a is no longer in the state"):
            store.prove(run_id, {A})


def test_an_answer_needs_an_open_attempt_of_its_run(store: StateStore) -> None:
    with pytest.raises(StateError, match="no open attempt"):
        record(store, Status.PLACED)
    intend(store, A)
    with pytest.raises(StateError, match="no open attempt"):
        store.record("another run", [Result(A, Status.PLACED, LATER, "call-1")])
    record(store, Status.PLACED)
    with pytest.raises(StateError, match="no open attempt"):
        record(store, Status.FAILED)
    assert entry(store).status is Status.PLACED


def test_answers_are_kept_all_or_none(store: StateStore) -> None:
    intend(store, A)
    with pytest.raises(StateError, match="june/b"):
        store.record(RUN.id, [Result(A, Status.FAILED, LATER), Result(B, Status.FAILED, LATER)])
    assert entry(store).status is Status.INTENDED


def test_a_turn_has_answers_and_the_intents_that_follow_them(store: StateStore) -> None:
    intend(store, A)
    serial = store.serial
    store.turn(RUN.id, [Result(A, Status.FAILED, LATER, error="HTTP 400")], [intent(B), intent(A)], LATER)
    assert store.serial == serial + 1, "it is one transaction"
    assert [(entry(store, item).status, entry(store, item).attempted_at) for item in (A, B)] == [
        (Status.INTENDED, LATER),
        (Status.INTENDED, LATER),
    ]
    assert [attempt.status for attempt in store.attempts(A)] == [Status.FAILED, Status.INTENDED]
    assert entry(store, A).rejections == 1


@pytest.mark.parametrize("wrong", ["answer", "intent"])
def test_a_turn_is_kept_all_or_not_at_all(store: StateStore, wrong: str) -> None:
    intend(store, A)
    before, serial, head = list(store.entries()), store.serial, store.head
    answered = B if wrong == "answer" else A
    with pytest.raises(
        StateError, match="june/b has no open attempt" if wrong == "answer" else "june/a is already placed"
    ):
        store.turn(
            RUN.id,
            [Result(answered, Status.PLACED, LATER, "call-1")],
            [intent(A if wrong == "intent" else B)],
            LATER,
        )
    assert (list(store.entries()), store.serial, store.head) == (before, serial, head)
    store.record(RUN.id, [Result(A, Status.PLACED, LATER, "call-1")])


def test_a_turn_of_nothing_leaves_no_trace(store: StateStore) -> None:
    serial, head = store.serial, store.head
    store.turn(RUN.id, [], [], NOW)
    assert (store.serial, store.head) == (serial, head)


def test_placed_needs_a_call_id(store: StateStore) -> None:
    intend(store, A)
    with pytest.raises(StateError, match="without a call id"):
        store.record(RUN.id, [Result(A, Status.PLACED, LATER)])


def test_a_call_id_that_another_address_has_is_not_lost(store: StateStore) -> None:
    intend(store, A, B)
    record(store, Status.PLACED, A, call_id="call-1")
    record(store, Status.PLACED, B, call_id="call-1")
    clash = entry(store, B)
    assert (clash.status, clash.call_id) == (Status.UNCERTAIN, None)
    assert clash.error is not None
    assert "call-1" in clash.error
    assert "june/a" in clash.error
    assert store.attempts(B)[-1].evidence == DUPLICATE_CALL_ID


def test_a_call_that_was_listed_before_is_not_the_answer(store: StateStore) -> None:
    store.note_seen(RUN.id, Seen(frozenset({"call-1"})), NOW)
    intend(store, A, B)
    record(store, Status.PLACED, A, call_id="call-1")
    record(store, Status.PLACED, B, call_id="call-2")
    stray = entry(store, A)
    assert (stray.status, stray.call_id, entry(store, B).status) == (Status.UNCERTAIN, None, Status.PLACED)
    assert stray.error == "the service answered with call-1, a call that it listed before this run sent anything"
    assert store.attempts(A)[-1].evidence == DUPLICATE_CALL_ID


def test_rejections_in_a_row_are_counted_for_the_same_call(store: StateStore) -> None:
    for count in (1, 2, 3):
        intend(store, A)
        record(store, Status.FAILED, error="HTTP 400")
        assert (entry(store).rejections, entry(store).error) == (count, "HTTP 400")
    edited = structs.replace(CALL, additional_data={"b": "2"})
    store.intend(RUN.id, [intent(call=edited)], NOW)
    assert entry(store).rejections == 0
    record(store, Status.FAILED)
    assert entry(store).rejections == 1


def test_a_missed_row_is_no_attempt_that_is_open(store: StateStore) -> None:
    bring(store, Status.MISSED)
    assert entry(store).status is Status.MISSED
    [attempt] = store.attempts(A)
    assert (attempt.status, attempt.finished_at) == (Status.MISSED, NOW)
    with pytest.raises(StateError):
        record(store, Status.PLACED)


@pytest.mark.parametrize("status", [Status.INTENDED, Status.UNCERTAIN])
def test_a_person_settles_what_is_unknown(store: StateStore, status: Status) -> None:
    bring(store, status)
    store.decide(RUN.id, [decision(Status.PLACED, "call-9")])
    assert (entry(store).status, entry(store).call_id) == (Status.PLACED, "call-9")
    [attempt] = store.attempts(A)
    assert attempt.evidence == "a person's word: because"
    bring(store, status, B)
    store.decide(RUN.id, [replace(decision(Status.RULED_OUT), address=B)])
    assert (entry(store, B).status, entry(store, B).call_id) == (Status.RULED_OUT, None)
    intend(store, B)


@pytest.mark.parametrize("status", [Status.PLACED, Status.FAILED, Status.RULED_OUT, Status.MISSED])
def test_what_is_known_is_not_settled(store: StateStore, status: Status) -> None:
    bring(store, status)
    for word in (decision(Status.PLACED, "call-9"), decision(Status.RULED_OUT)):
        with pytest.raises(StateError, match="nothing to settle"):
            store.decide(RUN.id, [word])


def test_decisions_that_make_no_sense_are_refused_together(store: StateStore) -> None:
    bring(store, Status.UNCERTAIN)
    bring(store, Status.PLACED, B)
    wrong = [
        decision(Status.PLACED),
        decision(Status.RULED_OUT, "call-9"),
        decision(Status.FAILED),
        decision(Status.PLACED, "call-june/b"),
        decision(stopped=True),
        replace(decision(Status.RULED_OUT), address=Address("june", "nowhere")),
    ]
    serial = store.serial
    for word in wrong:
        with pytest.raises(StateError):
            store.decide(RUN.id, [replace(decision(stopped=True), address=B), word])
    assert entry(store, B).stopped_at is None
    assert store.serial == serial


def test_a_stopped_call_will_not_ring(store: StateStore) -> None:
    bring(store, Status.PLACED)
    assert entry(store).will_ring(NOW)
    store.decide(RUN.id, [decision(stopped=True)])
    assert entry(store).stopped_at == LATER
    assert not entry(store).will_ring(NOW)


def test_the_serial_grows_with_each_write(store: StateStore) -> None:
    serials = [store.serial]
    intend(store, A, B)
    serials.append(store.serial)
    record(store, Status.PLACED)
    serials.append(store.serial)
    store.end_run(RUN.id, LATER, 0, {"placed": 1})
    serials.append(store.serial)
    assert [second - first for first, second in pairwise(serials)] == [1, 1, 0], (
        "ending a run says nothing of calls"
    )
    assert store.lineage == store.lineage != ""


def test_many_entries_come_sorted(store: StateStore) -> None:
    addresses = [
        Address(plan, f"k{number}", revision)
        for plan in ("a", "a-b", "b")
        for number in range(330)
        for revision in (1, 2)
    ]
    shuffled = addresses.copy()
    random.Random(7).shuffle(shuffled)
    intend(store, *shuffled)
    assert [item.address for item in store.entries()] == sorted(addresses)


def test_an_unknown_address_adopts_a_call(store: StateStore) -> None:
    bring(store, Status.UNCERTAIN)
    store.adopt(RUN.id, [Result(A, Status.ADOPTED, LATER, "call-9", None, "its tags")])
    assert (entry(store).status, entry(store).call_id, entry(store).placed) == (Status.ADOPTED, "call-9", True)
    assert store.attempts(A)[0].evidence == "its tags"
    for wrong in (Result(A, Status.ADOPTED, LATER, "call-1"), Result(B, Status.ADOPTED, LATER, "call-1")):
        with pytest.raises(StateError):
            store.adopt(RUN.id, [wrong])
    bring(store, Status.UNCERTAIN, B)
    for wrong in (Result(B, Status.ADOPTED, LATER, "call-9"), Result(B, Status.PLACED, LATER, "call-8")):
        with pytest.raises(StateError):
            store.adopt(RUN.id, [wrong])


def test_what_was_seen_and_cleared_is_kept(store: StateStore) -> None:
    assert store.seen(RUN.id) == Seen()
    seen = Seen(frozenset({"call-1", "call-2"}), NOW)
    serial = store.serial
    store.note_seen(RUN.id, seen, NOW)
    assert (store.seen(RUN.id), store.serial) == (seen, serial)
    assert store.seen("another") == Seen()
    for _ in range(2):
        store.decide(RUN.id, [Decision(A, NOW, "a survey", distinct=True)])
    assert store.cleared() == {A}


def test_a_moved_address_takes_its_history_along(store: StateStore) -> None:
    bring(store, Status.PLACED)
    new = Address("july", "z")
    store.move(RUN.id, [(A, new)], NOW)
    assert store.entry(A) is None
    assert entry(store, new).call_id == "call-june/a"
    assert len(store.attempts(new)) == 1
    assert store.renames() == {A: new}
    bring(store, Status.FAILED, B)
    for old, to in ((A, B), (B, new), (B, Address("june", "c", 2))):
        with pytest.raises(StateError):
            store.move(RUN.id, [(old, to)], NOW)


def test_a_forgotten_address_is_free(store: StateStore) -> None:
    bring(store, Status.PLACED)
    store.forget(RUN.id, A, "a mistake", NOW)
    assert store.entry(A) is None
    assert len(store.attempts(A)) == 1, "the journal stays"
    with pytest.raises(StateError):
        store.forget(RUN.id, A, "again", NOW)
    intend(store, A)


@pytest.mark.parametrize("as_turn", [True, False])
def test_what_was_recorded_is_given_back(store: StateStore, as_turn: bool) -> None:
    """In the order of the results, also within one batch: the first has the call, the others may have none."""
    c = Address("june", "c")
    intend(store, A, B, c)
    results = [
        Result(B, Status.PLACED, LATER, "call-1"),
        Result(c, Status.FAILED, LATER, error="HTTP 400"),
        Result(A, Status.PLACED, LATER, "call-1"),
    ]
    recorded = store.turn(RUN.id, results, [], LATER) if as_turn else store.record(RUN.id, results)
    assert recorded[:2] == results[:2]
    assert (recorded[2].address, recorded[2].status, recorded[2].call_id) == (A, Status.UNCERTAIN, None)
    assert [entry(store, item.address).status for item in recorded] == [item.status for item in recorded]


def test_an_answer_that_no_text_can_hold_is_kept_all_the_same(store: StateStore) -> None:
    intend(store, A)
    record(store, Status.PLACED, call_id="call-\ud800", evidence="half: \udfff")
    assert entry(store).call_id == "call-\\ud800"
    assert store.attempts(A)[0].evidence == "half: \\udfff"


@pytest.mark.parametrize("status", [Status.INTENDED, Status.ADOPTED])
def test_what_is_no_answer_is_refused(store: StateStore, status: Status) -> None:
    intend(store, A)
    with pytest.raises(StateError, match="not an answer"):
        record(store, status)
    with pytest.raises(StateError, match="with a call id"):
        record(store, Status.FAILED, call_id="call-1")
    assert entry(store).status is Status.INTENDED


def test_an_attempt_can_be_missed_while_it_waits(store: StateStore) -> None:
    intend(store, A)
    record(store, Status.MISSED, error="its time passed")
    assert entry(store).status is Status.MISSED
    intend(store, A)


PARTIAL = Call("agent", UNKNOWN, contact_id="contact")
DIGEST = "d1:sha256:" + "0" * 64


def restored(key: str, call: Call = CALL, digest: str | None = None) -> Intent:
    """An attempt that a state made which is lost."""
    before = NOW - timedelta(days=3)
    return replace(intent(Address("june", key), call), digest=digest or identity.digest(call), attempted_at=before)


def test_an_attempt_of_a_lost_state_keeps_its_time(store: StateStore) -> None:
    store.intend(RUN.id, [restored("a"), restored("b", PARTIAL, DIGEST)], NOW)
    store.adopt(RUN.id, [Result(A, Status.ADOPTED, LATER, "call-1", evidence="its tags")])
    store.record(RUN.id, [Result(B, Status.UNCERTAIN, LATER, error="several calls fit")])
    assert (entry(store).attempted_at, entry(store).status) == (NOW - timedelta(days=3), Status.ADOPTED)
    [attempt] = store.attempts(A)
    assert (attempt.intended_at, attempt.finished_at) == (NOW - timedelta(days=3), LATER)
    opened = [json.loads(link.entry) for link in store.ledger() if '"kind":"intended"' in link.entry]
    assert [item["at"] for item in opened] == [format_instant(NOW)] * 2, "when it was written down"
    assert opened[0]["content"]["attempted_at"] == format_instant(NOW - timedelta(days=3))


def test_a_call_known_only_in_part_keeps_the_digest_it_was_placed_with(store: StateStore) -> None:
    store.intend(RUN.id, [restored("b", PARTIAL, DIGEST)], NOW)
    assert (entry(store, B).digest, entry(store, B).call) == (DIGEST, PARTIAL)
    store.adopt(RUN.id, [Result(B, Status.ADOPTED, LATER, "call-1", evidence="its tags")])
    store.redact(RUN.id, [B], LATER + timedelta(days=1))
    assert (entry(store, B).digest, entry(store, B).call_id) == (DIGEST, "call-1")


def test_questions_about_few_entries_agree_with_what_all_of_them_say(store: StateStore) -> None:
    """Whatever the statuses: of each question the answer is what a search through all entries finds."""
    ways = [*(set(Status) - {Status.ADOPTED, Status.SENT}), Status.PLACED, Status.PLACED]
    addresses = [Address("june", f"{place}-{status}") for place, status in enumerate(ways)]
    for address, status in zip(addresses, ways, strict=True):
        bring(store, status, address)
    intend(store, A)
    store.adopt(RUN.id, [Result(A, Status.ADOPTED, NOW, "found", None, "its tags")])
    [*_, stopped, moved] = addresses
    store.decide(RUN.id, [Decision(stopped, NOW, "because", stopped=True)])
    store.move(RUN.id, [(moved, B)], NOW)
    everything = list(store.entries())
    assert {item.status for item in everything} == set(Status) - {Status.SENT}
    assert store.unknown_entries() == [item for item in everything if item.unknown] != []
    for now in (NOW, *(LATER + timedelta(microseconds=few) for few in (-1, 0, 1, 1_000_000))):
        ahead = sorted(store.entries_ahead(now), key=lambda item: item.address)
        assert ahead == [item for item in everything if item.will_ring(now)]
    assert {item.address for item in store.entries_ahead(NOW)} > {A, B}
    asked = [*addresses, A, B, B, Address("june", "nobody")]
    assert store.entries_at(asked) == {item.address: item for item in everything}
    calls = {item.call_id: item for item in everything if item.call_id is not None}
    assert store.entries_of_calls([*calls, *calls, "nobody's"]) == calls
    assert (store.entries_at([]), store.entries_of_calls([])) == ({}, {})


def test_the_latest_call_that_the_service_named_itself(store: StateStore) -> None:
    assert store.latest_own_entry() is None
    for address in (A, B, C):
        bring(store, Status.PLACED, address)
    assert store.latest_own_entry() == entry(store, C)
    store.forget(RUN.id, C, "because", NOW)
    assert store.latest_own_entry() == entry(store, B)
    bring(store, Status.UNCERTAIN, C)
    store.decide(RUN.id, [Decision(C, LATER, "because", Status.PLACED, "in the dashboard")])
    assert store.latest_own_entry() == entry(store, B), "a person named the call of the other"
    moved = Address("june", "elsewhere")
    store.move(RUN.id, [(B, moved)], NOW)
    assert store.latest_own_entry() == entry(store, moved)


def test_a_redacted_call_that_a_person_recorded_is_not_an_own_one(store: StateStore) -> None:
    """A person may record a call of the dashboard, which has no tags: it proves nothing about the service."""
    bring(store, Status.UNCERTAIN, A)
    store.decide(RUN.id, [Decision(A, LATER, "because", Status.PLACED, "in the dashboard")])
    listed = [RemoteCall("in the dashboard", "completed", NOW, "agent", "contact")]
    for over in (LATER + timedelta(days=1), None):
        assert store.latest_own_entry() is None
        assert not is_own(entry(store, A), store.calls_recorded_by_hand())
        assert observe(store, listed) is None
        if over is not None:
            store.redact(RUN.id, [A], over)
    bring(store, Status.PLACED, B)
    store.redact(RUN.id, [B], LATER + timedelta(days=1))
    assert is_own(entry(store, B), store.calls_recorded_by_hand())
    assert store.latest_own_entry() == entry(store, B)
