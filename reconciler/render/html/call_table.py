"""The rows of the page's table, for the changes of a plan or the outcomes of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.domain.model import Address, Call
from reconciler.domain.plan import Action, CallToStop, CellDiff, Change, Plan
from reconciler.domain.times import format_utc
from reconciler.render import to_stop
from reconciler.render.formats import shorten, written_time
from reconciler.render.labels import ACTION_WORDS, ATTENTION, blocked_groups, reason_words, word
from reconciler.render.load_context import NOTHING, LoadContext, MinuteLoad, minute, zone
from reconciler.render.origins import Origins


@dataclass(frozen=True, slots=True)
class CallKind:
    """The action or outcome of a call: ``name`` for styles, ``word`` and ``mark`` for readers."""

    name: str
    word: str
    mark: str


@dataclass(frozen=True, slots=True)
class Series:
    """One series of bars in the chart: ``tone`` for styles, ``name`` for readers."""

    tone: str
    name: str


@dataclass(frozen=True, slots=True)
class CallLine:
    """One call. ``kind`` and ``load`` are positions in the book's ``kinds`` and ``series`` (0: not in the chart).
    ``theirs``: the base already has it. ``past``: it needs no action any more.
    """

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

    @property
    def when(self) -> str:
        """When it rings: as written in its row, else as it is known."""
        call = self.call
        if call is not None and (call.schedule is not None or self.rings is None):
            return written_time(call)
        return "" if self.rings is None else format_utc(self.rings)

    @property
    def to(self) -> str:
        return "" if self.call is None else shorten(self.call.target)


@dataclass(frozen=True, slots=True)
class AttentionGroup:
    """Calls that need attention for one reason, which the heading states."""

    kind: CallKind
    heading: str
    lines: tuple[CallLine, ...]


@dataclass(frozen=True, slots=True)
class CallBook:
    """The calls in the order of the page, and the labels for them.

    ``beside`` are calls that ring but are not listed, as the last of the ``series``. ``limit`` is the limit of
    calls in one minute. ``fullest`` is the highest number of calls from one number in one minute, that minute, and
    the limit. ``origins`` are the origins of values, for the calls that they were requested for. ``kind``,
    ``changes`` and ``place`` are labels of columns, ``reason`` the label of another filter.
    """

    lines: tuple[CallLine, ...]
    kinds: tuple[CallKind, ...]
    series: tuple[Series, ...]
    attention: tuple[AttentionGroup, ...]
    kind: str
    changes: str
    place: str
    reason: str
    branch: bool = False
    beside: tuple[MinuteLoad, ...] = ()
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
_KINDS = tuple(CallKind(action.value, word(action), _MARKS[action]) for action in Action)
_TO_STOP = CallKind("bad", "to stop by hand", "!")
_NUMBERS = {action: number for number, action in enumerate(Action)}
_PLACED = frozenset({Action.UNCHANGED, Action.REMOVED, Action.FORBIDDEN})
_OF_ACTION = {Action.CREATE: 1, Action.WAITING: 2, Action.BLOCKED: 3, **dict.fromkeys(_PLACED, 4)}
SERIES = (
    Series("", ""),
    Series("blue", "to place"),
    Series("purple", "waiting"),
    Series("orange", "blocked"),
    Series("gray", "already placed"),
)


def build_book(plan: Plan, load: LoadContext = NOTHING, origins: Origins | None = None) -> CallBook:
    """The changes by action, in the order of actions; what the base already has comes last."""
    lines = {change.address: _line(change, plan.created_at) for change in plan.changes}
    return CallBook(
        lines=tuple(sorted(lines.values(), key=lambda line: (line.theirs, line.kind))),
        kinds=_KINDS,
        series=SERIES,
        attention=tuple(_attention(plan, lines)),
        kind="action",
        changes="what changes",
        place="row",
        reason="reason",
        branch=plan.base is not None,
        beside=tuple(_placed_elsewhere(plan, lines, load)),
        limit=load.per_minute,
        origins=origins or {},
    )


def _placed_elsewhere(plan: Plan, lines: Mapping[Address, CallLine], load: LoadContext) -> Iterator[MinuteLoad]:
    """Placed calls that are not listed: the old calls of edited rows, and those of plans that were not
    selected.
    """
    moved = dict(plan.moves)
    charted = {line.address for line in lines.values() if SERIES[line.load] is SERIES[-1]}
    rest = (entry for entry in load.placed if moved.get(entry.address, entry.address) not in charted)
    found = Counter((minute(entry.rings_at), zone(entry.call)) for entry in rest)
    yield from (MinuteLoad(second, name, calls) for (second, name), calls in sorted(found.items()))


def _attention(plan: Plan, lines: Mapping[Address, CallLine]) -> Iterator[AttentionGroup]:
    """The changes that need attention: blocked ones by their reason, the others by action."""
    mine = [change for change in plan.changes if change.introduced is not False]
    found = [(Action.BLOCKED, *group) for group in blocked_groups(mine)]
    found += [(action, ACTION_WORDS[action], [c for c in mine if c.action is action]) for action in ATTENTION]
    if plan.to_stop:
        yield AttentionGroup(
            _TO_STOP, to_stop.heading(plan.to_stop).partition(" ")[2], tuple(map(_stop_line, plan.to_stop))
        )
    for action, words, every in found:
        changes = to_stop.elsewhere(plan, action, every)
        if changes:
            yield AttentionGroup(_KINDS[_NUMBERS[action]], words, tuple(lines[item.address] for item in changes))


def _stop_line(call: CallToStop) -> CallLine:
    message = f"{call.action}: {to_stop.sentence(call)}"
    return CallLine(call.address, _NUMBERS[call.action], 0, None, None, "", message)


def _line(change: Change, now: datetime) -> CallLine:
    return CallLine(
        address=change.address,
        kind=_NUMBERS[change.action],
        load=_series(change, now),
        call=change.call,
        rings=change.scheduled_at,
        place="" if change.source is None else str(change.source),
        message=change.message or "",
        reasons=tuple(map(reason_words, change.reasons)),
        diff=change.diff,
        facts=() if change.called_timezone is None else (("called person's time zone", change.called_timezone),),
        theirs=change.introduced is False,
        past="past" in change.reasons,
        floating=change.action is Action.CREATE and change.scheduled_at is None,
    )


def _series(change: Change, now: datetime) -> int:
    """The chart's series for the change. An edited call is not in the chart: its time is the old one."""
    if change.scheduled_at is None:
        return 0
    if change.action in {Action.CREATE, Action.WAITING}:
        return _OF_ACTION[change.action]
    # Only calls that a guard blocks are counted: those that the state blocks would not ring in any case.
    judged = change.action is Action.BLOCKED and change.call is not None
    ahead = change.scheduled_at > now and "stopped" not in change.reasons
    return _OF_ACTION[change.action] if (judged or change.action in _PLACED) and ahead else 0
