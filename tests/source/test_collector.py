"""Rows of any order and number come out sorted, each address once, as a plain dictionary would do it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.bulk import spool
from reconciler.domain.blinding import ClearView
from reconciler.domain.model import Address, Call, Location, Row
from reconciler.domain.people import People
from reconciler.domain.persons import Persons
from reconciler.source.rows.collector import RowCollector

NAMES = st.tuples(st.sampled_from(["a", "b", "b/c", "b.c"]), st.integers(1, 3))
FILES = st.permutations(["one", "two", "three"]).flatmap(
    lambda plans: st.tuples(*(st.tuples(st.just(plan), st.lists(NAMES, max_size=6)) for plan in plans))
)
CHUNKS = st.sampled_from([1, 300, 1 << 20])


def rows_of(plan: str, names: list[tuple[str, int]]) -> list[Row]:
    return [
        Row(Address(plan, *name), Call("agent", "from", contact_id=str(line % 3)), Location(plan, line))
        for line, name in enumerate(names, 1)
    ]


@given(FILES, CHUNKS)
def test_like_a_dictionary(files: tuple[tuple[str, list[tuple[str, int]]], ...], chunk: int) -> None:
    wanted: dict[Address, Row] = {}
    collector = RowCollector()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        for plan, names in files:
            collector.start_file()
            for row in rows_of(plan, names):
                first = wanted.get(row.address)
                assert collector.add(row) == first
                wanted.setdefault(row.address, row)
    found = list(collector.rows())
    assert found == [wanted[address] for address in sorted(wanted)]
    calls = Counter((row.call.target, row.rings_at) for row in found)
    assert list(collector.possible_duplicates(People())) == [
        row for row in found if calls[row.call.target, row.rings_at] > 1
    ]


@given(
    st.lists(st.tuples(st.sampled_from([*"abc", "+14155550101", "+14155550102"]), st.integers(0, 2)), max_size=8),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from(["+14155550101", "+14155550102"])),
)
def test_rows_that_may_call_one_person_at_one_time(calls: list[tuple[str, int]], numbers: dict[str, str]) -> None:
    collector, rows = RowCollector(), []
    collector.start_file()
    for line, (target, hour) in enumerate(calls, 1):
        at = datetime(2031, 6, 1, hour, tzinfo=UTC)
        call = Call("agent", "from", to_number=target)
        rows.append(Row(Address("june", f"k{line}"), call, Location("june", line), rings_at=at))
        collector.add(rows[-1])
    people = People(numbers=numbers)
    persons = Persons(people, ClearView())
    wanted = [
        row
        for row in rows
        for other in rows
        if row is not other and row.rings_at == other.rings_at and is_same(persons, row, other)
    ]
    found = list(collector.possible_duplicates(people))
    assert all(row in found for row in wanted)
    assert all(row in wanted or row.call.target in numbers for row in found), "contacts may share a number"


def is_same(persons: Persons, row: Row, other: Row) -> bool:
    own, *number = persons.names(row.call.target)
    other_own, *other_number = persons.names(other.call.target)
    return own == other_own or own in other_number or other_own in number


def test_rows_that_come_in_order_are_not_sorted() -> None:
    collector = RowCollector()
    for plan in ("one", "two"):
        collector.start_file()
        for row in rows_of(plan, [("a", 1), ("a", 2), ("b", 1)]):
            collector.add(row)
    assert collector._order() == range(6)
