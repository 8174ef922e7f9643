"""What the page says without its script, from top to bottom. Lists are bounded; what finds no room is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reconciler.model import Action, CellDiff, Change, Diagnostic, JsonObject, Location, Plan, Severity
from reconciler.render.html.load import Load, measure
from reconciler.render.html.sheet import MARKS, sheet
from reconciler.render.words import ACTION_WORDS, count_line, short, state_line, verdict_line, when, word
from reconciler.times import tell_instant

ATTENTION = (Action.BLOCKED, Action.UNCERTAIN, Action.CHANGED, Action.REMOVED, Action.EXPIRED)
_MOST_ENTRIES = 20
_MOST_PROBLEMS = 100
_MOST_CELLS = 20
_MOST_ROWS = 200
_MOST_MOVES = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """A field on both sides; ``alike`` where it differs and does not look so, masked or cut."""

    field: str
    before: str
    after: str
    absent: bool
    gone: bool
    alike: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A call, as far as it is known."""

    address: str
    action: str
    mark: str
    word: str
    when: str
    to: str
    agent: str
    place: str
    message: str
    cells: tuple[Cell, ...]
    more_cells: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A diagnostic; ``line`` and ``caret`` quote the file where it is at hand."""

    code: str
    place: str
    message: str
    hint: str
    line: str
    caret: str


@dataclass(frozen=True, slots=True)
class Group:
    """Calls or problems under one heading: those shown, and how many there are. ``past`` are counted only."""

    name: str
    heading: str
    total: int
    calls: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()
    past: int = 0

    @property
    def more(self) -> int:
        return self.total - self.past - len(self.calls) - len(self.problems)


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the template prints, and ``sheet`` for the script."""

    counts: str
    verdict: str
    applicable: bool
    masked: bool
    base: str | None
    settings: tuple[Cell, ...]
    summary: tuple[tuple[str, str, int, int], ...]
    state: str
    errors: Group
    attention: tuple[Group, ...]
    warnings: Group
    load: Load
    first: tuple[Item, ...]
    total: int
    moves: tuple[tuple[str, str], ...]
    all_moves: int
    foot: tuple[tuple[str, str], ...]
    sheet: JsonObject


def tell(plan: Plan, own_id: str, *, masked: bool, excerpt: Callable[[Location], str | None]) -> Story:
    """The story of a plan that is masked already, where it is to be. ``own_id`` is the unmasked plan's."""
    order = {action: number for number, action in enumerate(Action)}
    changes = sorted(plan.changes, key=lambda item: (item.introduced is False, order[item.action]))
    mine = [item for item in changes if item.introduced is not False]
    warnings = [item for item in plan.diagnostics if item.severity is Severity.WARNING]
    attention = (_calls(action, [item for item in mine if item.action is action]) for action in ATTENTION)
    return Story(
        counts=count_line(plan),
        verdict=verdict_line(plan),
        applicable=not plan.errors and not plan.count(Action.BLOCKED),
        masked=masked,
        base=None if plan.base is None else plan.base.ref,
        settings=_cells(plan.base.settings) if plan.base is not None else (),
        summary=tuple(_summary(plan)),
        state=_state(plan),
        errors=_problems("error", plan.errors, excerpt),
        attention=tuple(group for group in attention if group.total),
        warnings=_problems("warning", warnings, excerpt),
        load=measure(plan.changes, plan.created_at),
        first=tuple(_item(change) for change in changes[:_MOST_ROWS]),
        total=len(changes),
        moves=tuple((str(old), str(new)) for old, new in plan.moves[:_MOST_MOVES]),
        all_moves=len(plan.moves),
        foot=tuple(_foot(plan, own_id)),
        sheet=sheet(changes, plan.created_at, branch=plan.base is not None),
    )


def _summary(plan: Plan) -> Iterable[tuple[str, str, int, int]]:
    """Each action that occurs: its name and word, how many the branch brings, how many the base has already."""
    if plan.errors:
        yield "errors", "errors", len(plan.errors), 0
    for action in Action:
        calls = [item.introduced is False for item in plan.changes if item.action is action]
        if calls:
            yield action.value, word(action), len(calls) - sum(calls), sum(calls)


def _state(plan: Plan) -> str:
    if plan.snapshot_at is not None:
        return f"{state_line(plan)}."
    return "Made without a state: every row counts as new." if plan.serial is None else ""


def _calls(action: Action, changes: Sequence[Change]) -> Group:
    told = [item for item in changes if "past" not in item.reasons]
    shown = tuple(_item(change) for change in told[:_MOST_ENTRIES])
    heading = f"{len(changes):,} {ACTION_WORDS[action]}"
    return Group(action.value, heading, len(changes), calls=shown, past=len(changes) - len(told))


def _problems(noun: str, found: Sequence[Diagnostic], excerpt: Callable[[Location], str | None]) -> Group:
    shown = tuple(_problem(item, excerpt) for item in found[:_MOST_PROBLEMS])
    heading = f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
    return Group(noun, heading, len(found), problems=shown)


def _problem(item: Diagnostic, excerpt: Callable[[Location], str | None]) -> Problem:
    quoted = excerpt(item.location) if item.location is not None else None
    line, _, caret = (quoted or "").partition("\n")
    place = "" if item.location is None else str(item.location)
    return Problem(item.code, place, item.message, item.hint or "", line, caret)


def _item(change: Change) -> Item:
    call, at = change.call, change.scheduled_at
    return Item(
        address=str(change.address),
        action=change.action.value,
        mark=MARKS[change.action],
        word=word(change.action),
        when=when(call) if call is not None else tell_instant(at) if at is not None else "",
        to="" if call is None else short(call.target),
        agent="" if call is None else call.agent,
        place="" if change.source is None else str(change.source),
        message=change.message or "",
        cells=_cells(change.diff[:_MOST_CELLS]),
        more_cells=max(0, len(change.diff) - _MOST_CELLS),
    )


def _cells(cells: Iterable[CellDiff]) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            field=cell.field,
            before=cell.before or "",
            after=cell.after or "",
            absent=cell.before is None,
            gone=cell.after is None,
            alike=cell.before == cell.after,
        )
        for cell in cells
    )


def _foot(plan: Plan, own_id: str) -> Iterable[tuple[str, str]]:
    """What ties the page to the plan."""
    yield "plan", own_id
    yield "made", tell_instant(plan.created_at)
    if plan.git is not None:
        yield "commit", f"{plan.git.commit}{' with uncommitted edits' if plan.git.dirty else ''}"
    if plan.base is not None:
        yield "compared with", f"{plan.base.ref} at {plan.base.commit}"
    if plan.serial is not None:
        yield "state", f"{plan.lineage}, serial {plan.serial}"
    yield "reconciler", plan.tool_version
