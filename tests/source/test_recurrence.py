"""Recurrence: bounds, and which rules are refused. Which dates a rule gives: ``test_recurrence_sets``."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.rows.recurrence import MAX_DATES, RecurrenceError, dates
from tests.recurring import random_rules, slow_dates

START = date(2026, 6, 1)  # a Monday


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
    with pytest.raises(RecurrenceError, match="only 2 of 3 dates"):
        dates("FREQ=DAILY", date(9999, 12, 30), count=3)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=HOURLY", "DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=DAILY;BYHOUR=9,17", "not a supported part of a rule"),
        ("FREQ=DAILY;COUNT=3", "write count:"),
        ("FREQ=DAILY;UNTIL=20260801", "write until:"),
        ("FREQ=DAILY;FREQ=DAILY", "duplicate part"),
        ("BYDAY=MO", "has no FREQ"),
        ("every monday", "not a supported part"),
        ("", "not a supported part"),
        ("FREQ=DAILY;", "not a supported part"),
        ("FREQ=DAILY;BYDAY=XX", "invalid value for"),
        ("FREQ=DAILY;BYDAY=MO,", "invalid value for"),
        ("FREQ=MONTHLY;BYDAY=0MO", "invalid value for"),
        ("FREQ=YEARLY;BYDAY=54MO", "invalid value for"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1,2", "from 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1", "from 1 to 1000"),
        ("FREQ=DAILY;BYMONTH=13", "from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "not 0"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,32", "from -31 to 31"),
        ("FREQ=DAILY\nFREQ=WEEKLY", "invalid value for"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "cannot be used with FREQ=WEEKLY"),
        ("FREQ=WEEKLY;BYDAY=1MO", "an nth weekday"),
        ("FREQ=DAILY;BYDAY=MO,-1FR", "an nth weekday"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "cannot be used with BYWEEKNO"),
        ("FREQ=MONTHLY;BYWEEKNO=1", "write FREQ=YEARLY"),
        ("FREQ=DAILY;BYYEARDAY=1", "write FREQ=YEARLY"),
        ("FREQ=MONTHLY;BYSETPOS=-1", "another BY part to select from"),
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=1", "only one day to select from"),
        ("FREQ=MONTHLY;BYDAY=6MO", "at most 5 times"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=MO,-6SU", "at most 5 times"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=1,2,3", "is ambiguous"),
        ("FREQ=YEARLY;BYDAY=20MO;BYYEARDAY=140", "is ambiguous"),
        ("FREQ=YEARLY;BYMONTHDAY=30", "it can mean every month, or only the month of from"),
        ("FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR", "it can mean every month, or only the month of from"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYMONTH=5", "match both, or either"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYMONTHDAY=15", "match both, or either"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=100", "match both, or either"),
        ("FREQ=YEARLY;BYYEARDAY=100;BYMONTH=4", "match both, or either"),
        ("FREQ=YEARLY;BYYEARDAY=100;BYMONTHDAY=10", "match both, or either"),
        ("FREQ=YEARLY;BYWEEKNO=1;INTERVAL=2", "span two years"),
        ("FREQ=YEARLY;BYWEEKNO=1,2;BYSETPOS=1", "span two years"),
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


@pytest.mark.parametrize("rule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6"])
def test_a_rule_that_never_comes_round_ends_soon(rule: str) -> None:
    began = time.process_time()
    with pytest.raises(RecurrenceError, match="no date"):
        dates(rule, START, count=1)
    assert time.process_time() - began < 2


@given(random_rules(), st.integers(1, 150), st.integers(0, 150), st.integers(0, 35))
def test_widening_a_rule_keeps_every_date(rule: str, length: int, more: int, weeks: int) -> None:
    """A later end keeps all; an earlier start does where nothing is counted or taken from it."""
    until = START + timedelta(days=length)
    if not slow_dates(rule, START, until):
        return
    narrow = dates(rule, START, until=until)
    assert set(narrow) <= set(dates(rule, START, until=until + timedelta(days=more)))
    if "INTERVAL" not in rule and "BYDAY" in rule:
        earlier = START - timedelta(weeks=weeks)
        assert set(narrow) <= set(dates(rule, earlier, until=until))


_PIECES = ["FREQ=", "DAILY", "MONTHLY", ";", "BYDAY=", "MO", "-1", "0", ",", "BYMONTHDAY=", "BYSETPOS=", "=", "99"]
_TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


@given(_TEXTS)
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        found = dates(text, START, count=3)
    except RecurrenceError:
        return
    assert len(found) == 3
