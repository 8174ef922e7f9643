"""A plan against a snapshot is the plan against the state it was taken of, but for what it does not tell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import structs

from reconciler.domain import identity
from reconciler.domain.blinding import HIDDEN, BlindedView, derived_key
from reconciler.domain.changes import Changes
from reconciler.domain.documents import to_bytes
from reconciler.domain.facts import Conflict
from reconciler.domain.model import Address, Entry, Location, Move, Row, Status
from reconciler.domain.plan import CallToStop, CellDiff, Change
from reconciler.errors import StateError, StateMissing
from reconciler.planning.context import Context
from reconciler.planning.plan import make_plan
from reconciler.source.schema.packaged import schema_text
from reconciler.state import snapshot
from tests.planning.test_plan_engine import HERE, HOUR, NOW, entry, row, unique
from tests.saved import read_back, saved

LINEAGE = "3f0f4d5e-0000-4000-8000-000000000001"
NO_REASON = "its reason is not in the snapshot"
SCHEMA = Draft202012Validator(json.loads(schema_text("snapshot")))


@dataclass
class Known:
    """What an export needs of a state."""

    listed: list[Entry]
    lineage: str = LINEAGE
    serial: int = 7
    secret: str = "s"

    def entries(self) -> Iterator[Entry]:
        yield from sorted(self.listed, key=lambda item: item.address)

    def key_for(self, purpose: str) -> bytes:
        return derived_key(self.secret, purpose)

    def conflicts(self) -> dict[Address, Conflict]:
        return {}

    def entries_of_calls(self, call_ids: Collection[str]) -> dict[str, Entry]:
        return {item.call_id: item for item in self.listed if item.call_id and item.call_id in call_ids}


def export(*entries: Entry, **known: Any) -> bytes:
    return snapshot.export(Known(list(entries), **known), NOW)  # type: ignore[arg-type]


def read(data: bytes, folder: Path) -> snapshot.Snapshot:
    (folder / "snapshot.json").write_bytes(data)
    return snapshot.read(folder / "snapshot.json")


texts = st.sampled_from(["a", "b", "é", "e\u0301", "", "0042", "c"])
rows = st.builds(
    lambda key, revision, at, delay, target, flags, place_by, **kw: row(
        key,
        revision,
        at=at,
        delay_minutes=None if at else delay,
        place_by=None if place_by is None else NOW + place_by,
        **target,
        **flags,
        **kw,
    ),
    key=st.sampled_from("abc"),
    revision=st.integers(1, 3),
    at=st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR, NOW + 2 * HOUR]),
    delay=st.sampled_from([None, 5, 5.0, 0.5, 3000]),
    target=st.sampled_from(
        [{"contact_id": "x"}, {"contact_id": "y"}, {"contact_id": None, "to_number": "+14155552678"}]
    ),
    flags=st.fixed_dictionaries({"enabled": st.booleans(), "distinct": st.booleans()}),
    place_by=st.sampled_from([None, -HOUR, HOUR]),
    full_name=st.none() | texts,
    sender=texts,
    additional_data=st.dictionaries(st.sampled_from(["k", "é", "e\u0301"]), texts, max_size=2),
    metadata=st.dictionaries(st.sampled_from("kl"), texts, max_size=2),
)
entries = st.builds(
    lambda source, status, stopped, rejections, ago: entry(
        source,
        status,
        stopped_at=NOW if stopped else None,
        rejections=rejections,
        attempted=NOW - ago,
        error=NO_REASON if status is Status.FAILED else None,
    ),
    rows,
    st.sampled_from(Status),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([HOUR, 25 * HOUR, timedelta(days=9)]),
)
moves = st.sampled_from(
    [[], [Move("p", "a", "p", "d", HERE)], [Move("p", None, "q", None, HERE)], [Move("q", None, "p", None, HERE)]]
)


@given(
    st.lists(rows, max_size=6).map(unique),
    st.lists(entries, max_size=6).map(unique),
    moves,
    st.booleans(),
    st.booleans(),
)
def test_a_plan_against_a_snapshot_is_the_plan_against_the_state(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: list[Row],
    known: list[Entry],
    moved: list[Move],
    retry: bool,
    complete: bool,
) -> None:
    # Some rows ask for exactly a call that is known, under its own name and under another.
    for name in ("a", "z"):
        wanted = [*wanted, *(again(item, name) for item in known[:1])]
    wanted = unique(wanted)
    data = export(*known)
    SCHEMA.validate(json.loads(data))
    taken = read(data, tmp_path_factory.getbasetemp())
    context = Context(NOW, "test", LINEAGE, 7, retry_failed=retry, complete=complete)
    blind = BlindedView(taken.key)
    real = make_plan(wanted, known, context, moves=moved)
    seen = make_plan(wanted, taken.entries, replace(context, view=blind), moves=moved)
    told = [told_apart(one, other, blind) for one, other in zip(real.changes, seen.changes, strict=True)]
    assert replace(seen, changes=Changes.from_items(told), to_stop=()) == replace(real, to_stop=())
    assert [stop_by_hand(item) for item in seen.to_stop] == [stop_by_hand(item) for item in real.to_stop]
    # Where the base's files hold the placed calls, no old value is missing.
    view = blind.with_calls(item.call for item in known)
    full = make_plan(wanted, taken.entries, replace(context, view=view), moves=moved)
    assert [item.diff for item in full.changes] == [item.diff for item in real.changes]
    assert saved(read_back(saved(seen))) == saved(seen)


def stop_by_hand(item: CallToStop) -> tuple[object, ...]:
    """What a snapshot tells of it too: it has no call id, no person and no zone."""
    return (item.address, item.action, item.reasons, item.rings_at)


def again(known: Entry, key: str) -> Row:
    at = known.rings_at if known.call.schedule is not None else None
    return Row(Address("p", key, known.address.revision), known.call, HERE, rings_at=at)


def told_apart(real: Change, seen: Change, blind: BlindedView) -> Change:
    """``seen`` with what a snapshot hides filled in from ``real``: old values, and digests of what has no row."""
    pairs = zip(real.diff, seen.diff, strict=True)
    diff = tuple(revealed(one, other) if other.hidden else other for one, other in pairs)
    if seen.source is None:
        assert seen.digest == blind.digest(real.digest)
        seen = structs.replace(seen, digest=real.digest)
    return structs.replace(seen, diff=diff)


def revealed(real: CellDiff, seen: CellDiff) -> CellDiff:
    assert real.before is not None
    assert real.field != "delay_minutes"
    assert seen.before == HIDDEN
    return structs.replace(seen, before=real.before, hidden=False)


def test_a_snapshot_holds_no_text_of_a_call() -> None:
    said = {"to_number": "+14155552678", "full_name": "Jane Canary", "sender": "+14155550000"}
    source = row(contact_id=None, additional_data={"debt": "canary-1"}, metadata={"invoice": "canary-2"}, **said)
    data = export(entry(source, Status.FAILED, call_id="call-canary", error="canary-3", rejections=1)).decode()
    for text in ("4155552678", "4155550000", "Jane", "canary", identity.digest(source.call), '"s"'):
        assert text not in data
    assert '"debt"' in data


def test_the_same_calls_give_the_same_lines(tmp_path: Path) -> None:
    first, second = entry(row("a")), entry(row("b"))
    before = export(first).decode().splitlines()
    after = snapshot.export(Known([first, second], serial=9), NOW + HOUR).decode().splitlines()  # type: ignore[arg-type]
    kept = {line.rstrip(",") for line in before} & {line.rstrip(",") for line in after}
    assert sum('"address"' in line for line in kept) == 1
    other = export(first, secret="t").decode()
    assert not [line for line in other.splitlines() if '"address"' in line and line in before]
    assert read(export(first), tmp_path).entries[0].address == first.address


def test_equal_texts_look_alike_only_in_the_same_field() -> None:
    blind = BlindedView(b"k").call(row(sender="same", full_name="same", metadata={"a": "same", "b": "same"}).call)
    assert len({blind.sender, blind.full_name, *blind.metadata.values()}) == 4
    number = row(contact_id=None, to_number="same").call
    assert BlindedView(b"k").call(number).target == BlindedView(b"k").call(row(contact_id="same").call).target


def edited(data: bytes, *, mended: bool = True, **members: Any) -> bytes:
    """The snapshot with members replaced, its checksum mended."""
    document = json.loads(data) | members
    del document["checksum"]
    check = hashlib.sha256(to_bytes(document)).hexdigest()
    return to_bytes(document | {"checksum": f"sha256:{check}"})


GOOD = export(entry(row("a")), entry(row("b")))
[ONE, TWO] = json.loads(GOOD)["entries"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b"SQLite format 3\x00",
        b"[" * 200_000,
        b'{"format_version": "1.0", "a": ' + b"[" * 900 + b"]" * 900 + b"}",
        GOOD[:-40],
        GOOD.replace(b'"serial": 7', b'"serial": 8'),
        GOOD.replace(b'"rejections": 0', b'"rejections": 1', 1),
        GOOD.replace(b'"format_version": "1.2"', b'"format_version": "2.0"'),
        edited(GOOD, serial=-1),
        edited(GOOD, serial=True),
        edited(GOOD, serial=10**4000),
        edited(GOOD, key="zz"),
        edited(GOOD, key="ab"),
        edited(GOOD, lineage=None),
        edited(GOOD, created_at="yesterday"),
        edited(GOOD, extra=1),
        edited(GOOD, entries={}),
        edited(GOOD, entries=[5]),
        edited(GOOD, entries=[TWO, ONE]),
        edited(GOOD, entries=[ONE, ONE]),
        edited(GOOD, entries=[ONE | {"address": "no address"}]),
        edited(GOOD, entries=[ONE | {"status": "done"}]),
        edited(GOOD, entries=[ONE | {"digest": "d1:sha256:" + "0" * 64}]),
        edited(GOOD, entries=[ONE | {"digest": ONE["digest"].replace("d1", "d9")}]),
        edited(GOOD, entries=[ONE | {"call_id": "x"}]),
        edited(GOOD, entries=[{name: value for name, value in ONE.items() if name != "rings_at"}]),
        edited(GOOD, entries=[ONE | {"rings_at": "9999-12-31T23:59:59-23:59"}]),
        edited(GOOD, entries=[ONE | {"rejections": "0"}]),
        edited(GOOD, entries=[ONE | {"rejections": -1}]),
        edited(GOOD, entries=[ONE | {"fields": ONE["fields"] | {"full_name": "Jane"}}]),
        edited(GOOD, entries=[ONE | {"fields": ONE["fields"] | {"delay_minutes": "5"}}]),
        edited(GOOD, entries=[ONE | {"fields": ONE["fields"] | {"to_number": "0" * 16}}]),
        edited(GOOD, entries=[ONE | {"fields": {}}]),
        GOOD.replace(b'"rejections": 0', b'"rejections": NaN', 1),
        GOOD.replace(b'"agent": "', b'"agent": "\\ud800', 1),
    ],
)
def test_what_is_no_snapshot_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        read(data, tmp_path)
    assert len(caught.value.message) < 400


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    data = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    try:
        same = json.loads(data) == json.loads(GOOD)
    except (ValueError, RecursionError):
        same = False
    folder = tmp_path_factory.getbasetemp()
    if same:
        assert read(data, folder).entries == read(GOOD, folder).entries
    else:
        with pytest.raises(StateError):
            read(data, folder)


def test_a_snapshot_is_a_regular_file(tmp_path: Path) -> None:
    with pytest.raises(StateMissing):
        snapshot.read(tmp_path / "none.json")
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(StateError, match="not a regular file"):
            snapshot.read(path)


def test_a_snapshot_of_another_lineage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(GOOD)
    assert snapshot.read(tmp_path / "s", lineage=LINEAGE).serial == 7
    with pytest.raises(StateError, match="pinned to other"):
        snapshot.read(tmp_path / "s", lineage="other")


def test_moved_entries_are_compared_as_they_are(tmp_path: Path) -> None:
    taken = read(export(entry(row("a"))), tmp_path)
    context = Context(NOW, "test", LINEAGE, 7, view=BlindedView(taken.key))
    plan = make_plan([row("z")], taken.entries, context, moves=[Move("p", "a", "p", "z", Location("f"))])
    assert [change.action for change in plan.changes] == ["unchanged"]
    assert plan.moves == ((Address("p", "a"), Address("p", "z")),)
