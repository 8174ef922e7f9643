"""What every store's ledger tells, and that what it tells is the whole of it."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from reconciler.domain.ledger import ChainVerifier, EntryKind, LedgerRecord, Link, genesis, read
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, Result, Seen, StateStore
from reconciler.errors import StateError
from reconciler.state.ledger.entries import pseudonym
from reconciler.state.ledger.replay import Replay
from reconciler.state.records import to_address
from tests.contract.conftest import NOW, RUN
from tests.contract.test_state import LATER, A, B, bring, decision, entry, intend, intent, record

OVER = LATER + timedelta(days=1)
C = Address("july", "c")


def everything(store: StateStore) -> None:
    """One of each thing that a store does."""
    store.note_seen(RUN.id, Seen(frozenset({"call-8", "call-9"}), NOW), NOW)
    bring(store, Status.UNCERTAIN)
    store.adopt(RUN.id, [Result(A, Status.ADOPTED, LATER, "call-7", None, "its tags")])
    store.decide(RUN.id, [decision(stopped=True)])
    store.move(RUN.id, [(A, C)], LATER)
    bring(store, Status.FAILED, B)
    store.forget(RUN.id, B, "a mistake", LATER)
    store.decide(RUN.id, [Decision(B, LATER, "another call", distinct=True)])
    store.record_missed(RUN.id, [intent(Address("june", "late"))], NOW)
    store.end_run(RUN.id, LATER, 3, {"adopted": 1})


def records(store: StateStore) -> list[LedgerRecord]:
    """The entries, after a check of the chain."""
    walk = ChainVerifier(store.lineage)
    found = [walk.step(link) for link in store.ledger()]
    walk.check_head(store.head)
    assert walk.problems == []
    return [item for item in found if item is not None]


def test_each_thing_is_one_entry(store: StateStore) -> None:
    everything(store)
    kinds = [item.kind for item in records(store) if item.kind != EntryKind.CREATED]
    assert kinds == [
        *("began", "looked", "intended", "uncertain", "adopted", "decided", "moved"),
        *("intended", "failed", "forgotten", "cleared", "expired", "ended"),
    ]
    assert [item.run for item in records(store) if item.kind != EntryKind.CREATED] == [RUN.id] * len(kinds)


def test_a_run_is_told_with_its_approvals_and_overrides(store: StateStore) -> None:
    [began] = [item for item in records(store) if item.kind == EntryKind.BEGAN]
    assert began.content["approvals"] == [
        {"plan_id": "sha256:1", "commit": "def"},
        {"plan_id": "sha256:2", "commit": None},
    ]
    assert began.content["overrides"] == [
        {"code": "G006", "plan_id": "sha256:0", "reason": "a launch"},
        {"code": "G001", "plan_id": None, "reason": "the client asked; \u00e9"},
    ]
    assert (began.content["actor"], began.content["plan_id"], began.content["commit"]) == (
        "tester",
        "sha256:0",
        "abc",
    )


def test_what_is_refused_leaves_no_entry(store: StateStore) -> None:
    bring(store, Status.PLACED)
    before = store.head
    with pytest.raises(StateError):
        intend(store, B, A)
    with pytest.raises(StateError):
        store.decide(RUN.id, [decision(Status.RULED_OUT)])
    assert store.head == before
    record_nothing(store)
    assert store.head == before


def record_nothing(store: StateStore) -> None:
    serial = store.serial
    store.record(RUN.id, [])
    assert store.serial == serial, "nothing was written"


def test_the_serial_is_told_with_each_entry(store: StateStore) -> None:
    everything(store)
    found = records(store)
    assert found[-1].serial == store.serial
    assert [item.serial for item in found] == sorted(item.serial for item in found)


def test_a_replay_of_the_entries_is_what_the_store_holds(store: StateStore) -> None:
    everything(store)
    with closing(Replay()) as replay:
        for link in store.ledger():
            replay.step(read(link.entry), link.texts or {})
        calls = {to_address(row): row for row in replay.rows("calls")}
        journal = list(replay.rows("attempts"))
    assert set(calls) == {item.address for item in store.entries()}
    for item in store.entries():
        row = calls[item.address]
        assert (row["status"], row["digest"], row["call_id"]) == (item.status, item.digest, item.call_id)
        attempts = [row for row in journal if row["key"] == item.address.key]
        assert [row["evidence"] for row in attempts] == [it.evidence for it in store.attempts(item.address)]


def person(link: Link) -> str | None:
    return None if link.texts is None else link.texts.get("person")


def test_the_same_person_has_one_pseudonym(store: StateStore) -> None:
    intend(store, A, B)
    people = [person(link) for link in store.ledger() if person(link)]
    assert len(people) == 2
    assert len(set(people)) == 1
    assert "contact" not in str(people)
    assert pseudonym(b"key", "contact") == "52a7baab15d6241f", "as openssl dgst -sha256 -hmac key begins"


def test_a_redacted_call_keeps_its_chain_and_nothing_that_was_said(store: StateStore) -> None:
    intend(store, A)
    record(store, Status.PLACED, evidence="the canary answered")
    store.decide(RUN.id, [Decision(A, LATER, "the canary asked", stopped=True)])
    digest, before = entry(store).digest, store.head
    store.redact(RUN.id, [A], OVER)
    found = entry(store)
    assert (found.digest, found.call_id, found.rings_at) == (digest, "call-june/a", LATER)
    assert set(found.call.additional_data.values()) == {"(redacted)"}
    assert (found.call.target, found.call.schedule is not None) == ("(redacted)", True)
    assert [(item.error, item.evidence) for item in store.attempts(A)] == [(None, None)]
    assert "canary" not in str(list(store.ledger()))
    assert records(store)[before.number - 1].number == before.number
    assert [person(link) for link in store.ledger() if person(link)] == []


@pytest.mark.parametrize("status", [Status.INTENDED, Status.UNCERTAIN, Status.PLACED])
def test_what_is_ahead_or_unknown_is_not_redacted(store: StateStore, status: Status) -> None:
    bring(store, Status.FAILED, B)
    bring(store, status)
    head = store.head
    with pytest.raises(StateError):
        store.redact(RUN.id, [B, A], NOW)
    assert store.head == head
    assert entry(store, B).call.target == "contact"


def test_an_empty_chain_follows_from_its_lineage() -> None:
    assert genesis("a") != genesis("b")
    assert genesis("a").number == 0
