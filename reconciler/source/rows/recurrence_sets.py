"""The recurrence set of a rule: RFC 5545, section 3.3.10, for rules that recur daily at most.

A frequency divides time into periods: days, weeks, months or years. Each period has a set of days. A BY part
expands or limits that set, as defined by the RFC's table. BYSETPOS then selects from the whole set of the period.
Days outside start and end are dropped last.

Days are ordinals (``date.toordinal``): a week may reach beyond the first and the last year of the calendar.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

_WEEK = 7
_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A valid rule (``recurrence`` checks it). Weekdays count from 0, Monday.

    Each of ``weekdays`` is (n, weekday): the nth of its month or year, from the end if n is negative, or all of
    them if n is 0. An empty part is absent from the rule.
    """

    frequency: str
    interval: int = 1
    week_start: int = 0
    months: Sequence[int] = ()
    weeks: Sequence[int] = ()
    year_days: Sequence[int] = ()
    month_days: Sequence[int] = ()
    weekdays: Sequence[tuple[int, int]] = ()
    positions: Sequence[int] = ()


def occurrences(rule: Rule, start: date, end: date) -> Iterator[date]:
    """The dates of a rule from ``start`` to ``end``, both included, in order."""
    first, last = start.toordinal(), end.toordinal()
    for days in _periods(_completed(rule, start), start, end):
        ordered = sorted(days)
        chosen = {day for position in rule.positions for day in _nth(ordered, position)}
        for day in sorted(chosen) if rule.positions else ordered:
            if first <= day <= last:
                yield date.fromordinal(day)


def _completed(rule: Rule, start: date) -> Rule:
    """The rule with absent parts taken from the start, as the RFC requires."""
    if rule.weekdays or rule.month_days or rule.year_days or rule.frequency == "DAILY":
        return rule
    if rule.frequency == "WEEKLY" or rule.weeks:
        return replace(rule, weekdays=[(0, start.weekday())])
    if rule.frequency == "MONTHLY" or rule.months:
        return replace(rule, month_days=[start.day])
    return replace(rule, months=[start.month], month_days=[start.day])


def _periods(rule: Rule, start: date, end: date) -> Iterator[Iterable[int]]:
    """The set of each period, in order. The last may go beyond ``end``."""
    if rule.frequency == "DAILY":
        days = range(start.toordinal(), end.toordinal() + 1, rule.interval)
        return ((day,) for day in days if _fits(rule, day))
    if rule.frequency == "WEEKLY":
        first_week = _week_of(start.toordinal(), rule.week_start)
        weeks = range(first_week, end.toordinal() + 1, _WEEK * rule.interval)
        return ([day for day in _days_of_week(rule, week) if _in_months(rule, day)] for week in weeks)
    if rule.frequency == "MONTHLY":
        first, last = (day.year * _MONTHS + day.month - 1 for day in (start, end))
        months = (divmod(number, _MONTHS) for number in range(first, last + 1, rule.interval))
        return (
            _days_of_month(rule, year, month + 1)
            for year, month in months
            if not rule.months or month + 1 in rule.months
        )
    # A week belongs to the year of its fourth day, which may differ from the year of its other days.
    if rule.weeks:
        return (_days_of_weeks(rule, year) for year in range(start.year - 1, end.year + 2))
    return (_days_of_year(rule, year) for year in range(start.year, end.year + 1, rule.interval))


def _fits(rule: Rule, day: int) -> bool:
    """Whether a day matches every limit of a daily rule."""
    on = date.fromordinal(day)
    if not _in_months(rule, day) or (rule.weekdays and (0, on.weekday()) not in rule.weekdays):
        return False
    return not rule.month_days or day in _days_of_month(rule, on.year, on.month)


def _in_months(rule: Rule, day: int) -> bool:
    inside = 0 < day <= date.max.toordinal()
    return not rule.months or (inside and date.fromordinal(day).month in rule.months)


def _days_of_month(rule: Rule, year: int, month: int) -> set[int]:
    first = date(year, month, 1).toordinal()
    return _chosen(range(first, first + monthrange(year, month)[1]), rule.month_days, rule.weekdays)


def _days_of_year(rule: Rule, year: int) -> set[int]:
    if rule.months:
        return {day for month in rule.months for day in _days_of_month(rule, year, month)}
    return _chosen(range(_new_year(year), _new_year(year + 1)), rule.year_days, rule.weekdays)


def _days_of_weeks(rule: Rule, year: int) -> set[int]:
    """Week 1 is the first with at least four days in its year, so it contains 4 January."""
    first, after = (_week_of(_new_year(number) + 3, rule.week_start) for number in (year, year + 1))
    weeks = (week for number in rule.weeks for week in _nth(range(first, after, _WEEK), number))
    return {day for week in weeks for day in _days_of_week(rule, week)}


def _days_of_week(rule: Rule, week: int) -> set[int]:
    return {week + (weekday - rule.week_start) % _WEEK for _, weekday in rule.weekdays}


def _chosen(period: range, numbers: Sequence[int], weekdays: Sequence[tuple[int, int]]) -> set[int]:
    """The days of a month or year that match one of the numbers and one of the weekdays, if these are given."""
    numbered = {day for number in numbers for day in _nth(period, number)}
    named: set[int] = set()
    for n, weekday in weekdays:
        same = range(period.start + (weekday - _weekday(period.start)) % _WEEK, period.stop, _WEEK)
        named.update(_nth(same, n) if n else same)
    if numbers and weekdays:
        return numbered & named
    return numbered or named


def _nth(items: Sequence[int], n: int) -> Sequence[int]:
    """The nth item, from the end if n is negative; empty if there are fewer."""
    index = n - 1 if n > 0 else len(items) + n
    return items[index : index + 1] if index >= 0 else ()


def _weekday(day: int) -> int:
    return (day - 1) % _WEEK  # day 1 is a Monday


def _week_of(day: int, week_start: int) -> int:
    """The first day of the week that a day is in."""
    return day - (_weekday(day) - week_start) % _WEEK


def _new_year(year: int) -> int:
    """1 January of a year, which may be outside the range of ``date``."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + 1
