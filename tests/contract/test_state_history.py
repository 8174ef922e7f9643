"""What every state store remembers of an address, asked of each of them."""

from __future__ import annotations

import pytest

from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Result, StateStore
from reconciler.errors import StateError
from tests.contract.conftest import NOW, RUN
from tests.contract.test_state import A, B, bring, entry, intend, record
from tests.memory import InMemoryStore

TEXTS = ["\x1b[2J", "\u202e right to left", "caf\u00e9 \U0001f4de", "a\r\nb", ""]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_back_as_they_were(store: StateStore, text: str) -> None:
    intend(store, A)
    record(store, Status.UNCERTAIN, error=text, evidence=text)
    [attempt] = store.attempts(A)
    assert (entry(store).error, attempt.error, attempt.evidence) == (text, text, text)


def test_nul_is_kept_as_an_escape(store: StateStore) -> None:
    intend(store, A)
    record(store, Status.UNCERTAIN, error="\x00 nul", evidence="a\x00")
    [attempt] = store.attempts(A)
    assert (entry(store).error, attempt.evidence) == ("\\x00 nul", "a\\x00")


def test_rejections_follow_a_rename(store: StateStore) -> None:
    bring(store, Status.FAILED)
    store.move(RUN.id, [(A, B)], NOW)
    intend(store, B)
    record(store, Status.FAILED, B)
    assert entry(store, B).rejections == 2


def test_rejections_are_forgotten_with_their_address(store: StateStore) -> None:
    bring(store, Status.FAILED)
    store.forget(RUN.id, A, "a mistake", NOW)
    bring(store, Status.FAILED)
    assert entry(store).rejections == 1


def test_a_call_can_be_placed_after_rejections(store: StateStore) -> None:
    bring(store, Status.FAILED)
    bring(store, Status.PLACED)
    assert (entry(store).status, entry(store).error) == (Status.PLACED, None)
    assert [attempt.status for attempt in store.attempts(A)] == [Status.FAILED, Status.PLACED]


def test_one_call_id_twice_in_a_batch_is_kept_once(store: StateStore) -> None:
    intend(store, A, B)
    store.record(RUN.id, [Result(address, Status.PLACED, NOW, "call-1") for address in (A, B)])
    assert (entry(store, A).status, entry(store, B).status) == (Status.PLACED, Status.UNCERTAIN)


def test_one_address_twice_in_a_batch_is_refused(store: StateStore) -> None:
    with pytest.raises(StateError, match="june/a"):
        intend(store, A, A)
    assert list(store.entries()) == []


def test_five_thousand_in_batches(store: StateStore) -> None:
    addresses = [Address("bulk", f"k{number:04}") for number in range(5000)]
    for start in range(0, len(addresses), 500):
        intend(store, *addresses[start : start + 500])
    record(store, Status.PLACED, addresses[4321])
    assert [item.address for item in store.entries()] == addresses
    assert [item.address for item in store.entries() if item.placed] == [addresses[4321]]
    assert store.serial == 11


def test_an_empty_reader_needs_no_run() -> None:
    empty = InMemoryStore(lineage="some")
    assert (empty.lineage, empty.serial, list(empty.entries()), list(empty.runs())) == ("some", 0, [], [])


def test_a_key_is_the_same_each_time_and_another_for_each_purpose_and_state(store: StateStore) -> None:
    assert store.key_for("a") == store.key_for("a")
    assert len({store.key_for("a"), store.key_for("b"), InMemoryStore(RUN).key_for("a")}) == 3
