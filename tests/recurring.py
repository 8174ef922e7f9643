"""Random recurrence rules, and a second reader of them that shares nothing with the one that makes calls.

It asks each day of the calendar whether each part of the rule admits it, and only then puts days into periods.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

from hypothesis import strategies as st

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HORIZON = {"DAILY": 90, "WEEKLY": 200, "MONTHLY": 500, "YEARLY": 1500}  # days


def random_rule(source: random.Random) -> str:
    """A rule that has one meaning: nothing in it is to be refused."""
    frequency = source.choice(tuple(HORIZON))
    parts = {"FREQ": frequency} | _parts(frequency, source)
    if source.random() < 0.4 and "BYWEEKNO" not in parts:
        parts["INTERVAL"] = str(source.randint(1, 4))
    if source.random() < 0.4:
        parts["WKST"] = source.choice(DAYS)
    chosen = {name for name in parts if name.startswith("BY")}
    if chosen and frequency != "DAILY" and "BYWEEKNO" not in parts and source.random() < 0.3:
        parts["BYSETPOS"] = _numbers(source, 5, signed=True)
    items = list(parts.items())
    source.shuffle(items)
    return ";".join(f"{name}={value}" for name, value in items)


def random_rules() -> st.SearchStrategy[str]:
    return st.randoms(use_true_random=False).map(random_rule)


def _parts(frequency: str, source: random.Random) -> dict[str, str]:
    month, weekdays = (
        {"BYMONTH": _numbers(source, 12)},
        {"BYDAY": ",".join(source.sample(DAYS, source.randint(1, 4)))},
    )
    month_days = {"BYMONTHDAY": _numbers(source, 31, signed=True)}
    nth = {"BYDAY": _nth_weekdays(source, 5)}
    if frequency == "WEEKLY":
        choices = [{}, weekdays, weekdays, month, weekdays | month]
    elif frequency == "DAILY":
        choices = [{}, weekdays, month, month_days, weekdays | month_days, month | month_days | weekdays]
    elif frequency == "MONTHLY":
        choices = [{}, weekdays, nth, nth, month_days, month_days | weekdays, month | nth, month | month_days]
    else:
        weeks = {"BYWEEKNO": _numbers(source, 53, signed=True)}
        year_days = {"BYYEARDAY": _numbers(source, 366, signed=True)}
        choices = [{}, month, weekdays, month | weekdays, month | nth, {"BYDAY": _nth_weekdays(source, 53)}]
        choices += [month | month_days, month | month_days | weekdays, weeks, weeks | weekdays]
        choices += [year_days, year_days | weekdays]
    return source.choice(choices)


def _numbers(source: random.Random, most: int, *, signed: bool = False) -> str:
    numbers = [
        source.randint(1, most) * (source.choice((1, -1)) if signed else 1) for _ in range(source.randint(1, 4))
    ]
    return ",".join(map(str, numbers))


def _nth_weekdays(source: random.Random, most: int) -> str:
    """Nth weekdays, with some that have no number among them."""
    signs = [source.choice(("", "", "-", "+")) for _ in range(source.randint(1, 3))]
    items = [f"{sign}{source.randint(1, most)}{source.choice(DAYS)}" for sign in signs]
    return ",".join(items + source.sample(DAYS, source.choice((0, 0, 1))))


def slow_dates(rule: str, start: date, until: date) -> list[date]:
    """The dates of a rule from ``start`` to ``until``, by asking each day."""
    reader = _Reader(rule, start)
    periods: dict[int, list[date]] = {}
    for day in _whole_years(start, until):
        if reader.admits(day):
            periods.setdefault(reader.period(day), []).append(day)
    origin = reader.period(start)
    found: list[date] = []
    for number, days in periods.items():
        if (number - origin) % reader.interval == 0:
            found += reader.positioned(days)
    return [day for day in found if start <= day <= until]


def _whole_years(start: date, until: date) -> Iterator[date]:
    """Every day of every year, month and week that ``start`` to ``until`` touches."""
    first, last = date(start.year, 1, 1) - timedelta(days=7), date(until.year, 12, 31) + timedelta(days=7)
    return (first + timedelta(days=count) for count in range((last - first).days + 1))


@cache
def _names(day: date, part: str, first_weekday: int) -> frozenset[str]:
    """Each way in which a part may name a day."""
    in_month, in_year = calendar.monthrange(day.year, day.month)[1], 365 + calendar.isleap(day.year)
    of_year = day.timetuple().tm_yday
    weekday = DAYS[day.weekday()]
    if part == "BYMONTH":
        return frozenset({str(day.month)})
    if part == "BYMONTHDAY":
        return frozenset({str(day.day), str(day.day - in_month - 1)})
    if part == "BYYEARDAY":
        return frozenset({str(of_year), str(of_year - in_year - 1)})
    if part == "BYDAY of a month":
        return frozenset(
            {weekday, f"{(day.day - 1) // 7 + 1}{weekday}", f"-{(in_month - day.day) // 7 + 1}{weekday}"}
        )
    if part == "BYDAY of a year":
        return frozenset(
            {weekday, f"{(of_year - 1) // 7 + 1}{weekday}", f"-{(in_year - of_year) // 7 + 1}{weekday}"}
        )
    # BYWEEKNO: a week is in the year of its fourth day; a year has as many weeks as it has such fourth days
    fourth = day + timedelta(days=3 - (day.weekday() - first_weekday) % 7)
    number = (fourth.timetuple().tm_yday - 1) // 7 + 1
    return frozenset({str(number), str(-((date(fourth.year, 12, 31) - fourth).days // 7 + 1))})


class _Reader:
    def __init__(self, rule: str, start: date) -> None:
        self.parts = dict(part.split("=") for part in rule.split(";"))
        self.frequency = self.parts["FREQ"]
        self.interval = int(self.parts.get("INTERVAL", "1"))
        self.first_weekday = DAYS.index(self.parts.get("WKST", "MO"))
        names_days = {"BYDAY", "BYMONTHDAY", "BYYEARDAY"} & self.parts.keys()
        if not names_days and self.frequency == "YEARLY" and "BYWEEKNO" not in self.parts:
            self.parts.setdefault("BYMONTH", str(start.month))
        if not names_days and (self.frequency == "WEEKLY" or "BYWEEKNO" in self.parts):
            self.parts["BYDAY"] = DAYS[start.weekday()]
        elif not names_days and self.frequency != "DAILY":
            self.parts["BYMONTHDAY"] = str(start.day)
        of_year = self.frequency == "YEARLY" and "BYMONTH" not in self.parts
        self.named = {
            f"BYDAY of a {'year' if of_year else 'month'}" if part == "BYDAY" else part: frozenset(
                item.removeprefix("+") for item in value.split(",")
            )
            for part, value in self.parts.items()
            if part.startswith("BY") and part != "BYSETPOS"
        }

    def period(self, day: date) -> int:
        if self.frequency == "MONTHLY":
            return day.year * 12 + day.month
        if self.frequency == "YEARLY":
            return day.year
        first = date(1970, 1, 5 + self.first_weekday)
        return (day - first).days // (7 if self.frequency == "WEEKLY" else 1)

    def admits(self, day: date) -> bool:
        return all(names & _names(day, part, self.first_weekday) for part, names in self.named.items())

    def positioned(self, days: list[date]) -> list[date]:
        if "BYSETPOS" not in self.parts:
            return days
        wanted = set(map(int, self.parts["BYSETPOS"].split(",")))
        return [day for at, day in enumerate(days) if wanted & {at + 1, at - len(days)}]
