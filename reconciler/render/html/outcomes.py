"""What came of the calls: the state's entries as the lines of a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from reconciler.masking import mask_entry
from reconciler.model import Entry, Plan, Status
from reconciler.render.html.lines import Book, Heap, Kind, Line
from reconciler.render.html.story import Frame, Story, tell_book
from reconciler.render.words import count_line, state_line
from reconciler.times import tell_instant

_UNCERTAIN = Kind("uncertain", "uncertain", "?")
_FAILED = Kind("failed", "failed", "!")
_MISSED = Kind("missed", "missed", "\N{MULTIPLICATION SIGN}")
_STOPPED = Kind("stopped", "stopped", "\N{WHITE CIRCLE}")
_NOT_PLACED = Kind("not-placed", "not placed", "---")
_AHEAD = Kind("ahead", "will ring", "+++")
_PAST = Kind("past", "time passed", "=")
_KINDS = (_UNCERTAIN, _FAILED, _MISSED, _STOPPED, _NOT_PLACED, _AHEAD, _PAST)
_TOLD = {
    _UNCERTAIN: "uncertain: nobody knows whether they were placed",
    _FAILED: "failed: the service refused them",
    _MISSED: "missed: their time passed before they were placed",
}
_OF_STATUS = {
    Status.INTENDED: _UNCERTAIN,
    Status.SENT: _UNCERTAIN,
    Status.UNCERTAIN: _UNCERTAIN,
    Status.FAILED: _FAILED,
    Status.MISSED: _MISSED,
    Status.RULED_OUT: _NOT_PLACED,
}
_SERIES = {_AHEAD: 1, _PAST: 3, _UNCERTAIN: 2}


def tell_outcomes(plan: Plan, entries: Iterable[Entry], *, masked: bool) -> Story:
    """The story of a state, as of the time of ``plan``. A snapshot's calls are not shown: they say nothing."""
    hidden = plan.snapshot_at is not None
    lines = [_line(entry, plan.created_at, masked=masked, hidden=hidden) for entry in entries]
    found = Counter(_KINDS[line.kind].word for line in lines)
    trouble = sum(found[kind.word] for kind in _TOLD)
    frame = Frame(
        counts=", ".join(f"{found[kind.word]} {kind.word}" for kind in _KINDS if found[kind.word])
        or "no calls yet",
        verdict=f"{trouble:,} of {len(lines):,} need a person." if trouble else "Nothing needs a person.",
        good=not trouble,
        masked=masked or hidden,
        state=f"By the plan files: {count_line(plan)}. {state_line(plan)}.",
        foot=(("as of", tell_instant(plan.created_at)), ("reconciler", plan.tool_version)),
    )
    book = Book(
        lines=tuple(sorted(lines, key=lambda line: line.kind)),
        kinds=_KINDS,
        series=("", "will ring", "uncertain", "time passed"),
        attention=tuple(_attention(lines)),
        changes="why",
        place="call id",
    )
    return tell_book(book, frame)


def _attention(lines: Sequence[Line]) -> Iterator[Heap]:
    for kind, told in _TOLD.items():
        if found := tuple(line for line in lines if _KINDS[line.kind] is kind):
            yield Heap(kind, told, found)


def _line(entry: Entry, now: datetime, *, masked: bool, hidden: bool) -> Line:
    kind = _kind(entry, now)
    entry = mask_entry(entry) if masked else entry
    facts = [("attempted", tell_instant(entry.attempted_at))]
    if entry.stopped_at is not None:
        facts.append(("stopped", tell_instant(entry.stopped_at)))
    return Line(
        address=entry.address,
        kind=_KINDS.index(kind),
        load=_SERIES.get(kind, 0),
        call=None if hidden else entry.call,
        rings=entry.rings_at,
        place=entry.call_id or "",
        message=entry.error or "",
        reasons=(entry.status.value,),
        facts=tuple(facts),
    )


def _kind(entry: Entry, now: datetime) -> Kind:
    if not entry.placed:
        return _OF_STATUS[entry.status]
    if entry.stopped_at is not None:
        return _STOPPED
    return _AHEAD if entry.rings_at > now else _PAST
