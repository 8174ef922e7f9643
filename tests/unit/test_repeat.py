"""Recurrence: which dates, under which names, and which rules are refused."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.source.repeat import MAX_OCCURRENCES, Repeat, RepeatError, occurrences

START = datetime(2026, 6, 1, 10)  # a Monday


def dates(repeat: Repeat) -> list[date]:
    return [day for day, _ in occurrences(repeat)]


def test_the_documented_example() -> None:
    repeat = Repeat(
        "FREQ=WEEKLY;BYDAY=MO",
        START,
        until=date(2026, 8, 31),
        skipped=frozenset({date(2026, 7, 13)}),
        moved={date(2026, 6, 8): datetime(2026, 6, 9, 11)},
    )
    found = dict(occurrences(repeat))
    mondays = [date(2026, 6, 1) + timedelta(weeks=week) for week in range(14)]
    assert list(found) == [day for day in mondays if day != date(2026, 7, 13)]
    assert found[date(2026, 6, 8)] == datetime(2026, 6, 9, 11), "moved, under its nominal date"
    assert found[date(2026, 8, 31)] == datetime(2026, 8, 31, 10), "until is the last date that counts"


def test_months_without_that_day_are_passed_over() -> None:
    assert dates(Repeat("FREQ=MONTHLY;BYMONTHDAY=31", datetime(2026, 1, 31, 9), count=3)) == [
        date(2026, 1, 31),
        date(2026, 3, 31),
        date(2026, 5, 31),
    ]


def test_leap_days() -> None:
    found = dates(Repeat("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", datetime(2027, 1, 1, 9), count=3))
    assert found == [date(2028, 2, 29), date(2032, 2, 29), date(2036, 2, 29)]


@pytest.mark.parametrize(
    ("repeat", "field", "words"),
    [
        (Repeat("FREQ=HOURLY", START, count=2), "rule", "at most daily"),
        (Repeat("FREQ=DAILY;BYHOUR=9,17", START, count=2), "rule", "no part of a rule"),
        (Repeat("FREQ=DAILY;COUNT=3", START, count=2), "rule", "write count:"),
        (Repeat("FREQ=DAILY;UNTIL=20260801", START, count=2), "rule", "write until:"),
        (Repeat("FREQ=DAILY;FREQ=DAILY", START, count=2), "rule", "no part"),
        (Repeat("BYDAY=MO", START, count=2), "rule", "FREQ"),
        (Repeat("every monday", START, count=2), "rule", "no part"),
        (Repeat("", START, count=2), "rule", "no part"),
        (Repeat("FREQ=DAILY;BYDAY=XX", START, count=2), "rule", "not a recurrence rule"),
        (Repeat("FREQ=DAILY;INTERVAL=0", START, count=2), "rule", "out of range"),
        (Repeat("FREQ=DAILY\nFREQ=WEEKLY", START, count=2), "rule", "no part"),
        (Repeat("FREQ=DAILY", START, count=MAX_OCCURRENCES + 1), "rule", "more than 400"),
        (Repeat("FREQ=DAILY", START, until=date(2026, 5, 31)), "until", "before from"),
        (Repeat("FREQ=YEARLY", START, until=date(2099, 1, 1)), "until", "50 years"),
        (Repeat("FREQ=YEARLY", START, count=60), "count", "only 51"),
        (Repeat("FREQ=WEEKLY", START, count=2, skipped=frozenset({date(2026, 6, 2)})), "skip", "2026-06-01"),
        (Repeat("FREQ=WEEKLY", START, count=2, moved={date(2026, 6, 9): START}), "move", "2026-06-08"),
        (
            Repeat("FREQ=WEEKLY", START, count=2, skipped=frozenset({START.date()}), moved={START.date(): START}),
            "skip",
            "both",
        ),
    ],
)
def test_what_is_refused(repeat: Repeat, field: str, words: str) -> None:
    with pytest.raises(RepeatError) as caught:
        list(occurrences(repeat))
    assert caught.value.field == field
    assert words in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("rule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=100"])
def test_a_rule_that_never_comes_round_ends_soon(rule: str) -> None:
    began = time.process_time()
    with pytest.raises(RepeatError, match="no date"):
        list(occurrences(Repeat(rule, START, count=1)))
    assert time.process_time() - began < 2


_RULES = st.builds(
    "FREQ={};INTERVAL={};BYDAY={}".format,
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 3),
    st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, unique=True).map(",".join),
)


@given(rule=_RULES, weeks=st.integers(1, 20), more=st.integers(0, 20))
def test_widening_a_rule_keeps_every_name_and_time(rule: str, weeks: int, more: int) -> None:
    until = START.date() + timedelta(weeks=weeks)
    try:
        narrow = dict(occurrences(Repeat(rule, START, until=until)))
    except RepeatError:
        return
    wide = dict(occurrences(Repeat(rule, START, until=until + timedelta(weeks=more))))
    assert narrow.items() <= wide.items()
    assert list(wide) == sorted(wide)
    assert all(moment.date() == day for day, moment in wide.items())


@given(st.text(max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        found = list(occurrences(Repeat(text, START, count=3)))
    except RepeatError:
        return
    assert len(found) == 3
