"""The functions of formulas for dates and times of day. None of them uses a clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from reconciler.source.formulas.clocks import parse_clock
from reconciler.source.formulas.dates import parse_date
from reconciler.source.formulas.notations import NO_INPUTS, ORDERS, Inputs, Notation
from reconciler.source.formulas.patterns import DateAndTime, FormatError, compile_pattern
from reconciler.source.formulas.problem import Function, problem
from reconciler.source.schema.wording import quoted

_MAX_DAYS = 100_000
_MAX_WORKDAYS = 10_000
_SATURDAY = 5
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?", re.ASCII)  # from 1927 to 2173
_FORMAT_HINT = 'write a format such as "DD/MM/YYYY", "DD-MMM-YY" or "DD/MM/YYYY hh:mm A"'


def as_date(text: object, form: object = None, *, inputs: Inputs = NO_INPUTS) -> datetime:
    """The day of a text; a time of day after it is ignored. ``form`` is a format such as ``DD/MM/YYYY``."""
    if isinstance(text, datetime):
        return _midnight(text.date())
    if not isinstance(text, str):
        raise problem("date: expected text", value=text)
    if form is None:
        return _midnight(_read(text, "date", inputs)[0])
    day = _formatted(text, form, "date").day
    if day is None:
        raise problem("date: the format has no date", _FORMAT_HINT)
    return _midnight(day)


def as_datetime(text: object, form: object = None, *, inputs: Inputs = NO_INPUTS) -> str:
    """A date with a time of day, as text for ``schedule.at``. With a format: a date, a time, or both."""
    if not isinstance(text, str):
        raise problem("datetime: expected text", value=text)
    if form is not None:
        moment = _formatted(text, form, "datetime")
        return " ".join(part.isoformat() for part in (moment.day, moment.clock) if part is not None)
    day, clock = _read(text, "datetime", inputs)
    if not clock:
        raise problem("datetime: there is no time of day", 'write at(date(row.day), "10:00")', value=text)
    return f"{day.isoformat()} {_clock(clock, text, 'datetime', inputs).isoformat()}"


def days(count: object) -> timedelta:
    """``date(row.due) - days(3)``"""
    if isinstance(count, bool) or not isinstance(count, int) or abs(count) > _MAX_DAYS:
        raise problem("days: expected a whole number", "for a cell, write days(int(row.n))", value=count)
    return timedelta(days=count)


def workdays(holidays: frozenset[date]) -> Function:
    """``workdays(date, n)``: n working days later, or earlier if n is negative; 0 is the day itself."""

    def move(start: object, count: object, *, inputs: Inputs = NO_INPUTS) -> datetime:
        if isinstance(count, bool) or not isinstance(count, int) or abs(count) > _MAX_WORKDAYS:
            raise problem("workdays: expected a whole number of days", value=count)
        day, left = as_date(start, inputs=inputs), abs(count)
        step = timedelta(days=1 if count > 0 else -1)
        try:
            while left:
                day += step
                if day.weekday() < _SATURDAY and day.date() not in holidays:
                    left -= 1
        except OverflowError as error:
            raise problem("workdays: the result is out of range") from error
        return day

    return move


def at(day: object, clock: object, *, inputs: Inputs = NO_INPUTS) -> str:
    """``at(date, "10:00")`` is a wall time for schedule.at."""
    if not isinstance(clock, str):
        raise problem("at: expected a time of day such as 10:00", value=clock)
    found = _clock(clock, clock, "at", inputs)
    return f"{as_date(day, inputs=inputs).date().isoformat()} {found.isoformat()}"


def weekday(day: object, *, inputs: Inputs = NO_INPUTS) -> int:
    """1 is Monday, 7 is Sunday."""
    return as_date(day, inputs=inputs).isoweekday()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _read(text: str, name: str, inputs: Inputs) -> tuple[date, str]:
    """The day that a text means, and the time of day after it, or an empty text."""
    if not text.strip():
        hint = f'to leave out rows without a date, add to the sheet: where: {inputs.cell_of(text)} != ""'
        raise problem(f"{name}: the cell is empty", hint)
    found = parse_date(text)
    if found is None:
        raise _no_date(text, name)
    readings = [day for day in dict.fromkeys((found.day_first, found.month_first)) if day is not None]
    if not readings:
        raise problem(f"{name}: there is no such day", value=text)
    if not found.by_number:
        return readings[0], found.clock
    examples = inputs.examples(text)
    orders = sorted(ORDERS & examples.keys())
    if len(orders) > 1:
        shown = ", ".join(f"{examples[order]} {order}" for order in orders)
        hint = "write all dates of the column in one way"
        raise problem(f"{name}: the column has two orders of day and month: {shown}", hint, value=text)
    if len(readings) > 1 and not orders:
        raise _two_days(text, name, readings, inputs)
    return readings[-1 if Notation.MONTH_FIRST in orders else 0], found.clock


def _no_date(text: str, name: str) -> Exception:
    if _SERIAL.fullmatch(text.strip()):
        hint = "format the column as a date in the spreadsheet, and export it again"
        return problem(f"{name}: this may be a spreadsheet's number of a day, but not certainly", hint, value=text)
    hint = f'write it as 2026-06-15, 15/06/2026 or 15-jun-26, or set the format: {name}(row.due, "YYYYMMDD")'
    return problem(f"{name}: not a date", hint, value=text)


def _two_days(text: str, name: str, readings: list[date], inputs: Inputs) -> Exception:
    shown = (quoted(text), *(day.isoformat() for day in readings))
    message = "{}: {} could be {} or {}, and no cell of its column shows which".format(name, *shown)
    cell = inputs.cell_of(text)
    hint = f'set the order: {name}({cell}, "DD/MM/YYYY") or {name}({cell}, "MM/DD/YYYY")'
    return problem(message, hint, private=shown)


def _clock(text: str, cell: str, name: str, inputs: Inputs) -> time:
    """The time of day ``text``, which is a whole ``cell`` or a part of it."""
    found = parse_clock(text)
    if found is None:
        hint = "write 09:30, 9:30 am, 09h30 or 0.395833 (a fraction of a day), or set the format with datetime"
        raise problem(f"{name}: expected a time of day such as 10:00", hint, value=text)
    examples = inputs.examples(cell) if found.is_early else {}
    if Notation.TWELVE_HOURS in examples:
        marked = f"{examples[Notation.TWELVE_HOURS]} in its column {Notation.TWELVE_HOURS}"
        hint = "write am or pm in each cell of the column"
        raise problem(f"{name}: this could be a.m. or p.m., because {marked}", hint, value=cell)
    return found.time


def _formatted(text: str, form: object, name: str) -> DateAndTime:
    """The moment in a text of the format ``form``."""
    if not text.strip():
        raise problem(f"{name}: the cell is empty")
    if not isinstance(form, str):
        raise problem(f"{name}: the format must be a text", _FORMAT_HINT)
    try:
        moment = compile_pattern(form).match(text)
    except FormatError as error:
        raise problem(f"{name}: invalid format {form!r}: {error}", _FORMAT_HINT) from error
    if moment is None:
        raise problem(f"{name}: not in the format {form}", _FORMAT_HINT, value=text)
    return moment
