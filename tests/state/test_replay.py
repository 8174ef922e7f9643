"""What a ledger tells is played in full, and an entry that does not follow from those before it is no entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from reconciler.domain.ledger import EntryKind, LedgerRecord
from reconciler.domain.model import Status
from reconciler.state.ledger import projection, replay
from reconciler.state.ledger.replay import Replay

AT = "2026-06-01T12:00:00Z"
RUN: dict[str, Any] = {
    "command": "apply",
    "host": "host",
    "pid": 1,
    "actor": "me",
    "tool_version": "0",
    "plan_id": None,
    "commit": None,
    "approvals": [],
    "overrides": [],
}
CALL = {"address": "june/a", "digest": "d", "endpoint": "single-contact-call", "rings_at": AT}
ANSWER = {"address": "june/a", "call_id": "call-1"}
RULING = {"address": "june/a", "call_id": None}


@pytest.fixture
def played() -> Iterator[Replay]:
    """A run has begun, and june/a is about to be sent."""
    with closing(Replay()) as played:
        play(played, EntryKind.BEGAN, RUN)
        play(played, EntryKind.INTENDED, CALL)
        yield played


def play(replay: Replay, kind: str, content: Mapping[str, Any], run: str = "run") -> None:
    replay.step(LedgerRecord(1, AT, kind, run, 1, "", dict(content)), {})


def test_every_kind_of_entry_is_played() -> None:
    assert projection.PROJECTIONS.keys() | replay.SPECIAL.keys() == set(EntryKind)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (EntryKind.PLACED, ANSWER),
        (EntryKind.FAILED, RULING),
        (EntryKind.MISSED, RULING),
        (EntryKind.ADOPTED, ANSWER),
        (EntryKind.DECIDED, ANSWER | {"said": "placed"}),
        (EntryKind.DECIDED, RULING | {"said": "stopped"}),
        (EntryKind.FORGOTTEN, RULING | {"said": "forgotten"}),
        (EntryKind.MOVED, {"from": "june/a", "address": "july/a"}),
        (EntryKind.ENDED, {"exit_code": 0, "counts": {}}),
    ],
)
def test_what_an_entry_changes_must_be_there(played: Replay, kind: EntryKind, content: dict[str, Any]) -> None:
    play(played, kind, content)
    elsewhere = {name: value.replace("june/a", "june/b") for name, value in content.items() if name == "address"}
    elsewhere |= {"from": "june/c"} if "from" in content else {}
    with pytest.raises(LookupError):
        play(played, kind, content | elsewhere, "another run")


def test_an_answer_belongs_to_the_run_that_asked(played: Replay) -> None:
    with pytest.raises(LookupError):
        play(played, EntryKind.PLACED, ANSWER, "another run")
    assert [row["status"] for row in played.rows("calls")] == [Status.INTENDED]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("unheard-of", ANSWER),
        (EntryKind.DECIDED, ANSWER | {"said": "unheard-of"}),
        (EntryKind.INTENDED, CALL | {"address": "no address"}),
        (EntryKind.INTENDED, CALL | {"digest": ["a list"]}),
        (EntryKind.BEGAN, RUN | {"pid": 1 << 70}),
        (EntryKind.BEGAN, RUN),  # it has begun already
        (
            EntryKind.INHERITED,
            {"table": "claims", "row": {"position": 1, "plan": "june", "key": "a", "revision": 1}},
        ),
        (EntryKind.INHERITED, {"table": "calls", "row": {"digest": "d", "digest) values (1) --": "x"}}),
        (EntryKind.INHERITED, {"table": "decisions", "row": {"number": 1}}),
    ],
)
def test_what_no_version_writes_is_refused(played: Replay, kind: str, content: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        play(played, kind, content)


def test_a_row_from_before_the_ledger_keeps_its_number(played: Replay) -> None:
    row = {"number": 7, "run_id": "run", "plan": "june", "key": "a", "revision": 1, "said": "stopped", "at": AT}
    inherited = {"table": "decisions", "row": row | {"call_id": None, "reason": "deleted"}}
    play(played, EntryKind.INHERITED, inherited)
    play(played, EntryKind.DECIDED, RULING | {"said": "stopped"})
    assert [row["number"] for row in played.rows("decisions")] == [7, 8]


def test_a_number_and_its_digits_are_not_the_same(played: Replay) -> None:
    [row] = map(dict, played.rows("calls"))
    assert not played.remove_same("calls", row | {"rejections": "0"})
    assert not played.remove_same("calls", row | {"digest": b"d"})
    assert not played.remove_same("calls", row | {"digest": "\udcff"})
    assert played.remove_same("calls", row)
    assert list(played.rows("calls")) == []
