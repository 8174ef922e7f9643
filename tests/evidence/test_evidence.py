"""Which listed call is which attempt: one reading or none, and tags before all else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.model import Address, Call, Entry, Schedule, Status
from reconciler.domain.plan import Action, Change
from reconciler.domain.ports import Seen
from reconciler.domain.service import RemoteCall
from reconciler.evidence import matching as evidence
from reconciler.evidence.matching import (
    CLOCK_SKEW,
    LONGEST_ATTEMPT,
    Lineage,
    UnknownAttempt,
    is_alike,
    look_alikes,
)

SENT = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = SENT + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LINEAGE = Lineage("ours")
CALL = Call("agent-a", "n", contact_id="c", schedule=Schedule("2031-06-01 10:00:00", "UTC"))


def unknown(key: str = "k", call: Call = CALL, *, seen: Seen | None = None) -> UnknownAttempt:
    rings_at = datetime(2031, 6, 1, 10, tzinfo=UTC) if call.schedule else SENT + (call.delay_minutes or 0) * MINUTE
    entry = Entry(Address("p", key), Status.UNCERTAIN, call, identity.digest(call), SENT, rings_at)
    return UnknownAttempt(entry, seen or Seen())


def listed(call_id: str = "r1", **changes: Any) -> RemoteCall:
    return replace(RemoteCall(call_id, "scheduled", SENT + timedelta(seconds=1), "agent-a", "c"), **changes)


def order(call: Call) -> Change:
    return Change(Address("p", "k"), Action.CREATE, identity.digest(call), call=call)


def tags(key: str = "k", call: Call = CALL, lineage: str = "ours") -> dict[str, str]:
    return identity.tags(lineage, Address("p", key), identity.digest(call))


def match(
    unknowns: list[UnknownAttempt],
    remote: list[RemoteCall],
    *claimed: str,
    lineage: Lineage = LINEAGE,
    **known: bool,
) -> dict[str, str]:
    found = evidence.match(unknowns, remote, frozenset(claimed), lineage, NOW, **known)
    return {item.address.key: item.call_id for item in found}


def test_the_only_call_that_fits_is_it() -> None:
    assert match([unknown()], [listed()]) == {"k": "r1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"created_at": SENT - CLOCK_SKEW - timedelta(seconds=1)},
        {"created_at": SENT + CLOCK_SKEW + LONGEST_ATTEMPT + timedelta(seconds=1)},
        {"agent": "agent-b"},
        {"agent": None},
        {"contact_id": "other"},
        {"contact_id": None},
        {"status": "completed"},
        {"tags": tags(lineage="theirs")},
        {"tags": tags("other")},
        {"tags": tags(call=structs.replace(CALL, sender="another"))},
    ],
)
def test_what_does_not_fit_is_left(wrong: dict[str, Any]) -> None:
    assert match([unknown()], [listed(**wrong)]) == {}


@pytest.mark.parametrize(
    ("call", "status", "fits"),
    [
        (structs.replace(CALL, schedule=None), "scheduled", False),
        (structs.replace(CALL, schedule=None), "in-queue", True),
        (structs.replace(CALL, schedule=None, delay_minutes=5), "scheduled", True),
        (structs.replace(CALL, schedule=None, delay_minutes=5), "completed", True),
    ],
)
def test_the_status_fits_the_kind_of_row(call: Call, status: str, fits: bool) -> None:
    assert bool(match([unknown(call=call)], [listed(status=status)])) is fits


def test_edges_of_the_span_belong_to_it() -> None:
    for moment in (SENT - CLOCK_SKEW, SENT + CLOCK_SKEW + LONGEST_ATTEMPT):
        assert match([unknown()], [listed(created_at=moment)])
    seen = Seen(server_time=SENT)
    assert match([unknown(seen=seen)], [listed(created_at=SENT)])
    assert not match([unknown(seen=seen)], [listed(created_at=SENT - timedelta(seconds=1))])


def test_a_call_that_was_seen_before_or_is_claimed_is_no_candidate() -> None:
    assert match([unknown(seen=Seen(frozenset({"r1"})))], [listed()]) == {}
    assert match([unknown(seen=Seen(frozenset({"r1"})))], [listed(), listed("r2")]) == {"k": "r2"}
    assert match([unknown()], [listed()], "r1") == {}
    assert match([unknown()], [listed(tags=tags())], "r1") == {}


def test_several_readings_are_none() -> None:
    assert match([unknown()], [listed(), listed("r2")]) == {}
    assert match([unknown("k"), unknown("l")], [listed()]) == {}
    assert match([unknown("k"), unknown("l")], [listed(), listed("r2")]) == {}
    other = unknown("l", structs.replace(CALL, contact_id="d"))
    assert match([unknown("k"), other], [listed(), listed("r2", contact_id="d")]) == {"k": "r1", "l": "r2"}


def test_tags_leave_the_rest_to_likeness() -> None:
    assert match([unknown("k"), unknown("l")], [listed(tags=tags("k")), listed("r2")]) == {"k": "r1", "l": "r2"}


def test_old_tags_lead_to_where_the_row_is_now() -> None:
    a, b = Address("p", "a"), Address("p", "b")
    moved = Lineage("ours", {a: b, b: Address("p", "k")})
    assert match([unknown()], [listed(tags=tags("a"))], lineage=moved) == {"k": "r1"}
    circle = Lineage("ours", {a: b, b: a})
    assert match([unknown()], [listed(tags=tags("a"))], lineage=circle) == {}


NO_TAGS: list[dict[str, str] | None] = [None, {}, {"reconciler_plan": "p"}, {"reconciler_lineage": "ours"}]


@pytest.mark.parametrize("none", NO_TAGS)
def test_metadata_without_our_tags_is_no_proof_of_a_stranger(none: dict[str, str] | None) -> None:
    assert match([unknown()], [listed(tags=none)]) == {"k": "r1"}
    assert look_alikes(order(CALL), [listed(tags=none)], frozenset(), LINEAGE)
    assert not look_alikes(order(CALL), [listed(tags=none, agent="agent-b")], frozenset(), LINEAGE)


@pytest.mark.parametrize("none", NO_TAGS)
def test_where_tags_come_back_a_call_without_them_is_not_adopted(none: dict[str, str] | None) -> None:
    """But for tags of this lineage that name no address. Each may be ours all the same, so it holds its row."""
    ours = none is not None and "reconciler_lineage" in none
    assert bool(match([unknown()], [listed(tags=none)], tags_returned=True)) is ours
    assert look_alikes(order(CALL), [listed(tags=none)], frozenset(), LINEAGE, tags_returned=True)


def test_other_metadata_is_a_strangers_where_tags_come_back() -> None:
    other = listed(tags={}, foreign_metadata=True)
    assert not look_alikes(order(CALL), [other], frozenset(), LINEAGE, tags_returned=True)
    assert look_alikes(order(CALL), [other], frozenset(), LINEAGE)


def test_a_call_that_was_placed_twice_is_known_and_told() -> None:
    later = listed("r2", created_at=SENT + MINUTE, tags=tags())
    [found] = evidence.match([unknown()], [later, listed(tags=tags())], frozenset(), LINEAGE, NOW)
    assert found.call_id == "r1"
    assert "r2: it was placed more than once" in found.evidence


def test_look_alikes_of_what_is_about_to_be_sent() -> None:
    phone = structs.replace(CALL, contact_id=None, to_number="+525512345678")

    def found(call: Call, **changes: Any) -> bool:
        return bool(look_alikes(order(call), [listed(**changes)], frozenset(), LINEAGE))

    assert found(CALL)
    assert found(CALL, created_at=SENT - timedelta(days=400)), "of any age"
    uuid = "c1d2e3f4-a5b6-7890-cdef-123456789012"
    spelled = structs.replace(CALL, agent=f"agent-{uuid}", contact_id=f"contact-{uuid}")
    assert found(spelled, agent=uuid.upper(), contact_id=uuid), "UUIDs are compared without prefix and case"
    assert not found(CALL, agent=CALL.agent.removeprefix("agent-")), "what follows is no UUID"
    assert found(phone, contact_id="x", number="+525512345678")
    assert found(phone, contact_id="x", number="+5215512345678"), "dialled alike: it blocks, and is no evidence"
    assert not is_alike(phone, listed(contact_id="x", number="+5215512345678"))
    assert found(CALL, agent=None), "an agent that is not told may be the same"
    assert not is_alike(CALL, listed(agent=None))
    assert found(CALL, agent="agent-b", tags=tags()), "tags are proof"
    assert found(CALL, tags=tags("of-before-a-rename"))
    assert not found(CALL, tags=tags("other", structs.replace(CALL, sender="another")))
    assert found(CALL, tags=tags(lineage="theirs")), "the same address, of a lost state perhaps"
    assert found(CALL, tags=tags("other", lineage="theirs")), "the same person, agent and digest"
    assert not found(CALL, agent="agent-b", tags=tags("other", lineage="theirs"))
    assert not found(CALL, tags=tags("other", structs.replace(CALL, sender="another"), "theirs"))
    assert not found(CALL, agent="agent-b")
    assert not found(phone, contact_id="x", number=None)
    assert not look_alikes(order(CALL), [listed()], frozenset({"r1"}), LINEAGE)


def test_a_call_that_only_tags_could_settle_is_nobody_elses_either() -> None:
    """The answer of ``a`` named another row's call, so its own call is listed without an owner.

    It may not be taken for the call of ``b``, which looks the same.
    """
    stray = replace(unknown("a"), tags_only=True)
    assert match([stray, unknown("b")], [listed()]) == {}
    assert match([stray], [listed()]) == {}
    assert match([stray, unknown("b")], [listed(tags=tags("b"))]) == {"b": "r1"}
    assert match([unknown("b")], [listed()]) == {"b": "r1"}
