"""Recurrence: which dates, against a walk from day to day; and which rules are refused."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.recurrence import MAX_DATES, RecurrenceError, dates

START = date(2026, 6, 1)  # a Monday
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def test_the_documented_example() -> None:
    found = dates("FREQ=WEEKLY;BYDAY=MO", START, until=date(2026, 8, 31))
    assert found == [START + timedelta(weeks=week) for week in range(14)], "until is the last date that counts"


def test_from_is_a_date_only_where_the_rule_gives_it() -> None:
    assert dates("FREQ=WEEKLY;BYDAY=TU", START, count=1) == [date(2026, 6, 2)]


def test_months_without_that_day_are_passed_over() -> None:
    found = dates("FREQ=MONTHLY;BYMONTHDAY=31", date(2026, 1, 31), count=3)
    assert found == [date(2026, 1, 31), date(2026, 3, 31), date(2026, 5, 31)]


def test_leap_days() -> None:
    found = dates("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", date(2027, 1, 1), count=3)
    assert found == [date(2028, 2, 29), date(2032, 2, 29), date(2036, 2, 29)]


def test_the_last_days_of_the_calendar() -> None:
    assert dates("FREQ=DAILY", date(9999, 12, 30), until=date(9999, 12, 31)) == [
        date(9999, 12, 30),
        date(9999, 12, 31),
    ]
    with pytest.raises(RecurrenceError, match="only 2 dates"):
        dates("FREQ=DAILY", date(9999, 12, 30), count=3)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=HOURLY", "at most daily"),
        ("FREQ=DAILY;BYHOUR=9,17", "no part of a rule"),
        ("FREQ=DAILY;COUNT=3", "write count:"),
        ("FREQ=DAILY;UNTIL=20260801", "write until:"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("BYDAY=MO", "needs FREQ"),
        ("every monday", "no part"),
        ("", "no part"),
        ("FREQ=DAILY;", "no part"),
        ("FREQ=DAILY;BYDAY=XX", "cannot be"),
        ("FREQ=DAILY;BYDAY=MO,", "cannot be"),
        ("FREQ=MONTHLY;BYDAY=0MO", "cannot be"),
        ("FREQ=YEARLY;BYDAY=54MO", "cannot be"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1,2", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1", "from 1 to 1000"),
        ("FREQ=DAILY;BYMONTH=13", "from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "not 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,32", "from -31 to 31"),
        ("FREQ=DAILY\nFREQ=WEEKLY", "cannot be"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "does not go with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "an nth day"),
        ("FREQ=DAILY;BYDAY=MO,-1FR", "an nth day"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "does not go with BYWEEKNO"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "write FREQ=YEARLY"),
        ("FREQ=DAILY;BYYEARDAY=1", "write FREQ=YEARLY"),
        ("FREQ=MONTHLY;BYSETPOS=-1", "among the days"),
    ],
)
def test_rules_that_are_refused(rule: str, words: str) -> None:
    with pytest.raises(RecurrenceError) as caught:
        dates(rule, START, count=2)
    assert (caught.value.code, caught.value.field) == ("E801", "rule")
    assert words in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("rule", "until", "count", "field", "words"),
    [
        ("FREQ=DAILY", None, MAX_DATES + 1, "rule", "more than 400"),
        ("FREQ=DAILY", date(2030, 1, 1), None, "rule", "more than 400"),
        ("FREQ=DAILY", date(2026, 5, 31), None, "until", "before from"),
        ("FREQ=YEARLY", date(2099, 1, 1), None, "until", "50 years"),
        ("FREQ=YEARLY", None, 60, "count", "only 51"),
        ("FREQ=WEEKLY;BYDAY=SU", date(2026, 6, 6), None, "rule", "no date"),
    ],
)
def test_bounds_that_are_refused(rule: str, until: date | None, count: int | None, field: str, words: str) -> None:
    with pytest.raises(RecurrenceError, match=words) as caught:
        dates(rule, START, until=until, count=count)
    assert (caught.value.code, caught.value.field) == ("E803", field)


@pytest.mark.parametrize("rule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=100"])
def test_a_rule_that_never_comes_round_ends_soon(rule: str) -> None:
    began = time.process_time()
    with pytest.raises(RecurrenceError, match="no date"):
        dates(rule, START, count=1)
    assert time.process_time() - began < 2


_STARTS = st.dates(date(1999, 1, 1), date(2040, 12, 31))
_WEEKDAYS = st.lists(st.sampled_from(range(7)), min_size=1, max_size=7, unique=True)


def months(day: date) -> int:
    return day.year * 12 + day.month


def nth(day: date) -> tuple[int, int]:
    """Which of its weekdays in the month a day is: from the first one, and from the last one."""
    size = calendar.monthrange(day.year, day.month)[1]
    return (day.day - 1) // 7 + 1, -((size - day.day) // 7 + 1)


@st.composite
def ruled(draw: st.DrawFn) -> tuple[str, date, Callable[[date], bool]]:
    """A rule, where it starts, and whether a day from there on is one of its dates."""
    start, step = draw(_STARTS), draw(st.integers(1, 3))
    chosen = draw(_WEEKDAYS)
    named = ",".join(DAYS[number] for number in chosen)
    monday = start - timedelta(days=start.weekday())
    month_days = draw(st.lists(st.integers(1, 31), min_size=1, max_size=3, unique=True))
    position = draw(st.sampled_from([-2, -1, 1, 2, 5]))
    rules: dict[str, Callable[[date], bool]] = {
        f"FREQ=DAILY;INTERVAL={step}": lambda day: (day - start).days % step == 0,
        f"FREQ=DAILY;BYDAY={named}": lambda day: day.weekday() in chosen,
        f"FREQ=WEEKLY;INTERVAL={step};BYDAY={named}": lambda day: (
            day.weekday() in chosen and (day - monday).days // 7 % step == 0
        ),
        f"FREQ=MONTHLY;INTERVAL={step};BYMONTHDAY={','.join(map(str, month_days))}": lambda day: (
            day.day in month_days and (months(day) - months(start)) % step == 0
        ),
        f"FREQ=MONTHLY;BYDAY={position}{DAYS[chosen[0]]}": lambda day: (
            day.weekday() == chosen[0] and position in nth(day)
        ),
        f"FREQ=YEARLY;BYMONTH={start.month};BYMONTHDAY={month_days[0]}": lambda day: (
            day.month == start.month and day.day == month_days[0]
        ),
    }
    rule = draw(st.sampled_from(sorted(rules)))
    return rule, start, rules[rule]


def walk(start: date, until: date) -> Iterator[date]:
    while start <= until:
        yield start
        start += timedelta(days=1)


@given(ruled(), st.integers(0, 390))
def test_the_dates_are_those_of_a_walk_from_day_to_day(
    drawn: tuple[str, date, Callable[[date], bool]], length: int
) -> None:
    rule, start, fits = drawn
    until = start + timedelta(days=length)
    expected = [day for day in walk(start, until) if fits(day)]
    if not expected:
        with pytest.raises(RecurrenceError, match="no date"):
            dates(rule, start, until=until)
        return
    assert dates(rule, start, until=until) == expected
    assert dates(rule, start, count=len(expected)) == expected


@given(ruled(), st.integers(1, 150), st.integers(0, 150), st.integers(0, 35))
def test_widening_a_rule_keeps_every_date(
    drawn: tuple[str, date, Callable[[date], bool]], length: int, more: int, weeks: int
) -> None:
    """A later end keeps all; an earlier start does where nothing is counted from it."""
    rule, start, _ = drawn
    until = start + timedelta(days=length)
    try:
        narrow = dates(rule, start, until=until)
    except RecurrenceError:
        return
    assert set(narrow) <= set(dates(rule, start, until=until + timedelta(days=more)))
    if "INTERVAL" not in rule:
        earlier = start - timedelta(weeks=weeks)
        assert set(narrow) <= set(dates(rule, earlier, until=until)) or len(narrow) == MAX_DATES


_PIECES = ["FREQ=", "DAILY", "MONTHLY", ";", "BYDAY=", "MO", "-1", "0", ",", "BYMONTHDAY=", "BYSETPOS=", "=", "99"]
_TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


@given(_TEXTS)
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        found = dates(text, START, count=3)
    except RecurrenceError:
        return
    assert len(found) == 3
