"""The content of the page without scripts, from top to bottom. Lists are limited; hidden items are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reconciler.domain.model import Diagnostic, JsonObject, Location, Severity
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.domain.times import format_utc
from reconciler.render.html.lines import AttentionGroup, CallBook, CallKind, CallLine
from reconciler.render.html.load import Load, measure
from reconciler.render.html.sheet import sheet
from reconciler.render.words import count_line, short, state_line, verdict_line, when

_MOST_ENTRIES = 20
_MOST_PROBLEMS = 100
_MOST_CELLS = 20
_MOST_ROWS = 200
_MOST_MOVES = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """A field on both sides; ``alike``: the values differ, but look the same because they are masked or cut."""

    field: str
    before: str
    after: str
    absent: bool
    gone: bool
    alike: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A call in a list."""

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
    """A diagnostic; ``line`` and ``caret`` quote the file if it is available."""

    code: str
    place: str
    message: str
    hint: str
    line: str
    caret: str


@dataclass(frozen=True, slots=True)
class Group:
    """Calls or problems under one heading: the ones shown, and their total. ``past`` ones are only counted."""

    name: str
    heading: str
    total: int
    calls: tuple[Item, ...] = ()
    problems: tuple[Problem, ...] = ()
    past: int = 0

    @property
    def more(self) -> int:
        return self.total - self.past - len(self.calls) - len(self.problems)


NOTHING = Group("", "", 0)


@dataclass(frozen=True, slots=True)
class Frame:
    """The information about the whole plan. ``tone`` is the verdict's: good, warn or bad."""

    counts: str
    verdict: str
    tone: str
    masked: bool
    state: str = ""
    base: str | None = None
    settings: tuple[Cell, ...] = ()
    errors: Group = NOTHING
    warnings: Group = NOTHING
    moves: tuple[tuple[str, str], ...] = ()
    all_moves: int = 0
    foot: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Counts of calls by ``noun``: a name, then a count for each head. Only the first of ``total`` rows are
    shown.
    """

    title: str
    noun: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    total: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that the template prints, and ``sheet`` for the script.

    ``kind``, ``place`` and ``reason`` are the book's.
    """

    frame: Frame
    summary: tuple[tuple[str, str, int, int], ...]
    attention: tuple[Group, ...]
    breakdowns: tuple[Breakdown, ...]
    load: Load
    kind: str
    place: str
    reason: str
    first: tuple[Item, ...]
    total: int
    sheet: JsonObject


def build_story(
    book: CallBook, plan: Plan, own_id: str, *, masked: bool, excerpt: Callable[[Location], str | None]
) -> Story:
    """The content for a plan that is already masked if necessary. ``own_id`` is the id of the unmasked plan."""
    warnings = [item for item in plan.diagnostics if item.severity is Severity.WARNING]
    frame = Frame(
        counts=count_line(plan),
        verdict=verdict_line(plan),
        tone="bad" if plan.errors or plan.count(Action.BLOCKED) else "good",
        masked=masked,
        state=_state(plan),
        base=None if plan.base is None else plan.base.ref,
        settings=_cells(plan.base.settings) if plan.base is not None else (),
        errors=_problems("error", plan.errors, excerpt),
        warnings=_problems("warning", warnings, excerpt),
        moves=tuple((str(old), str(new)) for old, new in plan.moves[:_MOST_MOVES]),
        all_moves=len(plan.moves),
        foot=tuple(_foot(plan, own_id)),
    )
    return build_book_story(book, frame)


def build_book_story(book: CallBook, frame: Frame, breakdowns: tuple[Breakdown, ...] = ()) -> Story:
    """The content for the calls of a book, with the information about the whole plan."""
    return Story(
        frame=frame,
        summary=tuple(_summary(book, frame.errors.total)),
        attention=tuple(_calls(heap) for heap in book.attention),
        breakdowns=breakdowns,
        load=measure(book),
        kind=book.kind,
        place=book.place,
        reason=book.reason,
        first=tuple(_item(line, book.kinds[line.kind]) for line in book.lines[:_MOST_ROWS]),
        total=len(book.lines),
        sheet=sheet(book),
    )


def _summary(book: CallBook, errors: int) -> Iterable[tuple[str, str, int, int]]:
    """Each kind that occurs: its name and label, the number in this branch, and the number that the base already
    has.
    """
    if errors:
        yield "errors", "errors", errors, 0
    found = Counter((line.kind, line.theirs) for line in book.lines)
    for number, kind in enumerate(book.kinds):
        mine, theirs = found[number, False], found[number, True]
        if mine or theirs:
            yield kind.name, kind.word, mine, theirs


def _state(plan: Plan) -> str:
    """What the plan was compared with, if not the state itself, and when to apply again."""
    said = []
    if plan.snapshot_at is not None:
        said.append(f"{state_line(plan)}.")
    elif plan.serial is None:
        said.append("Made without a state: every row counts as new.")
    if plan.next_apply_by is not None:
        said.append(
            f"Apply again before {format_utc(plan.next_apply_by)}, or the first waiting call will be missed."
        )
    return " ".join(said)


def _calls(heap: AttentionGroup) -> Group:
    told = [line for line in heap.lines if not line.past]
    shown = tuple(_item(line, heap.kind) for line in told[:_MOST_ENTRIES])
    total = len(heap.lines)
    return Group(heap.kind.name, f"{total:,} {heap.told}", total, calls=shown, past=total - len(told))


def _problems(noun: str, found: Sequence[Diagnostic], excerpt: Callable[[Location], str | None]) -> Group:
    shown = tuple(_problem(item, excerpt) for item in found[:_MOST_PROBLEMS])
    heading = f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
    return Group(noun, heading, len(found), problems=shown)


def _problem(item: Diagnostic, excerpt: Callable[[Location], str | None]) -> Problem:
    quoted = excerpt(item.location) if item.location is not None else None
    line, _, caret = (quoted or "").partition("\n")
    place = "" if item.location is None else str(item.location)
    return Problem(item.code, place, item.message, item.hint or "", line, caret)


def _item(line: CallLine, kind: CallKind) -> Item:
    call = line.call
    told = format_utc(line.rings) if line.rings is not None else ""
    return Item(
        address=str(line.address),
        action=kind.name,
        mark=kind.mark,
        word=kind.word,
        when=when(call) if call is not None and (call.schedule is not None or not told) else told,
        to="" if call is None else short(call.target),
        agent="" if call is None else call.agent,
        place=line.place,
        message=line.message,
        cells=_cells(line.diff[:_MOST_CELLS]),
        more_cells=max(0, len(line.diff) - _MOST_CELLS),
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
    """The details that identify the plan."""
    yield "plan", own_id
    yield "made", format_utc(plan.created_at)
    if plan.git is not None:
        yield "commit", f"{plan.git.commit}{' with uncommitted edits' if plan.git.dirty else ''}"
    if plan.base is not None:
        yield "compared with", f"{plan.base.ref} at {plan.base.commit}"
    if plan.serial is not None:
        yield "state", f"{plan.lineage}, serial {plan.serial}"
    yield "reconciler", plan.tool_version
