"""The lines of a sheet, whatever it is of: a plan's changes, or what came of the calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.model import Action, Address, Call, CellDiff, Change, Plan
from reconciler.render.words import ACTION_WORDS, word


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be said of a call: ``name`` for styles, ``word`` for a reader, ``told`` for a heading."""

    name: str
    word: str
    mark: str
    told: str


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
class Book:
    """Lines in the order of the story, and the words for them. ``attention`` are the kinds that need a person;
    ``changes`` and ``place`` name two columns."""

    lines: tuple[Line, ...]
    kinds: tuple[Kind, ...]
    series: tuple[str, ...]
    attention: tuple[int, ...]
    changes: str
    place: str
    branch: bool = False


_MARKS = {
    Action.BLOCKED: "!",
    Action.UNCERTAIN: "?",
    Action.CHANGED: "\N{RIGHTWARDS ARROW}",
    Action.REMOVED: "---",
    Action.EXPIRED: "\N{MULTIPLICATION SIGN}",
    Action.CREATE: "+++",
    Action.WAITING: "\N{HORIZONTAL ELLIPSIS}",
    Action.HELD: "\N{WHITE CIRCLE}",
    Action.UNCHANGED: "=",
}
_KINDS = tuple(Kind(action.value, word(action), _MARKS[action], ACTION_WORDS[action]) for action in Action)
_NUMBERS = {action: number for number, action in enumerate(Action)}
_ATTENTION = (Action.BLOCKED, Action.UNCERTAIN, Action.CHANGED, Action.REMOVED, Action.EXPIRED)
_PLACED = frozenset({Action.UNCHANGED, Action.REMOVED})


def book_of(plan: Plan) -> Book:
    """The changes by action, in the order of actions; what the base has already comes last."""
    lines = sorted(_lines(plan), key=lambda line: (line.theirs, line.kind))
    return Book(
        lines=tuple(lines),
        kinds=_KINDS,
        series=("", "to place", "waiting", "placed before"),
        attention=tuple(_NUMBERS[action] for action in _ATTENTION),
        changes="what changes",
        place="row",
        branch=plan.base is not None,
    )


def _lines(plan: Plan) -> Iterable[Line]:
    for change in plan.changes:
        yield Line(
            address=change.address,
            kind=_NUMBERS[change.action],
            load=_series(change, plan.created_at),
            call=change.call,
            rings=change.scheduled_at,
            place="" if change.source is None else str(change.source),
            message=change.message or "",
            reasons=change.reasons,
            diff=change.diff,
            theirs=change.introduced is False,
            past="past" in change.reasons,
            floating=change.action is Action.CREATE and change.scheduled_at is None,
        )


def _series(change: Change, now: datetime) -> int:
    """What the chart counts the change as. An edited call is not in it: its time is the old one's."""
    if change.scheduled_at is None:
        return 0
    if change.action in {Action.CREATE, Action.WAITING}:
        return 1 if change.action is Action.CREATE else 2
    ahead = change.scheduled_at > now and "stopped" not in change.reasons
    return 3 if change.action in _PLACED and ahead else 0
