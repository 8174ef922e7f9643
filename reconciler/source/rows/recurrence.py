"""The dates of a recurrence rule (RFC 5545), with no clock: ``FREQ=WEEKLY;BYDAY=MO`` from one date to another.

Rules come round daily at most, and say neither a time of day nor an end. What the RFC forbids, or its readers
understand in different ways, is refused: nobody is called on a day that was not meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from reconciler.source.rows.recurrence_sets import Rule, occurrences

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
_MOST_IN_A_MONTH = 5
_DAY_NAMING = ("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY")


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
    parts, last = _checked(rule), _last(start, until)
    found: list[date] = []
    for day in occurrences(_rule(parts), start, last):
        if len(found) == count:
            break
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


def _rule(parts: Mapping[str, str]) -> Rule:
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    return Rule(
        frequency=parts["FREQ"],
        interval=int(parts.get("INTERVAL", "1")),
        week_start=_DAYS.index(parts.get("WKST", "MO")),
        months=_integers(parts, "BYMONTH"),
        weeks=_integers(parts, "BYWEEKNO"),
        year_days=_integers(parts, "BYYEARDAY"),
        month_days=_integers(parts, "BYMONTHDAY"),
        weekdays=[(int(day[:-2] or "0"), _DAYS.index(day[-2:])) for day in days],
        positions=_integers(parts, "BYSETPOS"),
    )


def _integers(parts: Mapping[str, str], name: str) -> list[int]:
    return [int(item) for item in parts[name].split(",")] if name in parts else []


def _checked(rule: str) -> dict[str, str]:
    """The parts of a rule by name, once each of them and all together have one meaning."""
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
    return parts


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


def _check_together(parts: Mapping[str, str]) -> None:
    """Refuse what RFC 5545 forbids, and what its readers take to mean different days.

    Both would call on days that nobody meant. The sources of each difference are named where it is checked.
    """
    frequency = parts.get("FREQ")
    if frequency is None:
        raise _unreadable("a rule needs FREQ", "such as FREQ=WEEKLY;BYDAY=MO")
    for name in ("BYWEEKNO", "BYYEARDAY"):
        if name in parts and frequency != "YEARLY":
            raise _unreadable(f"{name} does not go with FREQ={frequency}", "write FREQ=YEARLY")
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        raise _unreadable("BYMONTHDAY does not go with FREQ=WEEKLY", "write FREQ=MONTHLY or FREQ=DAILY")
    _check_nth_weekdays(parts, frequency)
    _check_years(parts, frequency)
    if "BYSETPOS" not in parts:
        return
    if not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise _unreadable("BYSETPOS chooses among the days of another part", "such as BYDAY=MO,TU,WE,TH,FR")
    if frequency == "DAILY":
        message = "BYSETPOS does not go with FREQ=DAILY: there is one day to choose from"
        raise _unreadable(message, "write FREQ=WEEKLY, FREQ=MONTHLY or FREQ=YEARLY")


def _check_nth_weekdays(parts: Mapping[str, str], frequency: str) -> None:
    """An nth weekday is one of a month or of a year, of no other set of days."""
    numbers = [int(item[:-2]) for item in parts.get("BYDAY", "").split(",") if item[:-2]]
    if not numbers:
        return
    if frequency in {"DAILY", "WEEKLY"} or "BYWEEKNO" in parts:
        other = "BYWEEKNO" if "BYWEEKNO" in parts else f"FREQ={frequency}"
        raise _unreadable(
            f"BYDAY={_cut(parts['BYDAY'])} does not go with {other}", "an nth day needs MONTHLY or YEARLY"
        )
    for name in ("BYMONTHDAY", "BYYEARDAY"):
        if name in parts:
            message = f"BYDAY={_cut(parts['BYDAY'])} with {name} is read in different ways"
            raise _unreadable(message, f"name the weekdays without a number, or leave out {name}")
    if (frequency == "MONTHLY" or "BYMONTH" in parts) and max(map(abs, numbers)) > _MOST_IN_A_MONTH:
        raise _unreadable(
            f"BYDAY={_cut(parts['BYDAY'])}: a month has a weekday at most {_MOST_IN_A_MONTH} times",
            "choose a number from -5 to 5",
        )


def _check_years(parts: Mapping[str, str], frequency: str) -> None:
    """Parts of a year that are read in different ways.

    BYMONTHDAY alone: each month for dateutil, the month of the start for ical.js. Days named in two ways: days
    of either in the RFC's table, of both in dateutil (ical-org/ical.net issue 791). Weeks that span two years: of
    the week's year, or of the day's (libical pull request 941).
    """
    if frequency == "YEARLY" and "BYMONTHDAY" in parts and not {"BYMONTH", "BYYEARDAY", "BYWEEKNO"} & parts.keys():
        message = "FREQ=YEARLY;BYMONTHDAY is read in different ways: in each month, or in the month of from only"
        raise _unreadable(message, "write FREQ=MONTHLY, or name the months: BYMONTH=1")
    for name in ("BYWEEKNO", "BYYEARDAY"):
        others = [other for other in _DAY_NAMING if other in parts and other != name]
        if name in parts and others:
            message = f"{name} with {others[0]} is read in different ways: as days of both, or as days of either"
            raise _unreadable(message, f"leave out {name} or {others[0]}")
    if "BYWEEKNO" in parts and ("BYSETPOS" in parts or int(parts.get("INTERVAL", "1")) > 1):
        other = "BYSETPOS" if "BYSETPOS" in parts else "INTERVAL"
        message = f"BYWEEKNO with {other} is read in different ways where a week spans two years"
        raise _unreadable(message, f"leave out {other}, or choose days with BYMONTH")


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _unreadable(message: str, hint: str) -> RecurrenceError:
    return RecurrenceError("E801", "rule", message, hint)
