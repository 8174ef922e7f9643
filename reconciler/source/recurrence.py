"""The dates of a recurrence rule (RFC 5545), with no clock: ``FREQ=WEEKLY;BYDAY=MO`` from one date to another.

Rules come round daily at most, and say neither a time of day nor an end. What the RFC forbids, or its readers
understand in different ways, is refused: nobody is called on a day that was not meant.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from itertools import takewhile

MAX_DATES = 400
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_NUMBERS = {
    "INTERVAL": (1, 1000),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
_PARTS = ("FREQ", "WKST", "BYDAY", *_NUMBERS)
_ENDS = {"UNTIL": "until", "COUNT": "count"}
_NTH = (-53, 53)
_NUMBER = re.compile(r"[+-]?[0-9]{1,4}", re.ASCII)
_LONGEST_YEARS = 50
_CYCLE = 400  # years after which the Gregorian calendar repeats, weekdays and all


class RecurrenceError(ValueError):
    """What is wrong: a diagnostic's code, the field of ``repeat`` it stands in, and a hint."""

    def __init__(self, code: str, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.hint = hint


def dates(rule: str, start: date, *, until: date | None = None, count: int | None = None) -> list[date]:
    """The dates that ``rule`` gives, in order, from ``start`` on: to ``until``, included, or ``count`` many.

    Raises:
        RecurrenceError: the rule cannot be read, or gives no dates, too few for ``count``, or more than 400.
    """
    from dateutil.rrule import rrulestr  # noqa: PLC0415 - only files with a rule need it

    text, last = _checked(rule), _last(start, until)
    # A rule that never comes round is tried until the year 9999. The calendar is the same some cycles later, where
    # that is near.
    shift = max(0, (date.max.year - _LONGEST_YEARS - start.year) // _CYCLE * _CYCLE)
    every = (_later(moment.date(), -shift) for moment in rrulestr(text, dtstart=_midnight(_later(start, shift))))
    found: list[date] = []
    for day in takewhile(lambda day: day <= last and len(found) != count, every):
        if len(found) == MAX_DATES:
            raise RecurrenceError("E803", "rule", f"more than {MAX_DATES} dates", "end earlier, or split the row")
        found.append(day)
    if not found:
        raise RecurrenceError(
            "E803", "rule", "the rule gives no date between from and its end", "check rule, from and until"
        )
    if count is not None and len(found) < count:
        message = f"the rule gives only {len(found)} dates within {_LONGEST_YEARS} years"
        raise RecurrenceError("E803", "count", message, "choose a rule that comes round more often, or fewer")
    return found


def _last(start: date, until: date | None) -> date:
    """The last day that counts: a rule that never comes round must end, too."""
    longest = date(min(start.year + _LONGEST_YEARS, date.max.year), 12, 31)
    if until is not None and until < start:
        raise RecurrenceError(
            "E803", "until", f"until {until} lies before from", "until is the last day that counts"
        )
    if until is not None and until > longest:
        message = f"until {until} lies more than {_LONGEST_YEARS} years after from"
        raise RecurrenceError("E803", "until", message, "choose an earlier date")
    return until or longest


def _later(day: date, years: int) -> date:
    return day.replace(year=day.year + years)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _checked(rule: str) -> str:
    """The rule as dateutil reads it, once every part of it is known to mean one thing."""
    text = rule.strip().upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name in _ENDS:
            raise _unreadable(f"{name} stands outside of the rule", f"write {_ENDS[name]}: beside rule:")
        if name not in _PARTS:
            raise _unreadable(f"{_cut(part)!r} is no part of a rule here", f"known here: {', '.join(_PARTS)}")
        if name in parts:
            raise _unreadable(f"{name} is there twice", "give it once, its values with commas between them")
        if not _readable(name, value):
            raise _unreadable(f"{name} cannot be {_cut(value)!r}", _expected(name))
        parts[name] = value
    _check_together(parts)
    return text


def _readable(name: str, value: str) -> bool:
    if name in {"FREQ", "WKST"}:
        return value in (_FREQUENCIES if name == "FREQ" else _DAYS)
    items = value.split(",")
    if name == "BYDAY":
        return all(item[-2:] in _DAYS and (item in _DAYS or _within(item[:-2], _NTH)) for item in items)
    return all(_within(item, _NUMBERS[name]) for item in items) and (name != "INTERVAL" or len(items) == 1)


def _within(text: str, limits: tuple[int, int]) -> bool:
    number = int(text) if _NUMBER.fullmatch(text) else 0
    return number != 0 and limits[0] <= number <= limits[1]


def _expected(name: str) -> str:
    if name == "FREQ":
        return f"at most daily: {', '.join(_FREQUENCIES)}"
    if name in {"WKST", "BYDAY"}:
        return f"of {', '.join(_DAYS)}" + (
            ", with 1 for the first or -1 for the last one before it" * (name == "BYDAY")
        )
    low, high = _NUMBERS[name]
    return f"a whole number from {low} to {high}" + (", not 0" if low < 0 else "")


def _check_together(parts: dict[str, str]) -> None:
    """What RFC 5545 says may not stand together: some readers pass over one of the two, and call on other days."""
    frequency = parts.get("FREQ")
    if frequency is None:
        raise _unreadable("a rule needs FREQ", "such as FREQ=WEEKLY;BYDAY=MO")
    for name in ("BYWEEKNO", "BYYEARDAY"):
        if name in parts and frequency != "YEARLY":
            raise _unreadable(f"{name} does not go with FREQ={frequency}", "write FREQ=YEARLY")
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        raise _unreadable("BYMONTHDAY does not go with FREQ=WEEKLY", "write FREQ=MONTHLY or FREQ=DAILY")
    counted = any(len(item) > len(_DAYS[0]) for item in parts.get("BYDAY", "").split(","))
    if counted and (frequency in {"DAILY", "WEEKLY"} or "BYWEEKNO" in parts):
        other = "BYWEEKNO" if "BYWEEKNO" in parts else f"FREQ={frequency}"
        raise _unreadable(f"BYDAY={parts['BYDAY']} does not go with {other}", "an nth day needs MONTHLY or YEARLY")
    if "BYSETPOS" in parts and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise _unreadable("BYSETPOS chooses among the days of another part", "such as BYDAY=MO,TU,WE,TH,FR")


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _unreadable(message: str, hint: str) -> RecurrenceError:
    return RecurrenceError("E801", "rule", message, hint)
