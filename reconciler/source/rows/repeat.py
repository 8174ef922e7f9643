"""``repeat`` on a row of ``calls``: the row as one row for each date of a rule.

An occurrence is named by its nominal date, the one that the rule gives it, wherever it is moved to: widening a
rule, or skipping or moving a date, leaves the names of all others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from reconciler.domain import times
from reconciler.source.report import Report
from reconciler.source.rows.cells import Cell, Layer, Source
from reconciler.source.rows.recurrence import RecurrenceError, dates
from reconciler.source.yaml.nodes import ListNode, MapNode, Scalar


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One date of a rule; ``at`` is its wall time, of the rule or of ``move``."""

    day: date
    at: Cell
    rule: Scalar


def occurrences(item: MapNode, own: Layer, report: Report) -> Iterator[tuple[Layer, Occurrence | None]]:
    """What a row says for each of its occurrences; once where it does not repeat.

    A repeat that is wrong is reported. The row comes once then, with nothing more to say of its timing.
    """
    if "repeat" not in item.items:
        yield own, None
        return
    key, node = item.items["repeat"]
    found: list[Occurrence] = []
    if _timed_once(own, report) and isinstance(node, MapNode) and "repeat" not in own.bad:
        found = _Reader(key, node, report).read()
    if not found:
        yield replace(own, bad=own.bad | {"repeat", "schedule"}), None
    for occurrence in found:
        cells = own.cells | {"schedule.at": occurrence.at}
        yield replace(own, cells=cells, schedule=True), occurrence


def _timed_once(own: Layer, report: Report) -> bool:
    """Whether the rule alone says when the row calls."""
    for name in ("schedule.at", "delay_minutes"):
        cell = own.cells.get(name)
        if cell is not None and isinstance(cell.origin, Scalar):
            message = f"a row has one timing, and this one has both repeat and {name}"
            hint = "the first date and the time of day stand in repeat.from: remove one of them"
            report.say("E306", message, cell.origin.line, cell.origin.column, hint)
            return False
    return True


class _Reader:
    """Reads one repeat, whose shape is right. ``_failed`` once anything was wrong, which is reported."""

    def __init__(self, key: Scalar, node: MapNode, report: Report) -> None:
        self._key = key
        self._node = node
        self._report = report
        self._failed = False

    def read(self) -> list[Occurrence]:
        """The occurrences, in the order of their dates; none where anything is wrong."""
        start, rule = self._scalar("from"), self._scalar("rule")
        first = self._wall(start) if start is not None else None
        skipped, moved = self._skipped(), self._moved()
        nominal = self._nominal(rule, first.date()) if rule is not None and first is not None else []
        if nominal:
            self._check(nominal, skipped, moved)
        if self._failed or rule is None or first is None:
            return []
        made = {day: Cell(f"{day} {first.time()}", Source.REPEAT, rule) for day in nominal if day not in skipped}
        made |= {day: at for day, (_, at) in moved.items()}
        return [Occurrence(day, at, rule) for day, at in made.items()]

    def _nominal(self, rule: Scalar, start: date) -> list[date]:
        """The dates of the rule between its ends."""
        until, count = self._scalar("until"), self._scalar("count")
        if (until is None) is (count is None):
            message = "repeat has no end" if until is None else "repeat has both until and count"
            self._wrong("E802", message, count or self._key, "until: the last date, or count: how many dates")
            return []
        last = self._day(until) if until is not None else None
        if until is not None and last is None:
            return []
        try:
            return dates(rule.text, start, until=last, count=int(count.text) if count is not None else None)
        except RecurrenceError as error:
            self._wrong(error.code, str(error), self._scalar(error.field) or rule, error.hint)
            return []

    def _check(
        self, nominal: list[date], skipped: Mapping[date, Scalar], moved: Mapping[date, tuple[Scalar, Cell]]
    ) -> None:
        """Only dates of the rule are skipped or moved, none is both, and one is left."""
        known = frozenset(nominal)
        places = [*skipped.items(), *((day, where) for day, (where, _) in moved.items())]
        for day, where in places:
            if day not in known:
                near = min(nominal, key=lambda other: abs(other - day))
                self._wrong("E804", f"{day} is no date of this rule", where, f"the nearest one is {near}")
        for day in skipped.keys() & moved.keys():
            self._wrong("E804", f"{day} is both skipped and moved", moved[day][0], "remove one of them")
        if known == skipped.keys():
            hint = "enabled: false holds back a whole row"
            self._wrong("E803", "every date of the rule is skipped", self._key, hint)

    def _skipped(self) -> dict[date, Scalar]:
        node = self._node.get("skip")
        items = [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, ListNode) else []
        return {day: item for item in items if (day := self._day(item)) is not None}

    def _moved(self) -> dict[date, tuple[Scalar, Cell]]:
        """By nominal date, where that stands and the time it is moved to."""
        node = self._node.get("move")
        found: dict[date, tuple[Scalar, Cell]] = {}
        for key, value in node.items.values() if isinstance(node, MapNode) else ():
            day, moment = self._day(key), self._wall(value) if isinstance(value, Scalar) else None
            if isinstance(value, Scalar) and day is not None and moment is not None:
                found[day] = key, Cell(times.format_wall(moment), Source.REPEAT, value)
        return found

    def _scalar(self, name: str) -> Scalar | None:
        found = self._node.get(name)
        return found if isinstance(found, Scalar) else None

    def _day(self, scalar: Scalar) -> date | None:
        try:
            return date.fromisoformat(scalar.text)
        except ValueError:
            self._wrong("E313", f"{scalar.text} is no day of the calendar", scalar, "such as 2026-08-31")
            return None

    def _wall(self, scalar: Scalar) -> datetime | None:
        try:
            return times.parse_wall(scalar.text)
        except ValueError:
            self._wrong("E313", f"{scalar.text} is no real date and time", scalar, "such as 2026-06-01 10:00:00")
            return None

    def _wrong(self, code: str, message: str, where: Scalar, hint: str) -> None:
        self._report.say(code, message, where.line, where.column, hint)
        self._failed = True
