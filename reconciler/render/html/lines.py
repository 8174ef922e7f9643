"""The lines of a sheet, whatever it is of: a plan's changes, or what came of the calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.model import Address, Call
from reconciler.domain.plan import Action, CallToStop, CellDiff, Change, Plan
from reconciler.render import to_stop
from reconciler.render.html.around import NOTHING, Around, Beside, minute, zone
from reconciler.render.origins import Origins
from reconciler.render.words import ACTION_WORDS, blocked_groups, reason_words, word


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be said of a call: ``name`` for styles, ``word`` and ``mark`` for a reader."""

    name: str
    word: str
    mark: str


@dataclass(frozen=True, slots=True)
class Series:
    """What bars of the chart are made of: ``tone`` for styles, ``name`` for a reader."""

    tone: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """One call. ``kind`` and ``load`` are numbers in the book's ``kinds`` and ``series`` (0: rings nowhere on the
    chart); ``theirs`` says that the base has it already, ``past`` that nothing can be done about it."""

    address: Address
    kind: int
    load: int
    call: Call | None
    rings: datetime | None
    place: str
    message: str = ""
    reasons: tuple[str, ...] = ()
    diff: tuple[CellDiff, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    theirs: bool = False
    past: bool = False
    floating: bool = False


@dataclass(frozen=True, slots=True)
class Heap:
    """Lines that need a person, for one reason: ``told`` in a heading."""

    kind: Kind
    told: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """Lines in the order of the story, and the words for them.

    ``beside`` are calls that ring and have no line, as the last of the ``series``. ``limit`` is of calls in one
    minute, ``fullest`` says how many ring from one number in one minute at most, when, and how many may.
    ``origins`` say where values came from, of the lines of which that was asked.
    ``kind``, ``changes`` and ``place`` name columns, ``reason`` what lines can be filtered by besides.
    """

    lines: tuple[Line, ...]
    kinds: tuple[Kind, ...]
    series: tuple[Series, ...]
    attention: tuple[Heap, ...]
    kind: str
    changes: str
    place: str
    reason: str
    branch: bool = False
    beside: tuple[Beside, ...] = ()
    limit: int | None = None
    fullest: tuple[int, int, int] | None = None
    origins: Origins = field(default_factory=dict)


_MARKS = {
    Action.BLOCKED: "!",
    Action.FORBIDDEN: "\N{NUMBER SIGN}",
    Action.UNCERTAIN: "?",
    Action.CONFLICT: "\N{AMPERSAND}",
    Action.CHANGED: "\N{RIGHTWARDS ARROW}",
    Action.REMOVED: "---",
    Action.EXPIRED: "\N{MULTIPLICATION SIGN}",
    Action.CREATE: "+++",
    Action.WAITING: "\N{HORIZONTAL ELLIPSIS}",
    Action.HELD: "\N{WHITE CIRCLE}",
    Action.UNCHANGED: "=",
}
_KINDS = tuple(Kind(action.value, word(action), _MARKS[action]) for action in Action)
_TO_STOP = Kind("bad", "to stop by hand", "!")
_NUMBERS = {action: number for number, action in enumerate(Action)}
_ATTENTION = (
    Action.FORBIDDEN,
    Action.UNCERTAIN,
    Action.CONFLICT,
    Action.CHANGED,
    Action.REMOVED,
    Action.EXPIRED,
)
_PLACED = frozenset({Action.UNCHANGED, Action.REMOVED, Action.FORBIDDEN})
_OF_ACTION = {Action.CREATE: 1, Action.WAITING: 2, Action.BLOCKED: 3, **dict.fromkeys(_PLACED, 4)}
SERIES = (
    Series("", ""),
    Series("blue", "to place"),
    Series("purple", "waiting"),
    Series("orange", "blocked"),
    Series("gray", "already placed"),
)


def book_of(plan: Plan, around: Around = NOTHING, origins: Origins | None = None) -> Book:
    """The changes by action, in the order of actions; what the base has already comes last."""
    lines = {change.address: _line(change, plan.created_at) for change in plan.changes}
    return Book(
        lines=tuple(sorted(lines.values(), key=lambda line: (line.theirs, line.kind))),
        kinds=_KINDS,
        series=SERIES,
        attention=tuple(_attention(plan, lines)),
        kind="action",
        changes="what changes",
        place="row",
        reason="reason",
        branch=plan.base is not None,
        beside=tuple(_beside(plan, lines, around)),
        limit=around.per_minute,
        origins=origins or {},
    )


def _beside(plan: Plan, lines: Mapping[Address, Line], around: Around) -> Iterator[Beside]:
    """The calls placed before that no line tells of: of edited rows, and of plans that were not asked for."""
    moved = dict(plan.moves)
    told = {line.address for line in lines.values() if SERIES[line.load] is SERIES[-1]}
    rest = (entry for entry in around.placed if moved.get(entry.address, entry.address) not in told)
    found = Counter((minute(entry.rings_at), zone(entry.call)) for entry in rest)
    yield from (Beside(second, name, calls) for (second, name), calls in sorted(found.items()))


def _attention(plan: Plan, lines: Mapping[Address, Line]) -> Iterator[Heap]:
    """What a person has to look at: the blocked by what blocks them, the others by action."""
    mine = [change for change in plan.changes if change.introduced is not False]
    found = [(Action.BLOCKED, *group) for group in blocked_groups(mine)]
    found += [(action, ACTION_WORDS[action], [c for c in mine if c.action is action]) for action in _ATTENTION]
    if plan.to_stop:
        yield Heap(_TO_STOP, to_stop.heading(plan.to_stop).partition(" ")[2], tuple(map(_stop_line, plan.to_stop)))
    for action, words, every in found:
        changes = to_stop.elsewhere(plan, action, every)
        if changes:
            yield Heap(_KINDS[_NUMBERS[action]], words, tuple(lines[item.address] for item in changes))


def _stop_line(call: CallToStop) -> Line:
    message = f"{call.action}: {to_stop.sentence(call)}"
    return Line(call.address, _NUMBERS[call.action], 0, None, None, "", message)


def _line(change: Change, now: datetime) -> Line:
    return Line(
        address=change.address,
        kind=_NUMBERS[change.action],
        load=_series(change, now),
        call=change.call,
        rings=change.scheduled_at,
        place="" if change.source is None else str(change.source),
        message=change.message or "",
        reasons=tuple(map(reason_words, change.reasons)),
        diff=change.diff,
        facts=() if change.called_timezone is None else (("zone of the called", change.called_timezone),),
        theirs=change.introduced is False,
        past="past" in change.reasons,
        floating=change.action is Action.CREATE and change.scheduled_at is None,
    )


def _series(change: Change, now: datetime) -> int:
    """What the chart counts the change as. An edited call is not in it: its time is the old one's."""
    if change.scheduled_at is None:
        return 0
    if change.action in {Action.CREATE, Action.WAITING}:
        return _OF_ACTION[change.action]
    # A guard judges calls, and says so where it blocks one; what the state blocks would not ring in any case.
    judged = change.action is Action.BLOCKED and change.call is not None
    ahead = change.scheduled_at > now and "stopped" not in change.reasons
    return _OF_ACTION[change.action] if (judged or change.action in _PLACED) and ahead else 0
