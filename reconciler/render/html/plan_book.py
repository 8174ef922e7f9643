"""The changes of a plan as lines of the page's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.sensitive import mask_name
from reconciler.render import to_stop
from reconciler.render.html.actions import KIND_NUMBERS, KINDS, TO_STOP
from reconciler.render.html.attention import attention_groups
from reconciler.render.html.call_table import (
    CallBook,
    CallLine,
    Series,
    in_order,
    known_time,
    local_text,
    ring_text,
)
from reconciler.render.labels import reason_words
from reconciler.render.load_context import NOTHING, LoadContext, MinuteLoad, minute, zone
from reconciler.render.origins import Origins
from reconciler.render.subject import Display, change_subject

_PLACED = frozenset({Action.UNCHANGED, Action.REMOVED, Action.FORBIDDEN})
_SERIES_BY_ACTION = {
    Action.CREATE: 1,
    Action.WAITING: 2,
    Action.BLOCKED: 3,
    **dict.fromkeys(_PLACED, 4),
}
SERIES = (
    Series("", ""),
    Series("blue", "to place"),
    Series("purple", "waiting"),
    Series("orange", "blocked"),
    Series("gray", "already placed"),
)


def build_book(
    plan: Plan, load: LoadContext = NOTHING, origins: Origins | None = None, *, unmasked: Plan | None = None
) -> CallBook:
    """The changes by action, in the order of actions, the soonest first; what the base already has comes last.
    ``unmasked`` is the plan with the addresses of the state, if those of ``plan`` are masked.
    """
    display, stopping = Display.from_plan(plan), to_stop.addresses(plan)

    def to_line(change: Change) -> CallLine:
        return _line(change, display, stopping=change.address in stopping)

    lines = [to_line(change) for change in plan.changes]
    return CallBook(
        now=plan.created_at,
        lines=in_order(lines),
        kinds=KINDS,
        series=SERIES,
        attention=tuple(attention_groups(plan, lines, to_line)),
        kind="action",
        changes="what changes",
        place="row",
        reason="reason",
        show=mask_name(plan.show or ""),
        value=display.heading,
        branch=plan.base is not None,
        unlisted=tuple(_unlisted(unmasked or plan, load)),
        limit=load.per_minute,
        origins=origins or {},
    )


def _unlisted(plan: Plan, load: LoadContext) -> Iterator[MinuteLoad]:
    """Placed calls that have no line: the old calls of edited rows, and those of plans that were not selected."""
    moved = dict(plan.moves)
    now = Display.from_plan(plan).now
    charted = {change.address for change in plan.changes if SERIES[_series(change, now)] is SERIES[-1]}
    rest = (entry for entry in load.placed if moved.get(entry.address, entry.address) not in charted)
    counts = Counter((minute(entry.rings_at), zone(entry.call)) for entry in rest)
    yield from (MinuteLoad(second, name, calls) for (second, name), calls in sorted(counts.items()))


def _line(change: Change, display: Display, *, stopping: bool) -> CallLine:
    subject = change_subject(change, display)
    reasons = tuple(map(reason_words, change.reasons))
    return CallLine(
        address=change.address,
        kind=KIND_NUMBERS[change.action],
        load=_series(change, display.now),
        call=change.call,
        subject=subject,
        rings=known_time(change.scheduled_at),
        when=ring_text(subject, display.now),
        place="" if change.source is None else str(change.source),
        message=_message(change, display.now),
        reasons=(TO_STOP, *reasons) if stopping else reasons,
        diff=change.diff,
        facts=() if change.called_timezone is None else (("called person's time zone", change.called_timezone),),
        on_base=change.introduced is False,
        past="past" in change.reasons,
        floating=change.action is Action.CREATE and change.scheduled_at is None,
    )


def _message(change: Change, now: datetime) -> str:
    """The message, with its instants in local time."""
    if change.message_parts is None:
        return change.message or ""
    parts = change.message_parts
    return "".join(part if isinstance(part, str) else local_text(part.at, part.timezone, now) for part in parts)


def _series(change: Change, now: datetime) -> int:
    """The chart's series for the change. An edited call is not in the chart: its time is the old one."""
    moment = known_time(change.scheduled_at)
    if moment is None:
        return 0
    if change.action in {Action.CREATE, Action.WAITING}:
        return _SERIES_BY_ACTION[change.action]
    # Only calls that a guard blocks are counted: those that the state blocks would not ring in any case.
    judged = change.action is Action.BLOCKED and change.call is not None
    ahead = moment > now and "stopped" not in change.reasons
    return _SERIES_BY_ACTION[change.action] if (judged or change.action in _PLACED) and ahead else 0
