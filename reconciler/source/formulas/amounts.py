"""Parse amounts of money as people write them, if there is exactly one interpretation."""

from __future__ import annotations

import re
import unicodedata

# Symbols of the currencies of the Americas, ISO 4217 codes, and $ for every currency sign.
_SYMBOL = r"(?:[A-Z]{0,3}\$U?|[A-Z]{3}|S/\.?|B/\.?|Bs\.?|Gs\.?|[QL])"
_AMOUNT = re.compile(
    rf"(?P<minus>-?) ?(?:{_SYMBOL} ?){{0,2}}(?P<minus_inside>-?)(?P<number>[0-9][0-9.,' ]*?) ?(?:{_SYMBOL})?",
    re.ASCII,
)
_GROUPED = {mark: re.compile(rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+", re.ASCII) for mark in ",.' "}
_INDIAN = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}", re.ASCII)


def readings(text: str, decimal: str | None) -> list[str]:
    """Each plain number that an amount may stand for, with its digits unchanged; empty if it is not an amount.

    ``decimal`` is the decimal mark, ``.`` or ``,``; None if it is not known.
    """
    match = _AMOUNT.fullmatch(_plain(text))
    if match is None or (match["minus"] and match["minus_inside"]):
        return []
    marks = (decimal,) if decimal else (".", ",")
    found = [
        _without_decimals(match["number"], decimal),
        *(_with_decimals(match["number"], mark) for mark in marks),
    ]
    minus = match["minus"] or match["minus_inside"]
    return [f"{minus}{number}" for number in dict.fromkeys(found) if number is not None]


def _plain(text: str) -> str:
    """Normalize: a minus for parentheses, ``$`` for every currency sign, plain spaces and apostrophes."""
    plain = text.strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1].strip()}"
    plain = plain.replace("\u2019", "'").replace("\u2212", "-")
    return "".join(
        " " if char.isspace() else "$" if unicodedata.category(char) == "Sc" else char for char in plain
    )


def _without_decimals(number: str, decimal: str | None) -> str | None:
    """Digits alone or in groups; ``12,34,567`` is grouped as in India."""
    if number.isdigit():
        return number
    grouped = any(mark != decimal and pattern.fullmatch(number) for mark, pattern in _GROUPED.items())
    if grouped or (decimal != "," and _INDIAN.fullmatch(number)):
        return re.sub(r"[^0-9]", "", number)
    return None


def _with_decimals(number: str, decimal: str) -> str | None:
    whole, mark, fraction = number.rpartition(decimal)
    plain = _without_decimals(whole, decimal) if mark and fraction.isdigit() else None
    return None if plain is None else f"{plain}.{fraction}"
