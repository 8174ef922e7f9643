"""The dates of a recurrence rule (RFC 5545) without times: ``FREQ=WEEKLY;BYDAY=MO`` from one date to another.

Rules recur daily at most, and have no time of day and no end. Rules that the RFC forbids, or that implementations
interpret differently, are refused, so that nobody is called on an unintended day.
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
    """An invalid rule: a diagnostic's code, the field of ``repeat`` it concerns, and a hint."""

    def __init__(self, code: str, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.hint = hint


def dates(rule: str, start: date, *, until: date | None = None, count: int | None = None) -> list[date]:
    """The dates of ``rule`` in order, from ``start`` to ``until`` (both included), or the first ``count``.

    Raises:
        RecurrenceError: the rule is invalid, or has no dates, fewer than ``count``, or more than 400.
    """
    parts, last = _checked(rule), _last(start, until)
    days: list[date] = []
    for day in occurrences(_rule(parts), start, last):
        if len(days) == count:
            break
        if len(days) == MAX_DATES:
            message = f"the rule has more than {MAX_DATES} dates"
            raise RecurrenceError("E803", "rule", message, "choose an earlier end, or split the row")
        days.append(day)
    if not days:
        message = "the rule has no date between from and its end"
        raise RecurrenceError("E803", "rule", message, "check rule, from and until")
    if count is not None and len(days) < count:
        message = f"the rule has only {len(days)} of {count} dates within {_LONGEST_YEARS} years"
        raise RecurrenceError("E803", "count", message, "choose a more frequent rule, or a lower count")
    return days


def _last(start: date, until: date | None) -> date:
    """The last possible day. It bounds the search for rules without any date."""
    longest = date(min(start.year + _LONGEST_YEARS, date.max.year), 12, 31)
    if until is not None and until < start:
        hint = "choose a later date: until is the last possible day"
        raise RecurrenceError("E803", "until", f"until {until} is before from", hint)
    if until is not None and until > longest:
        message = f"until {until} is more than {_LONGEST_YEARS} years after from"
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
    """The parts of a rule by name, after each of them and their combination have been checked."""
    text = rule.strip().upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name in _ENDS:
            raise _unreadable(f"{name} is not allowed in the rule", f"write {_ENDS[name]}: next to rule:")
        if name not in _PARTS:
            message = f"{_cut(part)!r} is not a supported part of a rule"
            raise _unreadable(message, f"use one of: {', '.join(_PARTS)}")
        if name in parts:
            raise _unreadable(f"duplicate part {name}", "write it once, with commas between its values")
        if not _readable(name, value):
            raise _unreadable(f"invalid value for {name}: {_cut(value)!r}", _expected(name))
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
        return f"use one of: {', '.join(_FREQUENCIES)}"
    if name in {"WKST", "BYDAY"}:
        return f"use {', '.join(_DAYS)}" + (
            ", with a number before it such as 1 for the first or -1 for the last" * (name == "BYDAY")
        )
    low, high = _NUMBERS[name]
    return f"use a whole number from {low} to {high}" + (", not 0" if low < 0 else "")


def _check_together(parts: Mapping[str, str]) -> None:
    """Refuse combinations that RFC 5545 forbids, or that implementations interpret as different days.

    Both could call people on unintended days. The checks cite the sources of the differences.
    """
    frequency = parts.get("FREQ")
    if frequency is None:
        raise _unreadable("the rule has no FREQ", "add it, such as FREQ=WEEKLY;BYDAY=MO")
    for name in ("BYWEEKNO", "BYYEARDAY"):
        if name in parts and frequency != "YEARLY":
            raise _unreadable(f"{name} cannot be used with FREQ={frequency}", "write FREQ=YEARLY")
    if "BYMONTHDAY" in parts and frequency == "WEEKLY":
        raise _unreadable("BYMONTHDAY cannot be used with FREQ=WEEKLY", "write FREQ=MONTHLY or FREQ=DAILY")
    _check_nth_weekdays(parts, frequency)
    _check_years(parts, frequency)
    if "BYSETPOS" not in parts:
        return
    if not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise _unreadable("BYSETPOS needs another BY part to select from", "add one, such as BYDAY=MO,TU,WE,TH,FR")
    if frequency == "DAILY":
        message = "BYSETPOS cannot be used with FREQ=DAILY, which has only one day to select from"
        raise _unreadable(message, "write FREQ=WEEKLY, FREQ=MONTHLY or FREQ=YEARLY")


def _check_nth_weekdays(parts: Mapping[str, str], frequency: str) -> None:
    """An nth weekday must be one of a month or a year."""
    numbers = [int(item[:-2]) for item in parts.get("BYDAY", "").split(",") if item[:-2]]
    if not numbers:
        return
    if frequency in {"DAILY", "WEEKLY"} or "BYWEEKNO" in parts:
        other = "BYWEEKNO" if "BYWEEKNO" in parts else f"FREQ={frequency}"
        message = f"BYDAY={_cut(parts['BYDAY'])} cannot be used with {other}"
        raise _unreadable(message, "use MONTHLY or YEARLY for an nth weekday")
    for name in ("BYMONTHDAY", "BYYEARDAY"):
        if name in parts:
            message = f"BYDAY={_cut(parts['BYDAY'])} with {name} is ambiguous"
            raise _unreadable(message, f"write the weekdays without a number, or remove {name}")
    if (frequency == "MONTHLY" or "BYMONTH" in parts) and max(map(abs, numbers)) > _MOST_IN_A_MONTH:
        message = f"BYDAY={_cut(parts['BYDAY'])}: a weekday occurs at most {_MOST_IN_A_MONTH} times in a month"
        raise _unreadable(message, "choose a number from -5 to 5")


def _check_years(parts: Mapping[str, str], frequency: str) -> None:
    """Refuse parts of yearly rules that implementations interpret differently.

    BYMONTHDAY alone: every month in dateutil, the month of the start in ical.js. Days given by two parts: the
    union in the RFC's table, the intersection in dateutil (ical-org/ical.net issue 791). Weeks that span two
    years: they belong to the week's year, or to the day's (libical pull request 941).
    """
    if frequency == "YEARLY" and "BYMONTHDAY" in parts and not {"BYMONTH", "BYYEARDAY", "BYWEEKNO"} & parts.keys():
        message = "FREQ=YEARLY;BYMONTHDAY is ambiguous: it can mean every month, or only the month of from"
        raise _unreadable(message, "write FREQ=MONTHLY, or add the months: BYMONTH=1")
    for name in ("BYWEEKNO", "BYYEARDAY"):
        others = [other for other in _DAY_NAMING if other in parts and other != name]
        if name in parts and others:
            message = f"{name} with {others[0]} is ambiguous: it can mean days that match both, or either"
            raise _unreadable(message, f"remove {name} or {others[0]}")
    if "BYWEEKNO" in parts and ("BYSETPOS" in parts or int(parts.get("INTERVAL", "1")) > 1):
        other = "BYSETPOS" if "BYSETPOS" in parts else "INTERVAL"
        message = f"BYWEEKNO with {other} is ambiguous for weeks that span two years"
        raise _unreadable(message, f"remove {other}, or choose the days with BYMONTH")


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _unreadable(message: str, hint: str) -> RecurrenceError:
    return RecurrenceError("E801", "rule", message, hint)
