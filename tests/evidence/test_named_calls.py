"""Whether the call that a person names can be the call of a row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.model import Address, Call
from reconciler.domain.service import Listing, RemoteCall
from reconciler.errors import LookupFailed
from reconciler.evidence.matching import Lineage
from reconciler.evidence.named_calls import NamedCall, check_named_calls, difference

CALL = Call("agent", "number", to_number="+525511110000", full_name="A")
NAMED = NamedCall(address=Address("june", "a"), call_id="r1", call=CALL, digest=identity.digest(CALL))
REMOTE = RemoteCall("r1", "scheduled", datetime(2026, 6, 1, tzinfo=UTC), "agent", "contact", CALL.to_number)
RENAMED = Lineage("ours", {Address("june", "old"): NAMED.address})


def tags(key: str, digest: str = "sha256:other", lineage: str = "ours") -> dict[str, str]:
    return identity.tags(lineage, Address("june", key), digest)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"agent": None},
        {"number": None},
        {"tags": {}},
        {"tags": tags("a")},
        {"tags": tags("old")},
        {"tags": tags("b", NAMED.digest)},
    ],
)
def test_a_call_that_can_be_the_named_one(changes: dict[str, Any]) -> None:
    assert difference(NAMED, replace(REMOTE, **changes), RENAMED) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agent": "another"}, "another agent makes it"),
        ({"number": "+525511110001"}, "it calls another person"),
        ({"tags": tags("b")}, "its tags name june/b"),
        ({"tags": tags("old", lineage="theirs")}, "its tags name june/old"),
    ],
)
def test_a_call_that_is_another_one(changes: dict[str, Any], message: str) -> None:
    assert difference(NAMED, replace(REMOTE, **changes), RENAMED) == message


@pytest.mark.parametrize(
    ("contact", "message"), [("contact", None), (None, None), ("other", "it calls another person")]
)
def test_a_row_with_a_contact_is_compared_by_its_contact(contact: str | None, message: str | None) -> None:
    named = replace(NAMED, call=structs.replace(CALL, to_number=None, full_name=None, contact_id="contact"))
    remote = replace(REMOTE, contact_id=contact, number="+525511110001")
    assert difference(named, remote, RENAMED) == message


class Register:
    """A service that has these calls; None does not answer."""

    server_time = None
    service = "https://service"

    def __init__(self, *calls: RemoteCall | None) -> None:
        self.coming = list(calls)

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        raise AssertionError("calls are looked up by their ids")

    async def call(self, call_id: str) -> RemoteCall | None:
        answer = self.coming.pop(0)
        if answer is None:
            raise LookupFailed("no answer")
        return answer if answer.id == call_id else None

    async def ask_time(self) -> None:
        return None

    async def aclose(self) -> None:
        return None


def test_each_call_is_checked_until_the_service_does_not_answer() -> None:
    named = [replace(NAMED, address=Address("june", key)) for key in "abcdef"]
    answers = [REMOTE, replace(REMOTE, id="r2"), replace(REMOTE, agent="another"), replace(REMOTE, number=None)]
    check = asyncio.run(check_named_calls(Register(*answers, None), named, RENAMED))
    assert {address.key: problem for address, problem in check.problems.items()} == {
        "b": "the service has no outgoing call r1",
        "c": "r1 is another call: another agent makes it",
    }
    assert {address.key: reason for address, reason in check.unchecked.items()} == {
        "d": "the service does not say whom r1 calls",
        "e": "no answer",
        "f": "no answer",
    }
