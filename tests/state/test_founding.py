"""A state that begins with what is known: there as a whole, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler.domain.ports import Run
from reconciler.domain.service import Listing, RemoteCall
from reconciler.errors import StateError
from reconciler.evidence.rebuild import Certainty, RebuildInput, rebuild
from reconciler.evidence.recover import list_all_calls, record
from reconciler.state.sqlite.state import SqliteState
from tests.evidence.test_rebuild import NOW, listed, row, tags
from tests.memory import InMemoryStore

LINEAGE = "3f2b8c1e-7d4a-4a6b-9c55-0e8d5a1f2b3c"
RUN = Run("run-1", "state rebuild", NOW, "host", 42, "tester", "0.0.0")
ROWS = [row("a"), row("b", full_name="x"), row("c", contact_id="d"), row("e", contact_id="f")]
CALLS = [
    listed("r1", tags=tags(ROWS[0], LINEAGE)),
    listed("r2", tags=tags(structs.replace(ROWS[1], call=ROWS[0].call), LINEAGE)),
    listed("r3", contact_id="d", created_at=NOW - timedelta(minutes=1)),
    listed("r4", contact_id="stranger", created_at=NOW),
]


def found(**more: Any) -> Any:
    return rebuild(RebuildInput(ROWS, LINEAGE, NOW, **more), CALLS)


def test_it_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / ".reconciler" / "state.db"
    with SqliteState(path, LINEAGE).new_store(RUN, {}) as store:
        record(store, RUN.id, found(), NOW)
        store.end_run(RUN.id, NOW, 3, {})
        assert not path.exists()
    assert sorted(item.name for item in path.parent.iterdir()) == [".gitignore", "state.db"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert SqliteState(path).verify().ok
    assert SqliteState(path).check(datetime.now(UTC)) == []
    with SqliteState(path, LINEAGE).reader() as reader:
        known = {entry.address.key: (entry.status.value, entry.call_id) for entry in reader.entries()}
        assert reader.seen(RUN.id).call_ids == {"r3", "r4"}, "no later attempt may take it for its own"
    assert known == {
        "a": ("adopted", "r1"),
        "b": ("adopted", "r2"),
        "c": ("uncertain", None),
        "e": ("uncertain", None),
    }


def test_what_ends_too_early_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with SqliteState(tmp_path / "state.db", LINEAGE).new_store(RUN, {}) as store:
            record(store, RUN.id, found(), NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before", [True, False])
def test_what_is_there_is_never_overwritten(tmp_path: Path, before: bool) -> None:
    path = tmp_path / "state.db"
    if before:
        path.symlink_to(tmp_path / "nowhere")

    def late() -> None:
        with SqliteState(path, LINEAGE).new_store(RUN, {}):
            assert not before
            path.write_text("somebody was faster")

    with pytest.raises(StateError, match="never overwritten"):
        late()
    assert [item.name for item in tmp_path.iterdir()] == ["state.db"]
    assert before or path.read_text() == "somebody was faster"


@pytest.mark.parametrize("whole", [True, False])
def test_a_state_made_from_the_service_takes_the_place_of_a_lost_one(tmp_path: Path, whole: bool) -> None:
    path, note = tmp_path / "state.db", tmp_path / "state.db.lost"
    note.write_bytes(b"whatever it lost")
    with contextlib.suppress(StateError), SqliteState(path, LINEAGE).new_store(RUN, {}):
        if not whole:
            raise StateError("the service cannot be asked")
    assert (path.exists(), note.exists()) == (whole, not whole)


def test_whatever_ends_it_between_two_writes_leaves_no_row_to_be_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = InMemoryStore(RUN, LINEAGE)

    def lost(*_: object) -> None:
        raise StateError("the connection is gone")

    monkeypatch.setattr(store, "adopt", lost)
    with pytest.raises(StateError):
        record(store, RUN.id, found(), NOW)
    assert {entry.address.key for entry in store.entries() if entry.unknown} == {"a", "b", "c", "e"}


def test_absent_rows_are_left_out() -> None:
    store = InMemoryStore(RUN, LINEAGE)
    rebuilt = found(absent_are_new=True)
    assert [item.address.key for item in rebuilt.with_certainty(Certainty.ABSENT)] == ["e"]
    record(store, RUN.id, rebuilt, NOW)
    assert [entry.address.key for entry in store.entries()] == ["a", "b", "c"]
    empty = InMemoryStore(RUN, LINEAGE)
    record(empty, RUN.id, rebuild(RebuildInput([], LINEAGE, NOW), []), NOW)
    assert list(empty.entries()) == []


def test_pending_calls_are_listed_whatever_their_age() -> None:
    asked: list[Listing] = []

    class Directory:
        server_time = None
        service = "https://service"

        async def calls(self, listing: Listing) -> list[RemoteCall]:
            asked.append(listing)
            return [listed(), listed("r2")]

        async def aclose(self) -> None: ...

    assert len(asyncio.run(list_all_calls(Directory(), NOW))) == 2
    assert [item.status for item in asked] == ["scheduled", "in-queue", "in-progress", None]
    assert asked[-1].since == NOW
    asked.clear()
    asyncio.run(list_all_calls(Directory(), None))
    assert asked == [Listing()]
