"""Occurrences of a row that repeats: a recurrence rule (RFC 5545) read as wall times, with no clock.

An occurrence is named by its nominal date, the one that the rule gives it, wherever it is moved to: widening a
rule or skipping a date leaves the names of all others as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from dateutil.rrule import rrule, rrulestr

MAX_OCCURRENCES = 400
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = frozenset(
    ["FREQ", "INTERVAL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"]
)
_ENDS = {"UNTIL": "until", "COUNT": "count"}
_PART = re.compile(r"([A-Z]+)=([A-Z0-9,+-]+)")
_LONGEST_RULE = 200
_LONGEST_YEARS = 50
_CYCLE = 400  # years after which the Gregorian calendar repeats, weekdays and all


@dataclass(frozen=True, slots=True)
class Repeat:
    """A rule and its bounds. ``start`` and the values of ``moved`` are wall times; exactly one of ``until`` (the
    last date that counts) and ``count`` is set. ``skipped`` and the keys of ``moved`` are nominal dates.
    """

    rule: str
    start: datetime
    until: date | None = None
    count: int | None = None
    skipped: frozenset[date] = frozenset()
    moved: Mapping[date, datetime] = field(default_factory=dict)


class RepeatError(ValueError):
    """What is wrong, in ``field`` of a repeat, and a hint."""

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint


def occurrences(repeat: Repeat) -> Iterator[tuple[date, datetime]]:
    """Nominal date and wall time of each occurrence that is left, in the order of the nominal dates.

    Raises:
        RepeatError: the rule is none, has no or too many occurrences, or a date is skipped or moved that is none.
    """
    nominal = _nominal(repeat)
    for name, dates in (("skip", repeat.skipped), ("move", frozenset(repeat.moved))):
        for unknown in sorted(dates - nominal.keys()):
            near = min(nominal, key=lambda day: abs(day - unknown))
            raise RepeatError(name, f"{unknown} is no date of this rule", f"the nearest one is {near}")
    both = sorted(repeat.skipped & repeat.moved.keys())
    if both:
        raise RepeatError("skip", f"{both[0]} is both skipped and moved", "remove one of them")
    for day, moment in nominal.items():
        if day not in repeat.skipped:
            yield day, repeat.moved.get(day, moment)


def _nominal(repeat: Repeat) -> dict[date, datetime]:
    found: dict[date, datetime] = {}
    last = _last(repeat)
    # A rule that never comes round is tried until the year 9999. The calendar is the same some cycles later, where
    # that is near.
    shift = max(0, (date.max.year - _LONGEST_YEARS - repeat.start.year) // _CYCLE * _CYCLE)
    rule = _parsed(_checked(repeat.rule), _later(repeat.start, shift))
    for moment in (_later(there, -shift) for there in rule):
        if moment > last or len(found) == repeat.count:
            break
        if len(found) == MAX_OCCURRENCES:
            hint = "choose an earlier until, or split the row"
            raise RepeatError("rule", f"more than {MAX_OCCURRENCES} occurrences", hint)
        found[moment.date()] = moment
    if not found:
        raise RepeatError("rule", "no date of this rule lies between from and until", "check both")
    if repeat.count is not None and len(found) < repeat.count:
        hint = "choose a rule that comes round more often, or a smaller count"
        message = f"this rule gives only {len(found)} occurrences within {_LONGEST_YEARS} years"
        raise RepeatError("count", message, hint)
    return found


def _last(repeat: Repeat) -> datetime:
    """The last moment that counts: a rule that never comes round must end, too."""
    longest = date(min(repeat.start.year + _LONGEST_YEARS, date.max.year), 12, 31)
    until = longest if repeat.until is None else repeat.until
    if until < repeat.start.date():
        raise RepeatError("until", f"until {until} lies before from", "until is the last date that counts")
    if until > longest:
        message = f"until {until} lies more than {_LONGEST_YEARS} years after from"
        raise RepeatError("until", message, "choose an earlier date")
    return datetime.combine(until, time.max)


def _later(moment: datetime, years: int) -> datetime:
    return moment.replace(year=moment.year + years)


def _parsed(text: str, start: datetime) -> rrule:
    try:
        found = rrulestr(text, dtstart=start)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise RepeatError("rule", f"not a recurrence rule: {error}", "such as FREQ=WEEKLY;BYDAY=MO") from error
    if not isinstance(found, rrule):
        raise RepeatError("rule", "more than one rule", "one rule a row")
    return found


def _checked(rule: str) -> str:
    """The rule, once nothing in it can give a time of day, an end, or work without end."""
    text = rule.strip().removeprefix("RRULE:").upper()
    parts = text.split(";")
    names: set[str] = set()
    for part in parts if len(text) <= _LONGEST_RULE else ():
        match = _PART.fullmatch(part)
        name = match[1] if match else part.partition("=")[0]
        if name in _ENDS:
            raise RepeatError("rule", f"{name} stands outside of the rule", f"write {_ENDS[name]}: beside rule:")
        if match is None or name not in _PARTS or name in names:
            hint = f"parts such as FREQ=WEEKLY;BYDAY=MO, of {', '.join(sorted(_PARTS))}"
            raise RepeatError("rule", f"{part!r} is no part of a rule here", hint)
        if name == "FREQ" and match[2] not in _FREQUENCIES:
            raise RepeatError("rule", f"FREQ={match[2]} is not read", f"at most daily: {', '.join(_FREQUENCIES)}")
        if name == "INTERVAL" and not 1 <= _number(match[2]) <= 1000:
            raise RepeatError("rule", f"INTERVAL={match[2]} is out of range", "a whole number from 1 to 1000")
        names.add(name)
    if "FREQ" not in names:
        raise RepeatError("rule", "a rule needs FREQ", "such as FREQ=WEEKLY;BYDAY=MO")
    return text


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) <= 6 else 0
