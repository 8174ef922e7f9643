"""The functions of formulas besides CEL's own. None of them uses a clock, a file or the network."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.result import MAX_TEXT, number_text
from reconciler.source.rows.fields import SPOILED_NUMBER
from reconciler.source.rows.phone_numbers import PhoneNumberError, parse_number
from reconciler.source.schema.wording import quoted

_ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?", re.ASCII)
_PART = re.compile(r"YYYY|YY|MM|DD")
_PATTERNS = {"YYYY": r"(?P<y>\d{4})", "YY": r"(?P<s>\d{2})", "MM": r"(?P<m>\d{1,2})", "DD": r"(?P<d>\d{1,2})"}
_MAX_DAYS = 100_000
_MAX_WORKDAYS = 10_000
_SATURDAY = 5

Function = Callable[..., object]


def problem(message: str, hint: str | None = None, *, value: object = None) -> FormulaProblem:
    """A problem of an evaluation. ``value`` is shown after the message, and is private."""
    if value is None:
        return FormulaProblem("E705", message, hint)
    shown = quoted(value) if isinstance(value, str) else repr(value)
    return FormulaProblem("E705", f"{message}: {shown}", hint, private=(shown,))


def as_date(text: object, form: object = None) -> datetime:
    """``date(text)`` reads ``2026-06-15``, optionally with a time of day; ``date(text, "DD/MM/YYYY")`` that
    form."""
    if isinstance(text, datetime):
        return datetime.combine(text.date(), datetime.min.time(), UTC)
    if not isinstance(text, str):
        raise problem("date: expected text", value=text)
    trimmed = text.strip()
    if not trimmed:
        raise problem("date: the cell is empty")
    hint = 'write 2026-06-15, or specify the format: date(row.due, "DD/MM/YYYY")'
    if form is None:
        match = _ISO_DATE.fullmatch(trimmed)
        if match is None:
            raise problem("date: not a date", hint, value=text)
        return _midnight(match[1], text)
    if not isinstance(form, str) or set(_PART.findall(form)) not in ({"YYYY", "MM", "DD"}, {"YY", "MM", "DD"}):
        raise problem("date: the format needs YYYY, MM and DD once each", 'write a format such as "DD/MM/YYYY"')
    match = _form(form).fullmatch(trimmed)
    if match is None:
        raise problem(f"date: not in the format {form}", hint, value=text)
    parts = match.groupdict()
    year = parts.get("y") or f"20{parts['s']}"
    return _midnight(f"{year}-{parts['m']:0>2}-{parts['d']:0>2}", text)


@lru_cache(maxsize=64)
def _form(form: str) -> re.Pattern[str]:
    pieces = _PART.split(form)
    names = [_PATTERNS[name] for name in _PART.findall(form)]
    pattern = re.escape(pieces[0]) + "".join(
        name + re.escape(piece) for name, piece in zip(names, pieces[1:], strict=True)
    )
    return re.compile(pattern, re.ASCII)


def _midnight(iso: str, text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(iso), datetime.min.time(), UTC)
    except ValueError as error:
        raise problem("date: there is no such day", value=text) from error


def days(count: object) -> timedelta:
    """``date(row.due) - days(3)``"""
    if isinstance(count, bool) or not isinstance(count, int) or abs(count) > _MAX_DAYS:
        raise problem("days: expected a whole number", "for a cell, write days(int(row.n))", value=count)
    return timedelta(days=count)


def workdays(holidays: frozenset[date]) -> Function:
    """``workdays(date, n)``: n working days later, or earlier if n is negative; 0 is the day itself."""

    def move(start: object, count: object) -> datetime:
        if isinstance(count, bool) or not isinstance(count, int) or abs(count) > _MAX_WORKDAYS:
            raise problem("workdays: expected a whole number of days", value=count)
        day, left, step = as_date(start), abs(count), timedelta(days=1 if count > 0 else -1)
        try:
            while left:
                day += step
                if day.weekday() < _SATURDAY and day.date() not in holidays:
                    left -= 1
        except OverflowError as error:
            raise problem("workdays: the result is out of range") from error
        return day

    return move


def at(day: object, clock: object) -> str:
    """``at(date, "10:00")`` is a wall time for schedule.at."""
    match = _CLOCK.fullmatch(clock.strip()) if isinstance(clock, str) else None
    if match is None:
        raise problem("at: expected a time of day such as 10:00", value=clock)
    return f"{as_date(day).date().isoformat()} {match[1]}:{match[2]}:{match[3] or '00'}"


def weekday(day: object) -> int:
    """1 is Monday, 7 is Sunday."""
    return as_date(day).isoweekday()


def e164(text: object, region: object) -> str:
    """Convert a number as written in a region (``MX``) to E.164. Impossible numbers are errors."""
    if not isinstance(region, str) or not isinstance(text, str):
        raise problem('e164: expected a text and a region, as in e164(row.phone, "MX")')
    if not text.strip():
        raise problem("e164: the cell is empty")
    if SPOILED_NUMBER.fullmatch(text.strip()):
        hint = (
            "digits were lost: format the column as text in the spreadsheet, enter the number again, and export it"
        )
        raise problem("e164: a spreadsheet program rounded this number", hint, value=text)
    return _e164(text, region)


@lru_cache(maxsize=65536)
def _e164(text: str, region: str) -> str:
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise problem(f"e164: {region!r} is not a region", "write two capital letters such as MX, US or ES")
    try:
        number = parse_number(text, region)
    except PhoneNumberError as error:
        raise problem(f"e164: {error}", error.hint, value=text) from error
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def money(amount: object, decimal: object = None) -> str:
    """An amount as plain text: ``$1,234.50`` is ``1234.50``, digits unchanged; a number gets two decimals.
    It also reads ``R$ 1.234,50``, ``1'234.50``, ``12,34,567.89`` and ``($1,234.50)``, which is negative.

    ``money(text, ",")`` sets the decimal mark, for texts such as ``1.234`` that have two interpretations.
    """
    if isinstance(amount, int | float) and not isinstance(amount, bool):
        exact = Decimal(number_text(amount))
        return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP)) if abs(exact) < 10**15 else number_text(amount)
    if not isinstance(amount, str):
        raise problem("money: expected a text or a number", value=amount)
    if decimal not in {None, ".", ","}:
        raise problem('money: the decimal mark must be "." or ","')
    found = readings(amount, None if decimal is None else str(decimal))
    if not found:
        raise problem("money: not an amount", value=amount)
    if len(found) > 1:
        shown = (quoted(amount), *found)
        message = "money: {} could be {} or {}".format(*shown)
        raise FormulaProblem("E705", message, 'specify the decimal mark: money(row.amount, ".")', private=shown)
    return found[0]


def coalesce(*texts: object) -> object:
    """The first argument that is not empty. The engine cannot return a date where any type is possible."""
    if any(isinstance(text, datetime | timedelta) for text in texts):
        raise problem("coalesce: expected texts or numbers", "for a date, write date(coalesce(row.a, row.b))")
    return next((text for text in texts if text is not None and text != ""), "")


def slug(text: object) -> str:
    """Lowercase letters, digits and dashes, for keys: ``Peña & Cía`` is ``pena-cia``."""
    if not isinstance(text, str):
        raise problem("slug: expected text", value=text)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _text_function(name: str, change: Callable[[str], str]) -> Function:
    def function(text: object) -> str:
        if not isinstance(text, str):
            raise problem(f"{name}: expected text", value=text)
        return change(text)

    return function


def replace(text: object, old: object, new: object) -> str:
    """``row.name.replace("a", "b")``"""
    if not isinstance(text, str) or not isinstance(old, str) or not isinstance(new, str):
        raise problem("replace: expected texts")
    if len(text) + text.count(old) * len(new) > MAX_TEXT:
        raise problem("replace: the result is too long")
    return text.replace(old, new)


def library(holidays: frozenset[date], lookup: Function) -> Mapping[str, Function]:
    """All functions by name."""
    return {
        "date": as_date,
        "days": days,
        "workdays": workdays(holidays),
        "at": at,
        "weekday": weekday,
        "e164": e164,
        "money": money,
        "coalesce": coalesce,
        "slug": slug,
        "trim": _text_function("trim", str.strip),
        "lower": _text_function("lower", str.lower),
        "upper": _text_function("upper", str.upper),
        "replace": replace,
        "lookup": lookup,
    }
