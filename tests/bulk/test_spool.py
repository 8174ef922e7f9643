"""What is kept on disk comes back as it was, in any order; and a full disk is told as one."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.bulk import spool
from reconciler.bulk.spool import MappedView, Packed, SpooledList, Subset, filtered
from reconciler.domain.model import Row
from reconciler.domain.plan import Change
from reconciler.errors import ReconcilerError
from tests.generated import CHANGES, ROWS

ITEMS = st.lists(st.binary(max_size=40), max_size=30)
CHUNKS = st.sampled_from([1, 7, 64, 1 << 20])


def filled(items: list[bytes]) -> SpooledList[bytes]:
    made = SpooledList(bytes)
    for item in items:
        made.append(item)
    return made


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_CHUNK", 1)


@given(ITEMS, CHUNKS)
def test_a_spooled_list_is_the_sequence_that_was_appended(items: list[bytes], chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        made = filled(items)
        assert list(made) == items
        assert len(made) == len(items)
        assert [made[index] for index in range(-len(items), len(items))] == items * 2
        assert list(reversed(made)) == items[::-1]
        assert list(made[1:-1]) == items[1:-1]
        assert made == items
        assert made != [*items, b"more"]
        with pytest.raises(IndexError):
            made[len(items)]


@given(ITEMS, ITEMS, CHUNKS)
def test_what_is_appended_while_it_is_read_comes_after(
    first: list[bytes], second: list[bytes], chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        made = filled(first)
        seen = list(made)
        for item in second:
            made.append(item)
            assert made[-1] == item
        assert seen + list(made)[len(first) :] == first + second


@given(ITEMS, ITEMS, CHUNKS)
def test_packed_items_are_appended_as_they_are(first: list[bytes], second: list[bytes], chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_CHUNK", chunk)
        made = filled(first)
        packed = Packed.from_items(second)
        made.extend(packed)
        made.append(b"last")
        assert list(packed.items(bytes)) == second
        assert list(made) == [made[index] for index in range(len(made))] == [*first, *second, b"last"]


@given(ROWS, CHANGES)
def test_rows_and_changes_keep_every_field_and_type(row: Row, change: Change) -> None:
    rows, changes = SpooledList(Row), SpooledList(Change)
    rows.append(row)
    changes.append(change)
    assert repr(rows[0]) == repr(row)
    assert rows == [row]
    assert repr(changes[0]) == repr(change)  # also what comparing leaves out
    assert changes == [change]


@given(ITEMS, st.data())
def test_views_pick_and_map(items: list[bytes], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(items) - 1)) if items else st.just([]))
    picked = Subset(filled(items), places)
    assert list(picked) == [picked[index] for index in range(len(places))] == [items[place] for place in places]
    lengths = MappedView(picked, len)
    assert list(lengths) == [lengths[index] for index in range(len(places))] == [len(item) for item in picked]
    assert list(lengths[::2]) == list(lengths)[::2]


@given(ITEMS)
def test_only_what_matches_is_in_a_filtered_view(items: list[bytes]) -> None:
    wanted = [item for item in items if len(item) % 2]
    assert filtered(items, lambda item: len(item) % 2 == 1) == wanted
    assert filtered(filled(items), lambda item: len(item) % 2 == 1) == wanted


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_items_move_to_disk_without_a_change(most: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(spool, "_CHUNK", 1 + most * len(b"\xa6item 1"))
    made = SpooledList(str)
    for count in range(1, 5):
        made.append(f"item {count}")
        assert list(made) == [f"item {number}" for number in range(1, count + 1)]
        assert (made._file is not None) is (count > most)


@pytest.mark.usefixtures("on_disk")
def test_nobody_else_can_read_it_and_it_has_no_name() -> None:
    made = filled([b"private"])
    assert made._file is not None
    status = os.fstat(made._file)
    assert status.st_mode & 0o777 == 0o600
    assert status.st_nlink == 0


@pytest.mark.usefixtures("on_disk")
def test_its_file_is_closed_with_it() -> None:
    made = filled([b"a"])
    handle = made._file
    assert handle is not None
    del made
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(handle)


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("call", ["pwrite", "pread"])
def test_a_full_or_broken_disk_is_told(call: str, monkeypatch: Any) -> None:
    made = filled([b"item"])

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "pread":
        assert list(made) == [b"item"]
    monkeypatch.setattr(os, call, fail)
    use = {"pwrite": lambda: made.append(b"another"), "pread": lambda: list(made)}[call]
    with pytest.raises(ReconcilerError, match="does not fit into a temporary file: No space left") as told:
        use()
    assert "free some space" in (told.value.hint or "")


@pytest.mark.usefixtures("on_disk")
def test_a_place_that_takes_no_file_is_told(monkeypatch: Any) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", fail)
    with pytest.raises(ReconcilerError, match="Permission denied"):
        filled([b"item"])


@pytest.mark.usefixtures("on_disk")
def test_a_file_that_was_cut_short_is_told() -> None:
    made = filled([b"item"])
    assert list(made) == [b"item"]
    assert made._file is not None
    os.ftruncate(made._file, 2)
    with pytest.raises(ReconcilerError, match="cut short"):
        list(made)
