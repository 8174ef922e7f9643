"""The content of the page without scripts, from top to bottom. Lists are limited; hidden items are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.domain.model import JsonObject, Severity
from reconciler.domain.plan import Action, CellDiff, Plan
from reconciler.domain.times import format_utc
from reconciler.render import formats
from reconciler.render.html.actions import TO_STOP
from reconciler.render.html.call_table import AttentionGroup, CallBook, CallLine
from reconciler.render.html.load import Load, measure
from reconciler.render.html.problems import Excerpt, ProblemGroup, problem_groups
from reconciler.render.html.table_data import table_data
from reconciler.render.labels import count_line, lifted_line, skipped_line, state_line, verdict_line

_MOST_ENTRIES = 20
_MOST_ROWS = 200
_MOST_MOVES = 500
_FEW_PROBLEMS = 3  # as many are shown unfolded
_SHORT = 12  # characters of a digest or a commit that tell it from others


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that need attention: the first ones of ``total``. ``past`` ones are only counted. ``message`` is what
    all of them have in common.
    """

    group: AttentionGroup
    calls: tuple[CallLine, ...]
    message: str
    past: int

    @property
    def more(self) -> int:
        return len(self.group.lines) - self.past - len(self.calls)

    @property
    def has_values(self) -> bool:
        return any(line.subject.value for line in self.calls)

    @property
    def has_notes(self) -> bool:
        """Whether a call has a message of its own or a cell that differs."""
        return any(line.diff or (line.message and not self.message) for line in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A count. It links to ``target``, or else selects the calls in the sheet that have ``kind`` or ``reason``.

    ``on_base`` of them are on the base already.
    """

    name: str
    label: str
    count: int
    on_base: int = 0
    kind: int | None = None
    reason: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The information about the whole plan. ``tone`` is the verdict's: good, warn or bad. ``subject`` is plan or
    status, ``identity`` says of which files and when, ``foot`` the same in full. ``notices`` precede the counts.
    """

    subject: str
    counts: str
    verdict: str
    tone: str
    masked: bool
    identity: tuple[str, ...] = ()
    state: str = ""
    base: str | None = None
    notices: tuple[str, ...] = ()
    settings: tuple[CellDiff, ...] = ()
    errors: tuple[ProblemGroup, ...] = ()
    warnings: tuple[ProblemGroup, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    all_moves: int = 0
    foot: tuple[tuple[str, str], ...] = ()
    empty: str = "There are no calls."

    @property
    def unfolded(self) -> bool:
        """Whether the errors are so few that they are shown at once."""
        return sum(group.total for group in self.errors) <= _FEW_PROBLEMS


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """Everything that the template prints, and ``data`` for the script. ``first`` are the calls that are listed
    without it.
    """

    book: CallBook
    frame: Frame
    cards: tuple[Card, ...]
    attention: tuple[Group, ...]
    load: Load
    first: tuple[CallLine, ...]
    data: JsonObject
    breakdowns: tuple[Breakdown, ...] = field(default=())


def build_content(book: CallBook, plan: Plan, own_id: str, *, masked: bool, excerpt: Excerpt) -> PageContent:
    """The content for a plan that is already masked if necessary. ``own_id`` is the id of the unmasked plan."""
    frame = Frame(
        subject="plan",
        counts=count_line(plan),
        verdict=verdict_line(plan),
        tone="bad" if plan.errors or plan.count(Action.BLOCKED) else "good",
        masked=masked,
        identity=tuple(_identity(plan, own_id)),
        state=_state(plan),
        base=None if plan.base is None else plan.base.ref,
        notices=tuple(map(lifted_line, plan.lifted)),
        settings=plan.base.settings if plan.base is not None else (),
        errors=tuple(problem_groups(plan.diagnostics, Severity.ERROR, excerpt)),
        warnings=tuple(problem_groups(plan.diagnostics, Severity.WARNING, excerpt)),
        moves=tuple((str(old), str(new)) for old, new in plan.moves[:_MOST_MOVES]),
        all_moves=len(plan.moves),
        foot=tuple(_foot(plan, own_id)),
        empty="Correct the errors above first."
        if plan.errors
        else "The plan files have no rows, and no earlier call needs attention.",
    )
    return build_book_content(book, frame)


def build_book_content(book: CallBook, frame: Frame, breakdowns: tuple[Breakdown, ...] = ()) -> PageContent:
    """The content for the calls of a book, with the information about the whole plan."""
    return PageContent(
        book=book,
        frame=frame,
        cards=tuple(_cards(book, frame)),
        attention=tuple(map(_group, book.attention)),
        load=measure(book),
        first=book.lines[:_MOST_ROWS],
        data=table_data(book),
        breakdowns=breakdowns,
    )


def _cards(book: CallBook, frame: Frame) -> Iterable[Card]:
    """A card for each count that is not zero: problems first, then the calls by kind."""
    if errors := sum(group.total for group in frame.errors):
        yield Card(name="bad", label="error" if errors == 1 else "errors", count=errors, target="#problems")
    for group in book.attention:
        if group.reason == TO_STOP:
            yield Card(name="bad", label=TO_STOP, count=len(group.lines), reason=TO_STOP)
    counts = Counter((line.kind, line.on_base) for line in book.lines)
    for number, kind in enumerate(book.kinds):
        count, on_base = counts[number, False] + counts[number, True], counts[number, True]
        if count:
            yield Card(name=kind.name, label=kind.word, count=count, on_base=on_base, kind=number)
    if warnings := sum(group.total for group in frame.warnings):
        yield Card(
            name="warn", label="warning" if warnings == 1 else "warnings", count=warnings, target="#problems"
        )


def _group(group: AttentionGroup) -> Group:
    current = [line for line in group.lines if not line.past]
    messages = {line.message for line in current}
    return Group(
        group,
        calls=tuple(current[:_MOST_ENTRIES]),
        message=messages.pop() if len(messages) == 1 and len(current) > 1 else "",
        past=len(group.lines) - len(current),
    )


def _state(plan: Plan) -> str:
    """What the plan was compared with, if not the state itself, and when to apply again."""
    sentences = []
    if plan.snapshot_at is not None:
        sentences.append(f"{state_line(plan)}.")
    elif plan.serial is None:
        sentences.append("Made without a state: every row counts as new.")
    if plan.next_apply_by is not None:
        sentences.append(
            f"Apply again before {utc_text(plan.next_apply_by)}, or the first waiting call will be missed."
        )
    sentences += [skipped_line(item, str) for item in plan.skipped]
    return " ".join(sentences)


def _identity(plan: Plan, own_id: str) -> Iterable[str]:
    """What identifies the plan, in a line; the foot of the page has it in full."""
    yield own_id.removeprefix("sha256:")[:_SHORT]
    yield f"made {utc_text(plan.created_at)}"
    if plan.git is not None:
        yield f"commit {plan.git.commit[:_SHORT]}{' with uncommitted edits' if plan.git.dirty else ''}"
    if plan.base is not None:
        yield f"compared with {plan.base.ref}"


def utc_text(moment: datetime) -> str:
    """``Mon 15 Jun 2026 10:00 UTC``."""
    here = moment.astimezone(UTC)
    return f"{formats.day(here, here)} {here.year} {here:%H:%M} UTC"


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
