"""The functions of formulas besides CEL's own. None of them uses a clock, a file or the network."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from reconciler.domain.times import zone_country
from reconciler.source.formulas.amounts import readings
from reconciler.source.formulas.date_functions import as_date, as_datetime, at, days, weekday, workdays
from reconciler.source.formulas.inputs import NO_INPUTS, Inputs
from reconciler.source.formulas.notations import MARKS, Notation
from reconciler.source.formulas.problem import Function, problem
from reconciler.source.formulas.result import MAX_TEXT, number_text
from reconciler.source.rows.fields import SPOILED_NUMBER
from reconciler.source.rows.phone_numbers import PhoneNumberError, parse_number
from reconciler.source.schema.wording import quoted

_ANY_REGION = "US"  # not used for numbers that start with +


def e164(text: object, region: object = None, *, inputs: Inputs = NO_INPUTS) -> str:
    """Convert a number as written in a region (``MX``) to E.164. Impossible numbers are errors.

    Without a region, it is the row's ``country``, else the country of its time zone.
    """
    if not isinstance(region, str | None) or not isinstance(text, str):
        raise problem('e164: expected a text and a region, as in e164(row.phone, "MX")')
    if not text.strip():
        raise problem("e164: the cell is empty", _without_number(text, inputs))
    if SPOILED_NUMBER.fullmatch(text.strip()):
        hint = (
            "digits were lost: format the column as text in the spreadsheet, enter the number again, and export it"
        )
        raise problem("e164: a spreadsheet program rounded this number", hint, value=text)
    if not any(map(str.isdigit, text)):
        raise problem("e164: not a phone number", _without_number(text, inputs), value=text)
    return _e164(text, _region(text, inputs) if region is None else region)


def _without_number(text: str, inputs: Inputs) -> str:
    return f'to leave out rows without a number, add to the sheet: where: {inputs.cell_of(text)}.matches("[0-9]")'


def _region(text: str, inputs: Inputs) -> str:
    """The region of a number in the row."""
    if text.strip()[:1] in {"+", "\uff0b"}:
        return _ANY_REGION
    country = inputs.text("country").strip()
    region = country.upper() if country else zone_country(inputs.text("schedule.timezone"))
    if region is None or not re.fullmatch("[A-Z]{2}", region):
        what = f"country {quoted(country)} is not a code such as MX" if country else "the row has no country"
        hint = f'write e164({inputs.cell_of(text)}, "MX"), or set country: MX in defaults'
        raise problem(f"e164: the number has no country code, and {what}", hint, value=text)
    return region


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


def money(amount: object, decimal: object = None, *, inputs: Inputs = NO_INPUTS) -> str:
    """An amount as plain text: ``$1,234.50`` is ``1234.50``, digits unchanged; a number gets two decimals.
    It also reads ``R$ 1.234,50``, ``1'234.50``, ``12,34,567.89`` and ``($1,234.50)``, which is negative.

    The column decides what a text such as ``1.234`` means, unless ``decimal`` sets the decimal mark.
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
    if len(found) == 1:
        return found[0]
    examples = inputs.examples(amount)
    marks = sorted(MARKS & examples.keys())
    if len(marks) == 1:
        return readings(amount, "." if Notation.POINT in marks else ",")[0]
    shown = (quoted(amount), *found)
    cells = ", ".join(f"{examples[mark]} {mark}" for mark in marks)
    message = "money: {} could be {} or {}, and ".format(*shown)
    message += f"its column does not show which: {cells}" if cells else "no cell of its column shows which"
    raise problem(message, f'set the decimal mark: money({inputs.cell_of(amount)}, ".")', private=shown)


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
        "datetime": as_datetime,
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
