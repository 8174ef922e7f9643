"""Number formats of workbooks: recognise date formats, and apply the common formats.

ECMA-376 part 1, 18.8.30 (built-in formats) and 18.8.31 (format codes). Only formats that do not depend on the
language are supported. For others the functions return None, so that the caller can warn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

GENERAL = "General"
BUILT_IN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "*m/d/yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "*m/d/yyyy h:mm", 37: "#,##0 ;(#,##0)",
    38: "#,##0 ;[Red](#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;[Red](#,##0.00)", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mmss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_EAST_ASIAN_DATES = frozenset({*range(27, 37), *range(50, 59)})
UNKNOWN = "[?]"  # an unknown built-in format
# The parts of a code: quoted text, an escaped character, padding, a fill, a bracket, anything else.
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_(.)|\*(.)|\[([^\]]*)\]|(General|AM/PM|A/P|y+|m+|d+|h+|s+|.)',
    re.IGNORECASE | re.DOTALL,
)
# A currency and a language. F800 and F400 stand for the system's formats.
_CURRENCY = re.compile(r"\$([^-]*)(?:-(?!F[48]00)(?:[0-9A-F]{1,4}|[A-Z]{2,3}-[A-Z]{2}))?", re.IGNORECASE)
_COLOURS = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|color ?\d+", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_PLACES = re.compile(r"([#0,]*[#0])(?:\.(0*))?")
_DATE_LETTERS = frozenset("ymdhs")


def built_in(number: int) -> str:
    """The code of a built-in format, which a workbook refers to by number."""
    return BUILT_IN.get(number, "*yyyy/m/d" if number in _EAST_ASIAN_DATES else UNKNOWN)


@dataclass(frozen=True, slots=True)
class FormatToken:
    """A part of a format code. ``kind`` is ``text`` (literal), ``code`` (a letter or mark), ``elapsed`` or
    ``other``."""

    kind: str
    text: str


@lru_cache(maxsize=1024)
def sections(code: str) -> tuple[tuple[FormatToken, ...], ...]:
    """The sections of a format code: for positive numbers, negative ones, zero, and texts."""
    found: list[list[FormatToken]] = [[]]
    for quoted, escaped, pad, fill, bracket, rest in _TOKEN.findall(code):
        if rest == ";":
            found.append([])
        elif bracket:
            found[-1].extend(_bracket(bracket))
        elif quoted or escaped:
            found[-1].append(FormatToken("text", quoted or escaped))
        elif pad or fill:
            continue  # only for alignment
        elif rest:
            found[-1].append(FormatToken("code", rest))
    return tuple(map(tuple, found))


def _bracket(text: str) -> list[FormatToken]:
    currency = _CURRENCY.fullmatch(text)
    if currency is not None:
        return [FormatToken("text", currency[1])] if currency[1] else []
    if _COLOURS.fullmatch(text):
        return []
    return [FormatToken("elapsed" if _ELAPSED.fullmatch(text) else "other", text)]


@lru_cache(maxsize=1024)
def is_date(code: str) -> bool:
    """Whether the format shows a number as a date or a time."""
    return any(
        token.kind == "elapsed" or (token.kind == "code" and token.text[0].lower() in _DATE_LETTERS)
        for token in sections(code)[0]
        if token.text != GENERAL
    )


@lru_cache(maxsize=1024)
def is_elapsed(code: str) -> bool:
    """Whether the format shows a duration: ``[h]:mm``."""
    return any(token.kind == "elapsed" for token in sections(code)[0])


def shown_number(value: Decimal, code: str) -> str | None:
    """A number in the format; None if the format is not supported."""
    parts = sections(code)
    if len(parts) > 4 or any(token.kind in {"other", "elapsed"} for part in parts for token in part):
        return None
    if value < 0 and len(parts) > 1:
        return _in_section(-value, parts[1])
    if value == 0 and len(parts) > 2:
        return _in_section(value, parts[2])
    text = _in_section(abs(value), parts[0])
    negative = value < 0 and text is not None and any(char in "123456789" for char in text)
    return f"-{text}" if negative else text


def _in_section(value: Decimal, tokens: tuple[FormatToken, ...]) -> str | None:
    """Format ``value``, which must not be negative, in one section. The section contains the signs."""
    before: list[str] = []
    places, after = "", ""
    tokens = _without_blanks(tokens)
    percent = sum(token.kind == "code" and token.text == "%" for token in tokens)
    for token in tokens:
        if token.kind == "code" and token.text in "#0,.":
            if after:
                return None  # digits on both sides of a text, as in phone numbers
            places += token.text
            continue
        if token.kind == "code" and token.text not in "%$€£¥+-() /:":
            return None
        if places:
            after += token.text
        else:
            before.append(token.text)
    number = _digits(value * 100**percent, places) if places else ""
    return None if number is None else f"{''.join(before)}{number}{after}".strip()


def _without_blanks(tokens: tuple[FormatToken, ...]) -> tuple[FormatToken, ...]:
    """Remove every ``?`` in a section without digits, where it is only for alignment."""
    if any(token.kind == "code" and token.text in "#0" for token in tokens):
        return tokens
    return tuple(token for token in tokens if token != FormatToken("code", "?"))


def shows_text_as_it_is(code: str) -> bool:
    """Whether the format shows a text unchanged."""
    last = sections(code)[-1]
    if FormatToken("code", "@") not in last:
        return len(sections(code)) < 4
    return all(token == FormatToken("code", "@") for token in last)


def _digits(value: Decimal, places: str) -> str | None:
    match = _PLACES.fullmatch(places)
    if match is None or (places.endswith(".") and not match[2]):
        return None
    whole, fraction = match[1], match[2] or ""
    grouped = "," in whole
    if "0#" in whole.replace(",", "") or (grouped and not re.fullmatch(r"[#0]+,[#0]{3}", whole)):
        return None
    least = whole.count("0")
    with localcontext(prec=400):
        rounded = value.quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_UP)
    digits, _, rest = format(rounded, "f").partition(".")
    digits = digits.lstrip("0").rjust(least, "0")
    if grouped:
        digits = f"{int(digits):,}" if digits and not digits.startswith("0") else digits
        if len(digits) > 3 and "," not in digits:
            return None
    return f"{digits}.{rest}" if rest else digits


def shown_date(value: datetime, code: str) -> str | None:
    """A date or time in the format; None if it is not supported, or depends on the language."""
    if code.startswith("*"):  # in BUILT_IN: depends on the system's language
        return None
    tokens = sections(code)[0]
    letters = [token.text.lower() if token.kind == "code" else "" for token in tokens]
    clock = [text for text in letters if text and (text[0] in "hs" or text in {"am/pm", "a/p"})]
    twelve = "am/pm" in clock
    text = ""
    for index, token in enumerate(tokens):
        if token.kind == "text":
            text += token.text
        elif token.kind != "code":
            return None
        else:
            shown = _date_part(value, letters, index, twelve=twelve)
            if shown is None:
                return None
            text += shown
    return text.strip()


def _date_part(value: datetime, letters: list[str], index: int, *, twelve: bool) -> str | None:
    letter = letters[index]
    if letter[0] == "m" and len(letter) <= 2 and _is_minute(letters, index):
        return f"{value.minute:0{len(letter)}d}"
    hour = (value.hour + 11) % 12 + 1 if twelve else value.hour
    if letter in {"mmm", "mmmm"}:
        return None  # the month's name depends on the language
    forms = {
        "yyyy": f"{value.year:04d}", "yy": f"{value.year % 100:02d}", "mm": f"{value.month:02d}",
        "m": str(value.month), "dd": f"{value.day:02d}", "d": str(value.day), "hh": f"{hour:02d}", "h": str(hour),
        "ss": f"{value.second:02d}", "s": str(value.second), "am/pm": "AM" if value.hour < 12 else "PM",
    }  # fmt: skip
    if letter in forms:
        return forms[letter]
    return letter if letter in "-/.: ," else None


def _is_minute(letters: list[str], index: int) -> bool:
    """``m`` after hours or before seconds means minutes (18.8.31)."""
    marks = [text for text in letters[:index] if text and text[0] in _DATE_LETTERS]
    ahead = [text for text in letters[index + 1 :] if text and text[0] in _DATE_LETTERS]
    return bool((marks and marks[-1][0] == "h") or (ahead and ahead[0][0] == "s"))


@lru_cache(maxsize=1024)
def has_day(code: str) -> bool:
    """Whether the format shows a day or a year, which a time of day does not have."""
    return any(token.kind == "code" and token.text[0].lower() in "yd" for token in sections(code)[0])
