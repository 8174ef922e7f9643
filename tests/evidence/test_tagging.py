"""Whether a service returns the tags of calls, seen in the calls that a state placed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconciler.domain import identity
from reconciler.domain.facts import Verdict
from reconciler.domain.model import Address, Call, Status
from reconciler.domain.ports import Intent, Result, Run
from reconciler.domain.service import RemoteCall
from reconciler.evidence.tagging import TAGS, observe, tags_returned, unknown_calls
from tests.memory import InMemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", NOW, "host", 1, "me", "0")
SERVICE = "https://service"
CALL = Call("agent", "number", contact_id="contact")
DIGEST = identity.digest(CALL)


@pytest.fixture
def store() -> InMemoryStore:
    """A state that placed call-a and call-b."""
    store = InMemoryStore(RUN, "ours")
    addresses = [Address("june", key) for key in "ab"]
    store.turn(RUN.id, [], [Intent(address, CALL, DIGEST, "endpoint", NOW) for address in addresses], NOW)
    placed = [Result(address, Status.PLACED, NOW, f"call-{address.key}") for address in addresses]
    store.turn(RUN.id, placed, [], NOW)
    return store


def listed(key: str, *, tagged: bool) -> RemoteCall:
    tags = identity.tags("ours", Address("june", key), DIGEST) if tagged else None
    return RemoteCall(f"call-{key}", "scheduled", NOW, "agent", "contact", tags=tags)


@pytest.mark.parametrize(
    ("tagged", "verdict", "evidence"),
    [
        ({"a": True, "b": True}, Verdict.PROVED, {"with_tags": "call-a"}),
        ({"a": False, "b": False}, Verdict.REFUTED, {"without_tags": "call-a"}),
        ({"a": True, "b": False}, Verdict.REFUTED, {"with_tags": "call-a", "without_tags": "call-b"}),
    ],
)
def test_one_own_call_without_tags_shows_that_tags_are_not_returned(
    store: InMemoryStore, tagged: dict[str, bool], verdict: Verdict, evidence: dict[str, str]
) -> None:
    remote = [listed(key, tagged=has_tags) for key, has_tags in tagged.items()]
    assert observe(store, remote) == (verdict, evidence)
    assert tags_returned(store, RUN.id, SERVICE, remote, NOW) is (verdict is Verdict.PROVED)
    assert store.facts(SERVICE)[TAGS].verdict is verdict


def test_calls_of_others_show_nothing(store: InMemoryStore) -> None:
    remote = [listed("c", tagged=True), listed("d", tagged=False)]
    assert observe(store, remote) is None
    assert tags_returned(store, RUN.id, SERVICE, remote, NOW) is False
    assert store.facts(SERVICE) == {}


def test_what_was_seen_once_holds_until_the_opposite_is_seen(store: InMemoryStore) -> None:
    assert tags_returned(store, RUN.id, SERVICE, [listed("a", tagged=True)], NOW)
    assert tags_returned(store, RUN.id, SERVICE, [], NOW)
    assert not tags_returned(store, RUN.id, SERVICE, [listed("a", tagged=False)], NOW)
    assert not tags_returned(store, RUN.id, SERVICE, [], NOW)


def test_a_call_with_tags_that_the_state_did_not_place_is_of_another_copy(store: InMemoryStore) -> None:
    own, foreign = listed("a", tagged=True), listed("c", tagged=True)
    assert unknown_calls(store, [own, foreign, listed("d", tagged=False)], {own.id}) == {
        Address("june", "c"): [foreign]
    }
    assert unknown_calls(store, [foreign], {foreign.id}) == {}, "it is recorded for another row"


@pytest.mark.parametrize("status", [None, Status.UNCERTAIN, Status.RULED_OUT, Status.MISSED])
def test_a_call_of_an_attempt_without_a_call_id_is_not_of_another_copy(
    store: InMemoryStore, status: Status | None
) -> None:
    address, call = Address("june", "c"), listed("c", tagged=True)
    if status is Status.MISSED:
        store.record_missed(RUN.id, [Intent(address, CALL, DIGEST, "endpoint", NOW)], NOW)
    else:
        store.turn(RUN.id, [], [Intent(address, CALL, DIGEST, "endpoint", NOW)], NOW)
    if status in {Status.UNCERTAIN, Status.RULED_OUT}:
        store.turn(RUN.id, [Result(address, status, NOW)], [], NOW)
    assert bool(unknown_calls(store, [call], frozenset())) is (status is Status.MISSED)
    other = replace(call, tags={**(call.tags or {}), "reconciler_digest": f"sha256:{0:064}"})
    assert unknown_calls(store, [other], frozenset()) == {address: [other]}
