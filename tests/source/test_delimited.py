"""Records come out of delimited text alike, however many of them are taken or passed over at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.domain.model import Location
from reconciler.source.sheets.delimited import Delimited
from reconciler.source.sheets.grid import MAX_CELL, MAX_COLUMNS, SheetProblem, SheetRow

Seen: TypeAlias = tuple[int, int, list[str], Location, Location]
Ended: TypeAlias = tuple[list[Seen], tuple[str, str, Location | None] | None]

CELL = st.text(st.sampled_from("ab,'\"\n\r é\x0b\u2028\0"), max_size=5)
ODD = st.sampled_from(["x" * MAX_COLUMNS, "x" * (MAX_CELL + 1), "'=1", " ", '"', "a,b", "two\nlines"])
LINES = st.sampled_from(
    ["", ",", " , ", "\t", '"', 'a"b', '"a"b', ",".join("x" * (MAX_COLUMNS + 1)), "'a,b", "\0"]
)
END = st.sampled_from(["\n", "\r\n", "\r"])


def quoted(cells: list[str], end: str) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerow(cells)
    return text.getvalue()


RECORD = st.builds(quoted, st.lists(CELL | ODD, min_size=1, max_size=3), END)
TEXT = st.lists(RECORD | st.builds("".join, st.tuples(LINES, END)), max_size=8).map("".join)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=8)
BAD = st.sampled_from([b"", b"", b"\xff", b"a\xff,b\nc"])


def opened(data: bytes) -> Delimited:
    return Delimited(io.BufferedReader(io.BytesIO(data)), "a.csv", "utf-8", ",", ",")


def seen(grid: Delimited, record: SheetRow) -> Seen:
    last = len(record.texts) - 1
    return record.number, record.line, record.texts, grid.locate(record, None), grid.locate(record, last)


def one_by_one(data: bytes) -> tuple[list[tuple[Seen, bool]], tuple[str, str, Location | None] | None]:
    grid, found = opened(data), []
    try:
        for record in grid.records():
            found.append((seen(grid, record), record.blank))  # noqa: PERF401 - those before a problem count
    except SheetProblem as problem:
        return found, (problem.code, problem.message, problem.location)
    return found, None


@given(TEXT, BAD, TEXT, STEPS)
@example('a,b\n"c\nd",e\nf,g\n', b"", "", [(False, 1), (True, 1), (False, 1)])
@example("a,b\n'=1,c\n'a,b\n", b"", "", [(True, 1), (False, 2)])
@example("a,b\nc,'=1\n", b"", "", [(False, 2)])
@example("a,b\n" * 3000, b"\xff", "", [(False, 700)] * 5)  # more than is decoded at once
@example("a,b\n" * 3000, b"\xff", "", [(True, 700)] * 3)
@example('a,b\n"c,"\n' * 1500, b"\xff", "", [(False, 700), (True, 700)] * 2)
@example("a,b\nc,d\ne,f\n", b"\xff", "g,h\n", [(True, 2), (False, 4)])
def test_however_many_are_taken_at_once(
    before: str, bad: bytes, after: str, steps: list[tuple[bool, int]]
) -> None:
    data = before.encode() + bad + after.encode()
    wanted, problem = one_by_one(data)
    grid, at = opened(data), 0
    records = grid.records()
    ended: tuple[str, str, Location | None] | None = None
    try:
        first = next(records, None)
        if first is None:
            assert not wanted
            return
        assert (seen(grid, first), first.blank) == wanted[0]
        at = 1
        for passes, count in chain(steps, endless()):
            expected = wanted[at : at + count]
            if passes:
                assert grid.pass_over(records, count) == (len(expected), sum(not blank for _, blank in expected))
                at += len(expected)
            else:
                for record in grid.take(records, count):
                    assert (seen(grid, record), record.blank) == wanted[at]
                    at += 1
            if len(expected) < count:
                break
    except SheetProblem as found:
        ended = (found.code, found.message, found.location)
    assert ended == problem
    if problem is None:
        assert at == len(wanted)


def endless() -> Iterator[tuple[bool, int]]:
    while True:
        yield False, 3
