"""``repeat`` in a row of ``calls``: expand it to one row for each date of a rule.

The key of an occurrence contains its nominal date, the one that the rule gives it, even if it is moved. So
extending a rule, or skipping or moving a date, does not change the keys of other occurrences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime

from reconciler.domain import times
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Cell, Layer, Occurrence, Source
from reconciler.source.rows.recurrence import RecurrenceError, dates
from reconciler.source.yaml.nodes import ListNode, MapNode, Scalar


def occurrences(item: MapNode, own: Layer, report: FileReport) -> Iterator[tuple[Layer, Occurrence | None]]:
    """The layer of a row for each of its occurrences; one if it does not repeat.

    An invalid repeat is reported. The row is then returned once, without further errors about its timing.
    """
    if "repeat" not in item.items:
        yield own, None
        return
    key, node = item.items["repeat"]
    dated: list[Occurrence] = []
    if _timed_once(own, report) and isinstance(node, MapNode) and "repeat" not in own.bad:
        dated = _RepeatReader(key, node, report).read()
    if not dated:
        yield replace(own, bad=own.bad | {"repeat", "schedule"}), None
    for occurrence in dated:
        cells = own.cells | {"schedule.at": occurrence.at}
        yield replace(own, cells=cells, schedule=True), occurrence


def _timed_once(own: Layer, report: FileReport) -> bool:
    """Whether only the rule sets the time of the call."""
    for name in ("schedule.at", "delay_minutes"):
        cell = own.cells.get(name)
        if cell is not None and isinstance(cell.origin, Scalar):
            message = f"a row must have one timing, but this one has both repeat and {name}"
            hint = "remove one of them; repeat.from has the first date and the time of day"
            report.add_problem("E306", message, cell.origin.line, cell.origin.column, hint)
            return False
    return True


class _RepeatReader:
    """Reads one repeat that fits the schema. ``_failed`` is set by any error, which is reported."""

    def __init__(self, key: Scalar, node: MapNode, report: FileReport) -> None:
        self._key = key
        self._node = node
        self._report = report
        self._failed = False

    def read(self) -> list[Occurrence]:
        """The occurrences, ordered by date; none if there is an error."""
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
        """The dates of the rule, from its start to its end."""
        until, count = self._scalar("until"), self._scalar("count")
        if (until is None) is (count is None):
            message = "repeat has no end" if until is None else "repeat has both until and count"
            hint = "set either until: (the last date) or count: (the number of dates)"
            self._wrong("E802", message, count or self._key, hint)
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
        """Check that skipped and moved dates are dates of the rule, none is both, and at least one date is
        left."""
        days = frozenset(nominal)
        places = [*skipped.items(), *((day, key) for day, (key, _) in moved.items())]
        for day, scalar in places:
            if day not in days:
                near = min(nominal, key=lambda other: abs(other - day))
                self._wrong("E804", f"{day} is not a date of this rule", scalar, f"the nearest date is {near}")
        for day in skipped.keys() & moved.keys():
            self._wrong("E804", f"{day} is both skipped and moved", moved[day][0], "remove one of them")
        if days == skipped.keys():
            hint = "use enabled: false to disable the row"
            self._wrong("E803", "all dates of the rule are skipped", self._key, hint)

    def _skipped(self) -> dict[date, Scalar]:
        node = self._node.get("skip")
        items = [item for item in node.items if isinstance(item, Scalar)] if isinstance(node, ListNode) else []
        return {day: item for item in items if (day := self._day(item)) is not None}

    def _moved(self) -> dict[date, tuple[Scalar, Cell]]:
        """By nominal date: its node, and the time it is moved to."""
        node = self._node.get("move")
        moved: dict[date, tuple[Scalar, Cell]] = {}
        for key, value in node.items.values() if isinstance(node, MapNode) else ():
            day, moment = self._day(key), self._wall(value) if isinstance(value, Scalar) else None
            if isinstance(value, Scalar) and day is not None and moment is not None:
                moved[day] = key, Cell(times.format_wall(moment), Source.REPEAT, value)
        return moved

    def _scalar(self, name: str) -> Scalar | None:
        node = self._node.get(name)
        return node if isinstance(node, Scalar) else None

    def _day(self, scalar: Scalar) -> date | None:
        try:
            return date.fromisoformat(scalar.text)
        except ValueError:
            self._wrong("E313", f"{scalar.text} is not a valid date", scalar, "write a date such as 2026-08-31")
            return None

    def _wall(self, scalar: Scalar) -> datetime | None:
        try:
            return times.parse_wall(scalar.text)
        except ValueError:
            message = f"{scalar.text} is not a valid date and time"
            self._wrong("E313", message, scalar, "write a time such as 2026-06-01 10:00:00")
            return None

    def _wrong(self, code: str, message: str, scalar: Scalar, hint: str) -> None:
        self._report.add_problem(code, message, scalar.line, scalar.column, hint)
        self._failed = True
