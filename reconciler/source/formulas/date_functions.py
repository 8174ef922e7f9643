"""The functions of formulas for dates and times of day. None of them uses a clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from reconciler.source.formulas.clocks import ClockText, parse_clock
from reconciler.source.formulas.dates import DateText, parse_date
from reconciler.source.formulas.inputs import NO_INPUTS, Inputs
from reconciler.source.formulas.notations import NOT_SWAPPED, ORDERS, Notation, order_before_swapping
from reconciler.source.formulas.patterns import DateAndTime, FormatError, compile_pattern
from reconciler.source.formulas.problem import Function, problem
from reconciler.source.schema.wording import quoted

_MAX_DAYS = 100_000
_MAX_WORKDAYS = 10_000
_SATURDAY = 5
_MONTHS = 12
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:[.,][0-9]+)?", re.ASCII)  # from 1927 to 2173
_FORMAT_HINT = 'write a format such as "DD/MM/YYYY", "DD-MMM-YY" or "DD/MM/YYYY hh:mm A"'


def as_date(text: object, *forms: object, inputs: Inputs = NO_INPUTS) -> datetime:
    """The day of a text; a time of day after it is ignored. ``forms`` are formats such as ``DD/MM/YYYY``."""
    if isinstance(text, datetime):
        return _midnight(text.date())
    if not isinstance(text, str):
        raise problem("date: expected text", value=text)
    if not forms:
        return _midnight(_read(text, "date", inputs)[0])
    day = _formatted(text, forms, "date").day
    if day is None:
        raise problem("date: the format has no date", _FORMAT_HINT)
    return _midnight(day)


def as_datetime(text: object, *forms: object, inputs: Inputs = NO_INPUTS) -> str:
    """A date with a time of day, as text for ``schedule.at``. With formats: a date, a time, or both."""
    if not isinstance(text, str):
        raise problem("datetime: expected text", value=text)
    if forms:
        moment = _formatted(text, forms, "datetime")
        result = " ".join(part.isoformat() for part in (moment.day, moment.clock) if part is not None)
        inputs.settle(result)
        return result
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
        _check_not_swapped(text, name, found, inputs)
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


def _check_not_swapped(text: str, name: str, found: DateText, inputs: Inputs) -> None:
    """Refuse a real date if the program that made it probably took its month for the day."""
    day = found.day_first
    if not found.stored or day is None or day.day > _MONTHS or day.day == day.month or inputs.is_settled(text):
        return

    def is_of_day(cell: str) -> bool:
        other = parse_date(cell)
        return other is not None and other.day_first == other.month_first == day

    columns = inputs.sources(text, NOT_SWAPPED, like=is_of_day)
    found_in = ((order, column[order]) for column in columns if (order := order_before_swapping(column)))
    order, example = next(found_in, (None, ""))
    if order is None:
        return
    cell = f"{name}({inputs.cell_of(text)}"
    right, swapped = (f"{cell}, {', '.join(map(_literal, forms))})" for forms in formats_if_swapped(order, found))
    shown = (quoted(text), day.isoformat(), day.replace(month=day.day, day=day.month).isoformat())
    message = "{}: {} could be {}, or {} if a spreadsheet program swapped day and month".format(name, *shown)
    message += f": no real date of its column is after the 12th, and {example}, which is text, {order}"
    raise problem(message, f"if the cell is right, write {right}; if it is swapped, {swapped}", private=shown)


def formats_if_swapped(order: Notation, found: DateText) -> tuple[tuple[str, str], tuple[str, str]]:
    """The formats of a column of texts and real dates such as ``found``: if these are right, and if swapped."""
    clock = ("", " HH:mm", " HH:mm:ss")[min(found.clock.count(":"), 2)]
    texts = ("MM/DD/YYYY" if order is Notation.MONTH_FIRST else "DD/MM/YYYY") + clock[:6]
    return (texts, f"YYYY-MM-DD{clock}"), (texts, f"YYYY-DD-MM{clock}")


def _literal(text: str) -> str:
    return f'"{text}"'


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
    if (found.is_early or found.is_night) and not inputs.is_settled(cell):
        _check_half(found, cell, name, inputs)
    return found.time


def _check_half(found: ClockText, cell: str, name: str, inputs: Inputs) -> None:
    """Refuse a time that may mean the afternoon: ``3:00`` beside times with a.m. or p.m., and ``1:00`` in a column
    without a time after 12:59.
    """
    columns = inputs.sources(cell)
    marked = next((column[Notation.TWELVE_HOURS] for column in columns if Notation.TWELVE_HOURS in column), None)
    hint = "write am or pm in each cell of the column"
    if found.is_early and marked is not None:
        reason = f"{marked} in its column {Notation.TWELVE_HOURS}"
        raise problem(f"{name}: this could be a.m. or p.m., because {reason}", hint, value=cell)
    if not found.is_night or inputs.is_literal(cell):
        return
    nights = [column for column in columns if Notation.NIGHT in column]
    if any(Notation.AFTERNOON not in column for column in nights):
        reason = "no time of its column is after 12:59"
    elif not nights and inputs.is_made(cell):
        reason = "a formula made it"
    else:
        return
    form = f'datetime({inputs.cell_of(cell)}, "{format_of_clock(cell)}")'
    hint = f"{hint}, or if they are of the 24-hour clock, write {form}"
    raise problem(f"{name}: this could be a.m. or p.m., because {reason}", hint, value=cell)


def format_of_clock(text: str) -> str:
    """The format of a time of day on the 24-hour clock, or of a date with one, as a hint."""
    clock = "HH:mm:ss" if text.count(":") > 1 else "HH:mm"
    dated = parse_date(text)
    if dated is None:
        return clock
    return f"{'DD/MM/YYYY' if dated.by_number else 'YYYY-MM-DD'} {clock}"


def _formatted(text: str, forms: tuple[object, ...], name: str) -> DateAndTime:
    """The moment in a text of one of the formats ``forms``. Two different moments are a problem."""
    if not text.strip():
        raise problem(f"{name}: the cell is empty")
    moments = dict.fromkeys(filter(None, (_in_format(text, form, name) for form in forms)))
    if not moments:
        shown = " or ".join(map(str, forms))
        raise problem(f"{name}: not in the format {shown}", _FORMAT_HINT, value=text)
    if len(moments) > 1:
        hint = "keep one of the formats, or write the cells in one way"
        raise problem(f"{name}: two of the formats read this differently", hint, value=text)
    return next(iter(moments))


def _in_format(text: str, form: object, name: str) -> DateAndTime | None:
    if not isinstance(form, str):
        raise problem(f"{name}: the format must be a text", _FORMAT_HINT)
    try:
        return compile_pattern(form).match(text)
    except FormatError as error:
        raise problem(f"{name}: invalid format {form!r}: {error}", _FORMAT_HINT) from error
