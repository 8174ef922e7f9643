"""What every state store keeps besides calls, asked of each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain.facts import AppliedCommit, Conflict, Pause, RowApproval, ServiceFact, Verdict
from reconciler.domain.ledger import EntryKind, read
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Result, StateStore
from reconciler.errors import StateError
from reconciler.state.fact_reader import ConnectionFacts
from reconciler.state.ledger import entries
from reconciler.state.ledger.replay import Replay
from tests.contract.conftest import NOW, RUN
from tests.contract.test_ledger import records
from tests.contract.test_state import CALL, LATER, A, B, bring, decision, entry, intend

SERVICE = "https://api.example.com"
C = Address("july", "c")
CONFLICT = Conflict(A, ("call-1", "call-2"), "contact", "the service has call-1 (scheduled)", NOW, RUN.id)
APPROVAL = RowApproval(A, "sha256:a", "sha256:plan", "abc", NOW, RUN.id)
FACT = ServiceFact(SERVICE, "tags", Verdict.PENDING, {"calls": ["call-1"], "share": 1.0}, NOW, RUN.id)


@contextmanager
def replayed(store: StateStore) -> Iterator[Replay]:
    with closing(Replay()) as replay:
        for link in store.ledger():
            replay.step(read(link.entry), link.texts or {})
        yield replay


def check_ledger(store: StateStore) -> None:
    """The ledger tells what the store keeps, but for the people, whom it knows by pseudonyms."""
    key = store.key_for(entries.PURPOSE)
    with replayed(store) as replay:
        told = ConnectionFacts(replay.connection)
        assert told.pauses() == store.pauses()
        assert told.approved() == store.approved()
        assert told.applied_commits() == store.applied_commits()
        assert told.facts(SERVICE) == store.facts(SERVICE)
        assert told.to_stop_known() == store.to_stop_known()
        assert told.conflicts() == {
            address: replace(item, target=entries.pseudonym(key, item.target))
            for address, item in store.conflicts().items()
        }


@pytest.fixture(autouse=True)
def told_by_the_ledger(store: StateStore) -> Any:
    yield
    check_ledger(store)


def kinds(store: StateStore) -> list[str]:
    return [item.kind for item in records(store) if item.kind not in {EntryKind.CREATED, EntryKind.BEGAN}]


def test_a_new_state_has_no_facts(store: StateStore) -> None:
    assert (store.pauses(), store.conflicts(), store.approved(), store.applied_commits()) == ([], {}, {}, [])
    assert (store.facts(SERVICE), store.to_stop_known()) == ({}, frozenset())


def test_plans_are_paused_and_resumed(store: StateStore) -> None:
    serial = store.serial
    store.pause(RUN.id, "june", "wrong prices; \u00e9", NOW)
    store.pause(RUN.id, None, "rings at once", LATER)
    june = Pause("june", "wrong prices; \u00e9", RUN.actor, RUN.host, NOW, RUN.id)
    assert store.pauses() == [Pause(None, "rings at once", RUN.actor, RUN.host, LATER, RUN.id), june]
    store.pause(RUN.id, "june", "still wrong", LATER)
    assert store.pauses()[1] == replace(june, reason="still wrong", at=LATER)
    store.resume(RUN.id, None, "checked", LATER)
    assert [pause.plan for pause in store.pauses()] == ["june"]
    assert [link.texts for link in store.ledger()][-1] == {"reason": "checked"}
    store.resume(RUN.id, "june", None, LATER)
    assert store.pauses() == []
    assert store.serial == serial, "nothing that was placed changed"
    assert kinds(store) == ["paused", "paused", "paused", "resumed", "resumed"]


@pytest.mark.parametrize(
    ("paused", "plan", "words"),
    [
        ([], None, "the state is not paused"),
        ([], "june", "the plan 'june' is not paused"),
        (["june"], "july", "the plan 'july' is not paused"),
        (["june"], None, "the state is not paused"),
        ([None], "june", "all plans are"),
    ],
)
def test_what_is_not_paused_is_not_resumed(
    store: StateStore, paused: list[str | None], plan: str | None, words: str
) -> None:
    for name in paused:
        store.pause(RUN.id, name, "because", NOW)
    head = store.head
    with pytest.raises(StateError, match=words) as caught:
        store.resume(RUN.id, plan, "because", LATER)
    assert ("paused: june" in str(caught.value.hint)) is (paused == ["june"])
    assert ([pause.plan for pause in store.pauses()], store.head) == (paused, head)


def test_conflicts_are_kept_until_they_end(store: StateStore) -> None:
    other = replace(CONFLICT, address=B, target="+14155552678")
    store.note_conflicts(RUN.id, [CONFLICT, other], NOW)
    assert store.conflicts() == {A: CONFLICT, B: other}
    store.end_conflicts(RUN.id, [B, C], "row gone", LATER)
    assert store.conflicts() == {A: CONFLICT}
    store.end_conflicts(RUN.id, [B], "row gone", LATER)
    assert kinds(store) == ["conflict", "conflict", "conflict_ended"]
    assert records(store)[-1].content == {"addresses": ["june/b"], "why": "row gone"}
    assert "+14155552678" not in str(list(store.ledger())), "the ledger has a pseudonym"


def test_a_conflict_is_noted_once(store: StateStore) -> None:
    store.note_conflicts(RUN.id, [CONFLICT], NOW)
    head = store.head
    store.note_conflicts(RUN.id, [replace(CONFLICT, call_ids=("call-2", "call-1"), message="completed")], LATER)
    assert (store.head, store.conflicts()) == (head, {A: CONFLICT})
    more = replace(CONFLICT, call_ids=("call-1", "call-2", "call-3"))
    store.note_conflicts(RUN.id, [more], LATER)
    assert store.conflicts() == {A: replace(more, at=LATER)}
    store.note_conflicts(RUN.id, [replace(more, target="another")], NOW)
    assert store.conflicts()[A].target == "another"


def test_words_of_the_service_in_a_conflict_are_kept_as_escapes(store: StateStore) -> None:
    store.note_conflicts(RUN.id, [replace(CONFLICT, call_ids=("a\x00",), message="\ud800\x00")], NOW)
    assert store.conflicts()[A] == replace(CONFLICT, call_ids=("a\\x00",), message="\\ud800\\x00")


def adopted(store: StateStore) -> None:
    intend(store, A)
    store.adopt(RUN.id, [Result(A, Status.ADOPTED, LATER, "call-1", None, "its tags")])


def taken_over(store: StateStore) -> None:
    intend(store, A)
    store.decide(RUN.id, [decision(Status.PLACED, "call-1")])


def distinct(store: StateStore) -> None:
    store.decide(RUN.id, [Decision(A, LATER, "another call", distinct=True)])


@pytest.mark.parametrize(("resolve", "why"), [(adopted, "placed"), (taken_over, "placed"), (distinct, "distinct")])
def test_what_resolves_a_conflict_ends_it(store: StateStore, resolve: Any, why: str) -> None:
    store.note_conflicts(RUN.id, [CONFLICT, replace(CONFLICT, address=B)], NOW)
    resolve(store)
    assert store.conflicts() == {B: replace(CONFLICT, address=B)}
    assert records(store)[-1].content == {"addresses": ["june/a"], "why": why}


def test_what_settles_nothing_leaves_a_conflict(store: StateStore) -> None:
    bring(store, Status.UNCERTAIN)
    store.note_conflicts(RUN.id, [CONFLICT], NOW)
    store.decide(RUN.id, [decision(Status.RULED_OUT)])
    store.forget(RUN.id, A, "a mistake", LATER)
    assert store.conflicts() == {A: CONFLICT}


def test_an_address_in_conflict_is_not_redacted(store: StateStore) -> None:
    bring(store, Status.FAILED)
    store.note_conflicts(RUN.id, [CONFLICT], NOW)
    over = LATER + timedelta(days=1)
    with pytest.raises(StateError, match="in conflict"):
        store.redact(RUN.id, [A], over)
    store.end_conflicts(RUN.id, [A], "another person", LATER)
    store.redact(RUN.id, [A], over)
    assert "call-1 (scheduled)" not in str(list(store.ledger()))


def test_rows_are_approved_until_it_ends(store: StateStore) -> None:
    other = RowApproval(B, "sha256:b", "sha256:other", None, NOW, RUN.id)
    store.approve(RUN.id, [APPROVAL, other], NOW)
    assert store.approved() == {A: APPROVAL, B: other}
    head = store.head
    store.approve(RUN.id, [structs.replace(APPROVAL, at=LATER)], LATER)
    assert store.head == head, "the same approval is recorded once"
    again = structs.replace(APPROVAL, content="sha256:c")
    store.approve(RUN.id, [again], LATER)
    assert store.approved()[A] == structs.replace(again, at=LATER)
    store.end_approvals(RUN.id, [A, C], "row gone", LATER)
    assert store.approved() == {B: other}
    store.end_approvals(RUN.id, [C], "row gone", LATER)
    assert kinds(store) == ["approved", "approved", "approved", "approval_ended"]


def test_many_approvals_are_few_entries(store: StateStore) -> None:
    addresses = [Address("bulk", f"k{number:04}") for number in range(2500)]
    many = [structs.replace(APPROVAL, address=address, content=f"sha256:{address}") for address in addresses]
    store.approve(RUN.id, many, NOW)
    assert store.approved() == {item.address: item for item in many}
    assert kinds(store) == ["approved"] * 3
    check_ledger(store)
    store.end_approvals(RUN.id, addresses[1:], "row gone", LATER)
    assert list(store.approved()) == addresses[:1]


def test_commits_are_listed_once_and_newest_first(store: StateStore) -> None:
    first = AppliedCommit("aaa", RUN.id, NOW)
    store.note_commit(RUN.id, "aaa", NOW)
    store.note_commit(RUN.id, "aaa", LATER)
    assert store.applied_commits() == [first], "an hourly job does not repeat itself"
    store.note_commit(RUN.id, "bbb", NOW)
    assert store.applied_commits() == [AppliedCommit("bbb", RUN.id, NOW), first]
    store.note_commit(RUN.id, "aaa", LATER, "a rollback")
    assert [item.commit for item in store.applied_commits()] == ["aaa", "bbb"]
    assert store.applied_commits()[0] == AppliedCommit("aaa", RUN.id, LATER, "a rollback")


def test_what_a_service_does_is_kept_by_name(store: StateStore) -> None:
    store.note_fact(RUN.id, FACT, NOW)
    store.note_fact(RUN.id, replace(FACT, name="schedule:date,timezone", verdict=Verdict.PROVED, evidence={}), NOW)
    store.note_fact(RUN.id, replace(FACT, service="http://127.0.0.1:1"), NOW)
    found = store.facts(SERVICE)
    assert set(found) == {"tags", "schedule:date,timezone"}
    assert found["tags"] == FACT
    refuted = replace(FACT, verdict=Verdict.REFUTED, evidence={"addresses": [str(A)]})
    store.note_fact(RUN.id, refuted, LATER)
    assert store.facts(SERVICE)["tags"] == replace(refuted, at=LATER)
    assert store.facts("http://127.0.0.1:1")["tags"].verdict is Verdict.PENDING


def test_calls_to_stop_are_known_while_they_are_listed(store: StateStore) -> None:
    store.note_to_stop(RUN.id, [A, B], NOW)
    head = store.head
    store.note_to_stop(RUN.id, [B, A], LATER)
    assert (store.to_stop_known(), store.head) == ({A, B}, head)
    store.note_to_stop(RUN.id, [C, B], LATER)
    assert store.to_stop_known() == {B, C}
    store.note_to_stop(RUN.id, [], LATER)
    assert store.to_stop_known() == frozenset()


def test_a_rename_moves_what_is_kept_but_no_approval(store: StateStore) -> None:
    bring(store, Status.FAILED)
    store.note_conflicts(RUN.id, [CONFLICT, replace(CONFLICT, address=C, call_ids=("call-9",))], NOW)
    store.approve(RUN.id, [APPROVAL, structs.replace(APPROVAL, address=C, content="sha256:new")], NOW)
    store.note_to_stop(RUN.id, [A], NOW)
    store.move(RUN.id, [(A, C)], LATER)
    assert store.conflicts() == {C: replace(CONFLICT, address=C)}
    assert {address: item.content for address, item in store.approved().items()} == {C: "sha256:new"}
    assert store.to_stop_known() == {C}


def test_a_forgotten_row_is_approved_anew(store: StateStore) -> None:
    bring(store, Status.PLACED)
    store.approve(RUN.id, [APPROVAL], NOW)
    store.note_to_stop(RUN.id, [A, B], NOW)
    store.forget(RUN.id, A, "a mistake", LATER)
    assert (store.approved(), store.to_stop_known()) == ({}, {B})


def let_ring(store: StateStore, address: Address = A) -> None:
    store.decide(RUN.id, [Decision(address, NOW, "agreed by phone", let_ring=True)])


def test_a_call_is_let_ring(store: StateStore) -> None:
    bring(store, Status.PLACED)
    serial = store.serial
    let_ring(store)
    assert (entry(store).let_ring_at, entry(store).will_ring(NOW), store.serial) == (NOW, True, serial + 1)
    assert (records(store)[-1].kind, records(store)[-1].content["said"]) == ("decided", "let-ring")
    with replayed(store) as replay:
        assert [row["let_ring_at"] is not None for row in replay.rows("calls")] == [True]
    store.decide(RUN.id, [decision(stopped=True)])
    assert not entry(store).will_ring(NOW)


def test_a_new_attempt_needs_a_new_word(store: StateStore) -> None:
    bring(store, Status.PLACED)
    let_ring(store)
    store.forget(RUN.id, A, "a mistake", LATER)
    intend(store, A)
    assert entry(store).let_ring_at is None


@pytest.mark.parametrize(
    "status", [None, Status.INTENDED, Status.UNCERTAIN, Status.FAILED, Status.RULED_OUT, Status.MISSED]
)
def test_only_a_placed_call_is_let_ring(store: StateStore, status: Status | None) -> None:
    if status is not None:
        bring(store, status)
    head = store.head
    with pytest.raises(StateError, match="june/a"):
        let_ring(store)
    assert store.head == head


def test_a_call_that_is_over_is_not_let_ring(store: StateStore) -> None:
    bring(store, Status.PLACED)
    with pytest.raises(StateError, match="already rang"):
        store.decide(RUN.id, [Decision(A, LATER, "too late", let_ring=True)])
    store.decide(RUN.id, [replace(decision(stopped=True), at=NOW)])
    with pytest.raises(StateError, match="stopped by hand"):
        let_ring(store)
    assert (entry(store).let_ring_at, entry(store).call) == (None, CALL)
