"""Which conflicts end, and which the tags of the service's calls settle."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain import identity
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Call, Location, Status
from reconciler.domain.plan import Action, Change
from reconciler.domain.ports import Intent, Result, Run
from reconciler.domain.service import RemoteCall
from reconciler.evidence.conflicts import FileRows, end_conflicts, settle_conflicts
from tests.evidence.test_outcomes import Register
from tests.memory import InMemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = Run("run", "apply", NOW, "host", 1, "me", "0")
A, B, C = (Address("june", key) for key in "abc")
CALL = Call("agent", "number", contact_id="contact")
DIGEST = identity.digest(CALL)


def listed(call_id: str, tags: dict[str, str] | None = None) -> RemoteCall:
    return RemoteCall(call_id, "scheduled", NOW, "agent", "contact", tags=tags)


def in_conflict(*addresses: Address) -> InMemoryStore:
    """A state in which each row is in conflict with a call of its key."""
    store = InMemoryStore(RUN, "ours")
    conflicts = [Conflict(item, (f"call-{item.key}",), "contact", "why", NOW, RUN.id) for item in addresses]
    store.note_conflicts(RUN.id, conflicts, NOW)
    return store


def intent_of(address: Address, at: datetime) -> Intent | None:
    return None if address == C else Intent(address, CALL, DIGEST, "endpoint", at)


def test_a_call_is_adopted_only_if_its_tags_name_the_row_and_its_call() -> None:
    store = in_conflict(A, B, C)
    calls = [listed("call-a", identity.tags("ours", A, DIGEST)), listed("call-b")]
    calls.append(listed("call-c", identity.tags("ours", C, DIGEST)))
    later = NOW + timedelta(hours=1)
    matches = asyncio.run(settle_conflicts(store, RUN.id, Register(calls), intent_of, later))
    assert [(item.address, item.call_id) for item in matches] == [(A, "call-a")]
    [adopted] = store.entries()
    assert (adopted.address, adopted.status, adopted.call_id) == (A, Status.ADOPTED, "call-a")
    [attempt] = store.attempts(A)
    assert (attempt.run_id, attempt.evidence) == (RUN.id, matches[0].evidence)


@pytest.mark.parametrize(
    "tags",
    [
        identity.tags("theirs", A, DIGEST),
        identity.tags("ours", B, DIGEST),
        identity.tags("ours", A, f"sha256:{0:064}"),
    ],
    ids=["of another state", "of another row", "of another call"],
)
def test_other_tags_settle_nothing(tags: dict[str, str]) -> None:
    store = in_conflict(A)
    assert asyncio.run(settle_conflicts(store, RUN.id, Register([listed("call-a", tags)]), intent_of, NOW)) == []
    assert (list(store.entries()), [*store.conflicts()]) == ([], [A])


def files(*addresses: Address) -> FileRows:
    return FileRows([Change(item, Action.CONFLICT, DIGEST, source=Location("june.yaml")) for item in addresses])


def test_a_conflict_ends_without_its_row_or_if_its_row_is_wanted_again() -> None:
    store = in_conflict(A, B, C)
    assert not end_conflicts(store, RUN.id, [], None, NOW)
    assert not end_conflicts(store, RUN.id, [], files(A, B, C), NOW)
    assert not end_conflicts(store, RUN.id, [], replace(files(), scope=frozenset({"july"})), NOW)
    assert end_conflicts(store, RUN.id, [B], files(A, B), NOW)
    assert [*store.conflicts()] == [A]


def test_a_conflict_ends_if_its_call_is_recorded_for_another_row() -> None:
    store = in_conflict(A)
    store.turn(RUN.id, [], [Intent(B, CALL, DIGEST, "endpoint", NOW)], NOW)
    store.turn(RUN.id, [Result(B, Status.UNCERTAIN, NOW)], [], NOW)
    store.adopt(RUN.id, [Result(B, Status.ADOPTED, NOW, "call-a")])
    assert end_conflicts(store, RUN.id, [], files(A, B), NOW)
    assert store.conflicts() == {}
