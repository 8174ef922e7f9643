"""Which dates a recurrence rule gives: RFC 5545's examples, a second reader over random rules, and dateutil."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.rows.recurrence import MAX_DATES, RecurrenceError, dates
from tests.recurring import HORIZON, random_rule, random_rules, slow_dates

RULES = 400
SEED = 5545


def until_of(rule: str, start: date) -> date:
    return start + timedelta(days=HORIZON[next(name for name in HORIZON if f"FREQ={name}" in rule)])


def assert_dates(rule: str, start: date, until: date, expected: list[date]) -> None:
    if expected:
        assert dates(rule, start, until=until) == expected, (rule, start)
        assert dates(rule, start, count=len(expected)) == expected, (rule, start)
    else:
        with pytest.raises(RecurrenceError, match="no date"):
            dates(rule, start, until=until)


def days(texts: str) -> list[date]:
    """``2026-06-01 08``: the day alone stands for one of the same month."""
    found: list[date] = []
    for text in texts.split():
        found.append(date.fromisoformat(text) if "-" in text else found[-1].replace(day=int(text)))
    return found


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=MONTHLY;BYDAY=MO,WE,1MO", "2026-06-01", "2026-06-01 03 08 10 15 17 22 24 29 2026-07-01 06"),
        ("FREQ=MONTHLY;BYDAY=1MO,FR", "2026-06-01", "2026-06-01 05 12 19 26 2026-07-03 06 10"),
        ("FREQ=YEARLY;BYWEEKNO=20", "2026-06-03", "2027-05-19 2028-05-17 2029-05-16"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", "2026-06-03", "2026-06-08 15 22"),
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-06-03", "2026-06-03 10 17"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", "2024-01-01", "2024-01-01 2024-12-30 2025-12-29 2027-01-04"),
        ("FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", "2024-02-01", "2024-12-30"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=SA", "2027-01-01", "2027-01-02 2033-01-01"),
        ("FREQ=YEARLY", "2028-02-29", "2028-02-29 2032-02-29"),
        ("FREQ=WEEKLY;BYDAY=SU;BYSETPOS=-1", "9999-12-20", "9999-12-26"),
    ],
)
def test_rules_that_other_readers_get_wrong(rule: str, start: str, expected: str) -> None:
    wanted = days(expected)
    assert dates(rule, date.fromisoformat(start), until=wanted[-1]) == wanted
    assert dates(rule, date.fromisoformat(start), count=len(wanted)) == wanted


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=DAILY;INTERVAL=10", "1997-09-02", "1997-09-02 12 22 1997-10-02 12"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02", "1997-09-02 16 30 1997-10-14 28"),
        ("FREQ=WEEKLY;WKST=SU;BYDAY=TU,TH", "1997-09-02", "1997-09-02 04 09 11 16 18 23 25 30 1997-10-02"),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
            "1997-09-01",
            "1997-09-01 03 05 15 17 19 29 1997-10-01 03",
        ),
        ("FREQ=MONTHLY;BYDAY=1FR", "1997-09-05", "1997-09-05 1997-10-03 1997-11-07 1997-12-05"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1SU", "1997-09-07", "1997-09-07 28 1997-11-02 30 1998-01-04 25"),
        ("FREQ=MONTHLY;BYDAY=-2MO", "1997-09-22", "1997-09-22 1997-10-20 1997-11-17 1997-12-22"),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "1997-09-28 1997-10-29 1997-11-28 1997-12-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "1997-09-30", "1997-09-30 1997-10-01 31 1997-11-01 30"),
        ("FREQ=MONTHLY;INTERVAL=18;BYMONTHDAY=10,11", "1997-09-10", "1997-09-10 11 1999-03-10 11"),
        ("FREQ=YEARLY;BYMONTH=6,7", "1997-06-10", "1997-06-10 1997-07-10 1998-06-10 1998-07-10"),
        (
            "FREQ=YEARLY;INTERVAL=3;BYYEARDAY=1,100,200",
            "1997-01-01",
            "1997-01-01 1997-04-10 1997-07-19 2000-01-01",
        ),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "1997-05-19 1998-05-18 1999-05-17"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12", "1997-05-12 1998-05-11 1999-05-17"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997-03-13", "1997-03-13 20 27 1998-03-05 12 19 26"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-03", "1998-02-13 1998-03-13 1998-11-13 1999-08-13"),
        ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", "1997-09-13", "1997-09-13 1997-10-11 1997-11-08"),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            "1996-11-05",
            "1996-11-05 2000-11-07 2004-11-02",
        ),
        ("FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", "1997-09-04 1997-10-07 1997-11-06"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-09-29", "1997-09-29 1997-10-30 1997-11-27"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO", "1997-08-05", "1997-08-05 10 19 24"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "1997-08-05", "1997-08-05 17 19 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,30", "2007-01-15", "2007-01-15 30 2007-02-15 2007-03-15 30"),
    ],
)
def test_the_examples_of_the_standard(rule: str, start: str, expected: str) -> None:
    """RFC 5545, section 3.8.5.3: rules and dates as given there."""
    wanted = days(expected)
    assert dates(rule, date.fromisoformat(start), count=len(wanted)) == wanted


def test_a_second_reader_agrees_over_hundreds_of_random_rules() -> None:
    source = random.Random(SEED)
    some = 0
    for _ in range(RULES):
        rule, start = random_rule(source), date(1995, 1, 1) + timedelta(days=source.randrange(9_000))
        until = until_of(rule, start)
        expected = slow_dates(rule, start, until)
        some += bool(expected)
        if len(expected) <= MAX_DATES:
            assert_dates(rule, start, until, expected)
    assert some > RULES * 0.8, "most rules give dates"


@given(random_rules(), st.dates(date(1995, 1, 1), date(2020, 1, 1)))
def test_a_second_reader_agrees(rule: str, start: date) -> None:
    until = until_of(rule, start)
    expected = slow_dates(rule, start, until)
    if len(expected) <= MAX_DATES:
        assert_dates(rule, start, until, expected)


def dateutil_is_right(rule: str) -> bool:
    """It takes nth weekdays and plain ones together as days that are both, expands weeks to seven days, counts
    positions in a week from the start, and misses weeks around New Year (its issue 1537)."""
    items = (
        next((part for part in rule.split(";") if part.startswith("BYDAY=")), "").removeprefix("BYDAY=").split(",")
    )
    mixed = len({len(item) > 2 for item in items}) == 2
    return not mixed and "BYWEEKNO" not in rule and not ("FREQ=WEEKLY" in rule and "BYSETPOS" in rule)


def test_dateutil_agrees_where_it_follows_the_standard() -> None:
    source = random.Random(SEED)
    for rule in filter(dateutil_is_right, (random_rule(source) for _ in range(RULES))):
        start = date(1995, 1, 1) + timedelta(days=source.randrange(9_000))
        expected = slow_dates(rule, start, until_of(rule, start))
        every = rrulestr(rule, dtstart=datetime.combine(start, time()))
        assert [moment.date() for moment in islice(every, len(expected))] == expected, (rule, start)
