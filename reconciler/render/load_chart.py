"""The distribution of the calls to place over time, as a chart of a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.domain.plan import Action, Plan
from reconciler.quantities import format_count
from reconciler.render import formats

_FEWEST = 10  # the fewest calls for a chart
_MOST_BARS = 14
_BAR = 40
_FULL = "\N{FULL BLOCK}"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit of time: the start of the one around a moment, the start of the next one, and its label."""

    name: str
    start: Callable[[datetime], datetime]
    next: Callable[[datetime], datetime]
    label: Callable[[datetime, datetime], str]


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0)


_UNITS = (
    _Unit(
        "hour",
        lambda moment: moment.replace(minute=0),
        lambda moment: moment + timedelta(hours=1),
        lambda moment, now: f"{formats.day(moment, now)} {moment:%H}:00",
    ),
    _Unit("day", _midnight, lambda moment: moment + timedelta(days=1), formats.day),
    _Unit(
        "week",
        lambda moment: _midnight(moment) - timedelta(days=moment.weekday()),
        lambda moment: moment + timedelta(days=7),
        lambda moment, now: f"week of {formats.day(moment, now)}",
    ),
    _Unit(
        "month",
        lambda moment: _midnight(moment).replace(day=1),
        lambda moment: (moment + timedelta(days=31)).replace(day=1),
        lambda moment, _: formats.month(moment),
    ),
)


def load_chart(plan: Plan, now: datetime, width: int) -> list[str]:
    """A bar for each hour, day, week or month, in the zone that most rows use; nothing for a few calls.

    Bars are counted in local time. ``width`` is the terminal's, in columns.
    """
    timezone, local = _local(plan)
    if len(local) < _FEWEST or timezone is None:
        return []
    unit = next((unit for unit in _UNITS if _bars(unit, local) <= _MOST_BARS), _UNITS[-1])
    counts = Counter(unit.start(moment) for moment in local)
    starts = list(_starts(unit, local)) if _bars(unit, local) <= _MOST_BARS else sorted(counts)
    if len(starts) < 2:
        return []
    shown = starts[:_MOST_BARS]
    busiest, most = max(sorted(Counter(local).items()), key=lambda item: item[1])
    head = f"Load by {unit.name}, {formats.zone_place(timezone)}"
    peak = f"; most in one minute: {most:,} at {formats.wall(busiest, now)}" if most > 1 else ""
    lines = [f"{head}{peak}", *_drawn([(unit.label(start, now), counts[start]) for start in shown], width)]
    if len(shown) < len(starts):
        rest = sum(counts[start] for start in starts[_MOST_BARS:])
        lines.append(
            f"  {format_count(len(starts) - len(shown), f'later {unit.name}')}: {format_count(rest, 'call')}"
        )
    return lines


def _local(plan: Plan) -> tuple[str | None, list[datetime]]:
    """The zone that most rows to place use, and the local minutes in which they ring."""
    zones: Counter[str] = Counter()
    times: list[datetime] = []
    for item in plan.with_action(Action.CREATE):
        if item.scheduled_at is not None:
            times.append(item.scheduled_at)
            zones.update([item.call.schedule.timezone] if item.call and item.call.schedule else ())
    if not zones:
        return None, []
    timezone = min(zones, key=lambda name: (-zones[name], name))
    there = ZoneInfo(timezone)
    return timezone, [moment.astimezone(there).replace(second=0, microsecond=0, fold=0) for moment in times]


def _bars(unit: _Unit, local: Sequence[datetime]) -> int:
    """The number of bars, including empty ones between; not counted much further than needed."""
    count = 0
    for count, _ in enumerate(_starts(unit, local), 1):
        if count > _MOST_BARS:
            break
    return count


def _starts(unit: _Unit, local: Sequence[datetime]) -> Iterator[datetime]:
    start, last = unit.start(min(local)), max(local)
    while start <= last:
        yield start
        start = unit.next(start)


def _drawn(bars: Sequence[tuple[str, int]], width: int) -> Iterator[str]:
    labels = max(len(label) for label, _ in bars)
    most = max(count for _, count in bars)
    room = max(10, min(_BAR, width - labels - len(f"{most:,}") - 6))
    for label, count in bars:
        bar = _FULL * -(-count * room // most)
        yield f"  {label:<{labels}}  {bar} {count:,}" if count else f"  {label:<{labels}}"
