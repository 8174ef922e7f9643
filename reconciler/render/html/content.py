"""The content of the page without scripts, from top to bottom. Lists are limited; hidden items are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reconciler.domain.model import Diagnostic, JsonObject, Location, Severity
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.domain.times import format_utc
from reconciler.render.html.call_table import AttentionGroup, CallBook, CallLine
from reconciler.render.html.load import Load, measure
from reconciler.render.html.table_data import table_data
from reconciler.render.labels import count_line, state_line, verdict_line

_MOST_ENTRIES = 20
_MOST_PROBLEMS = 100
_MOST_ROWS = 200
_MOST_MOVES = 500


@dataclass(frozen=True, slots=True)
class Group:
    """Calls or problems under one heading: the ones shown, and their total. ``past`` ones are only counted.

    A problem comes with its source line and the line of its caret, if the file is available.
    """

    name: str
    heading: str
    total: int
    calls: tuple[CallLine, ...] = ()
    problems: tuple[tuple[Diagnostic, str, str], ...] = ()
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
    settings: tuple[CellDiff, ...] = ()
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
class PageContent:
    """Everything that the template prints, and ``data`` for the script. ``first`` are the calls that are listed
    without it.
    """

    book: CallBook
    frame: Frame
    summary: tuple[tuple[str, str, int, int], ...]
    attention: tuple[Group, ...]
    breakdowns: tuple[Breakdown, ...]
    load: Load
    first: tuple[CallLine, ...]
    data: JsonObject


def build_content(
    book: CallBook, plan: Plan, own_id: str, *, masked: bool, excerpt: Callable[[Location], str | None]
) -> PageContent:
    """The content for a plan that is already masked if necessary. ``own_id`` is the id of the unmasked plan."""
    warnings = [item for item in plan.diagnostics if item.severity is Severity.WARNING]
    frame = Frame(
        counts=count_line(plan),
        verdict=verdict_line(plan),
        tone="bad" if plan.errors or plan.count(Action.BLOCKED) else "good",
        masked=masked,
        state=_state(plan),
        base=None if plan.base is None else plan.base.ref,
        settings=plan.base.settings if plan.base is not None else (),
        errors=_problems("error", plan.errors, excerpt),
        warnings=_problems("warning", warnings, excerpt),
        moves=tuple((str(old), str(new)) for old, new in plan.moves[:_MOST_MOVES]),
        all_moves=len(plan.moves),
        foot=tuple(_foot(plan, own_id)),
    )
    return build_book_content(book, frame)


def build_book_content(book: CallBook, frame: Frame, breakdowns: tuple[Breakdown, ...] = ()) -> PageContent:
    """The content for the calls of a book, with the information about the whole plan."""
    return PageContent(
        book=book,
        frame=frame,
        summary=tuple(_summary(book, frame.errors.total)),
        attention=tuple(map(_group, book.attention)),
        breakdowns=breakdowns,
        load=measure(book),
        first=book.lines[:_MOST_ROWS],
        data=table_data(book),
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
    sentences = []
    if plan.snapshot_at is not None:
        sentences.append(f"{state_line(plan)}.")
    elif plan.serial is None:
        sentences.append("Made without a state: every row counts as new.")
    if plan.next_apply_by is not None:
        sentences.append(
            f"Apply again before {format_utc(plan.next_apply_by)}, or the first waiting call will be missed."
        )
    return " ".join(sentences)


def _group(group: AttentionGroup) -> Group:
    current = tuple(line for line in group.lines if not line.past)
    total = len(group.lines)
    heading = f"{total:,} {group.heading}"
    return Group(group.kind.name, heading, total, calls=current[:_MOST_ENTRIES], past=total - len(current))


def _problems(noun: str, found: Sequence[Diagnostic], excerpt: Callable[[Location], str | None]) -> Group:
    shown = tuple(_problem(item, excerpt) for item in found[:_MOST_PROBLEMS])
    heading = f"{len(found):,} {noun}{'' if len(found) == 1 else 's'}"
    return Group(noun, heading, len(found), problems=shown)


def _problem(item: Diagnostic, excerpt: Callable[[Location], str | None]) -> tuple[Diagnostic, str, str]:
    quoted = excerpt(item.location) if item.location is not None else None
    line, _, caret = (quoted or "").partition("\n")
    return item, line, caret


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
