"""Read a sentence that says when to call, such as ``3 workdays before Due date at 10:00``, as formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.source.import_sheet.answers import AnswerProblem, named_column
from reconciler.source.import_sheet.sample import Column
from reconciler.source.import_sheet.values import are_clocks, are_dates, are_datetimes
from reconciler.source.schema.wording import quoted

OPTION = "--when"
FORMS = (
    "3 workdays before COLUMN at 10:00",
    "2 days after COLUMN at COLUMN",
    "on COLUMN at 10:00",
    "on COLUMN at COLUMN",
    "at COLUMN",
)
_SHIFTED = re.compile(
    r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|ten)\s+"
    r"(?P<unit>(?:work|business|working|week)[ -]?days?|days?|weeks?)\s+(?P<side>before|after)\s+(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
_ON = re.compile(r"on\s+(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
_AT = re.compile(r"at\s+(?P<rest>.+)", re.IGNORECASE | re.DOTALL)
_SPLIT = re.compile(r"\s+at\s+", re.IGNORECASE)
_TIME = re.compile(r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))?\s*(?P<half>[ap]\.?\s*m\.?)?", re.IGNORECASE)
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}


@dataclass(frozen=True, slots=True)
class When:
    """The call rings ``shift`` days (``workdays``: working days) after ``day``, at ``clock``: a time such as
    ``10:00``, or a column. Without a clock, ``day`` has date and time."""

    day: Column
    shift: int = 0
    workdays: bool = False
    clock: str | Column | None = None


def parse_when(text: str, columns: Sequence[Column]) -> When:
    """Read a sentence in one of ``FORMS``.

    Raises:
        AnswerProblem: it is none of them, or names no column, or a column without dates or times.
    """
    sentence = " ".join(text.split())
    if match := _SHIFTED.fullmatch(sentence):
        unit, count = match["unit"].lower(), _WORDS.get(match["count"].lower(), 0) or int(match["count"])
        days = count * 7 if unit.startswith("week") and "day" not in unit else count
        shift = -days if match["side"].lower() == "before" else days
        day, clock = _day_and_clock(match["rest"], columns)
        return When(day, shift, "day" in unit and not unit.startswith("day"), clock)
    if match := _ON.fullmatch(sentence):
        day, clock = _day_and_clock(match["rest"], columns)
        return When(day, clock=clock)
    if match := _AT.fullmatch(sentence):
        return When(
            _column(match["rest"], columns, are_datetimes, "dates with a time of day, such as 2031-06-16 14:30")
        )
    raise _unreadable(text)


def _day_and_clock(text: str, columns: Sequence[Column]) -> tuple[Column, str | Column]:
    """``COLUMN at TIME``; both may contain the word at, so each division is tried."""
    first: AnswerProblem | None = None
    for match in reversed(list(_SPLIT.finditer(text))):
        try:
            return (
                _column(text[: match.start()], columns, are_dates, "dates"),
                _clock(text[match.end() :], columns),
            )
        except AnswerProblem as problem:
            first = first or problem
    if first is not None:
        raise first
    hint = f"add a time of day or a column with one: {text.strip()} at 10:00"
    raise AnswerProblem(f"{OPTION}: {quoted(text.strip())} has no time of day", hint)


def _column(text: str, columns: Sequence[Column], good: Callable[[Sequence[str]], bool], what: str) -> Column:
    name = named_column(text, (column.name for column in columns), OPTION)
    found = next(column for column in columns if column.name == name)
    if not good(found.with_digits):
        fitting = [column.name for column in columns if good(column.with_digits)]
        hint = f"use one of: {', '.join(fitting)}" if fitting else "correct the column in the spreadsheet"
        raise AnswerProblem(f"{OPTION}: column {quoted(name)} does not contain {what}", hint)
    return found


def _clock(text: str, columns: Sequence[Column]) -> str | Column:
    """``9:30 am`` as ``09:30``, or the column of that name."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return _column(text, columns, are_clocks, "times of day")
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), (match["half"] or "")[:1].lower()
    valid = (1 <= hour <= 12 if half else hour <= 23 and match["minute"] is not None) and minute <= 59
    if not valid:
        raise AnswerProblem(f"{OPTION}: {quoted(text.strip())} is not a time of day", "write 10:00, or 4:30 pm")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02d}:{minute:02d}"


def _unreadable(text: str) -> AnswerProblem:
    return AnswerProblem(f"{OPTION}: cannot read {quoted(text.strip())}", f"write one of: {'; '.join(FORMS)}")
