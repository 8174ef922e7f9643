"""Entries are found by their names as in a dictionary, in memory and on disk, whatever order they come in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.bulk import spool
from reconciler.domain import entries as module
from reconciler.domain.blinding import ClearView
from reconciler.domain.entries import EntryIndex
from reconciler.domain.model import Address, Call, Entry, Location, Row, Status
from reconciler.domain.people import People
from reconciler.domain.people import person as form
from reconciler.planning.duplicates import Duplicates

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ADDRESSES = st.builds(
    Address, st.sampled_from(["a", "a.b", "b"]), st.sampled_from(["k", "k/1", "k.1", "z"]), st.integers(1, 4)
)
CHUNKS = st.sampled_from([1, 300, 1 << 20])
TOGETHER = st.sampled_from([1, 2, 3, 128])
PEOPLE = st.sampled_from(["jo", "mo", "al"])


def entry(address: Address, person: str = "jo", status: Status = Status.PLACED) -> Entry:
    call = Call("agent", "from", contact_id=person)
    return Entry(address, status, call, f"d1:sha256:{person}", NOW, NOW)


@given(st.lists(ADDRESSES, unique=True), st.lists(ADDRESSES), st.booleans(), CHUNKS, TOGETHER)
@example([Address("a", "k", revision) for revision in range(1, 8)], [Address("a", "k", 3)], True, 0, 2)
def test_like_a_dictionary(
    there: list[Address], asked: list[Address], ordered: bool, chunk: int, together: int
) -> None:
    there = sorted(there) if ordered else there
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        patch.setattr(module, "_TOGETHER", together)
        found = EntryIndex(map(entry, there))
        assert list(found) == [entry(address) for address in sorted(there)]
        assert len(found) == len(there)
        assert EntryIndex.from_entries(found) is found
        for address in (*asked, *there):
            assert found.get(address) == (entry(address) if address in there else None)
            assert found.named(address) == [
                (place, entry(other))
                for place, other in enumerate(sorted(there))
                if (other.plan, other.key) == (address.plan, address.key)
            ]


@given(st.lists(st.tuples(ADDRESSES, PEOPLE), unique_by=lambda pair: pair[0]), ADDRESSES, PEOPLE, CHUNKS)
def test_twins_are_found_by_whom_they_call(
    there: list[tuple[Address, str]], address: Address, person: str, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        found = EntryIndex(entry(*pair) for pair in there)
        row = Row(address, Call("agent", "from", contact_id=person), Location("a.yaml"), rings_at=NOW)
        places = Duplicates(found, frozenset(), ClearView(), People()).find(row, "d1:sha256:another", NOW)
        twins = [found.item(place).address for place in places]
    wanted = [
        other
        for other, called in there
        if form(called) == form(person) and (other.plan, other.key) != (address.plan, address.key)
    ]
    assert twins == sorted(wanted, key=lambda other: (other.key != address.key, other))
