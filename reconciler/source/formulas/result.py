"""Convert a formula's result to text, in the same way on every machine."""

from __future__ import annotations

import math
from datetime import datetime, time
from decimal import Decimal

from reconciler.domain.times import format_instant
from reconciler.source.formulas.problem import FormulaProblem

MAX_TEXT = 10_000


def to_text(value: object, *, instant: bool = False) -> str:
    """The text of a cell; empty for null.

    A number has up to 15 digits, as in spreadsheets, and no exponent: ``0.1 + 0.2`` is ``0.3``. A date is
    ``2026-06-15``. A timestamp with a time of day is RFC 3339 in UTC; so is midnight if ``instant`` is set.

    Raises:
        FormulaProblem: the result is a list, a map or of another unsupported type, or too long.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise FormulaProblem(
                "E705", f"the result has {len(value):,} characters; at most {MAX_TEXT:,} are allowed"
            )
        if "\0" in value:
            raise FormulaProblem("E705", "the result contains a NUL character")
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() and not instant else format_instant(value)
    kind = "a map" if isinstance(value, dict) else "a list" if isinstance(value, list) else type(value).__name__
    hint = "select one column of the lookup's result, such as .id" if isinstance(value, dict) else None
    raise FormulaProblem("E705", f"the result is {kind}; expected text, a number or a date", hint)


def number_text(value: float) -> str:
    """Up to 15 digits, without exponent and trailing zeros."""
    if not math.isfinite(value):
        raise FormulaProblem("E705", f"the result is {value}, which is not a number")
    text = format(Decimal(format(value, ".15g")), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
