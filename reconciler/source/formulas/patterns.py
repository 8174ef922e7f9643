"""The formats that ``date(text, format)`` and ``datetime(text, format)`` take, such as ``DD/MM/YYYY HH:mm``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache

from reconciler.source.formulas.dates import MONTHS, without_accents

# The parts of a format, as in Moment.js and its successors: what they are, and their pattern. All other letters
# are written in brackets: DD [de] MMMM.
_PARTS = {
    "YYYY": ("year", "[0-9]{4}"),
    "YY": ("year", "[0-9]{2}"),
    "MMMM": ("month", r"[a-z]+\.?"),
    "MMM": ("month", r"[a-z]+\.?"),
    "MM": ("month", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{1,2}"),
    "hh": ("hour", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "ss": ("second", "[0-9]{2}"),
    "A": ("half", r"[ap]\.?\s?m\.?"),
}
_DATE = frozenset({"year", "month", "day"})
_CLOCK = frozenset({"hour", "minute", "second", "half"})
_PART = re.compile(rf"\[([^\]]*)\]|({'|'.join(_PARTS)})|(.)", re.DOTALL)
_NOON = 12


class FormatError(ValueError):
    """Why a format is invalid."""


@dataclass(frozen=True, slots=True)
class DateAndTime:
    """A date, a time of day, or both, as a text has them."""

    day: date | None
    clock: time | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A format. ``has_date`` and ``has_clock`` say what its texts contain."""

    regex: re.Pattern[str]
    has_date: bool
    has_clock: bool

    def match(self, text: str) -> DateAndTime | None:
        """The moment in a text; None if it does not have the format, or there is no such day or time."""
        match = self.regex.fullmatch(without_accents(text))
        if match is None:
            return None
        parts = match.groupdict()
        try:
            return DateAndTime(
                day=_day(parts) if self.has_date else None, clock=_clock(parts) if self.has_clock else None
            )
        except (KeyError, ValueError):
            return None


@lru_cache(maxsize=64)
def compile_pattern(form: str) -> Pattern:
    """Compile a format.

    Raises:
        FormatError: it has an unknown part, one part twice, or not the parts of a date or of a time.
    """
    tokens = _PART.findall(form)
    names = [name for _, name, _ in tokens if name]
    used = frozenset(_PARTS[name][0] for name in names)
    if len(used) < len(names):
        raise FormatError("a part occurs twice")
    if not used or (used & _DATE and not used >= _DATE):
        raise FormatError("a date needs YYYY, MM and DD")
    if used & _CLOCK and ("hour" not in used or ("hh" in names) is not ("half" in used)):
        raise FormatError("a time needs HH, or hh and A (a.m. or p.m.)")
    regex = ""
    for index, (literal, name, char) in enumerate(tokens):
        if name:
            group, pattern = _PARTS[name]
            beside = [
                other for _, other, _ in (*tokens[max(index - 1, 0) : index], *tokens[index + 1 : index + 2])
            ]
            # 1112026 has two meanings in DDMMYYYY, if a part may have one digit.
            regex += f"(?P<{group}>{pattern.replace('{1,2}', '{2}') if any(beside) else pattern})"
        elif char.isalpha() or char == "%":
            raise FormatError(f"unknown part {char!r}")
        else:
            regex += r"\s+" if char.isspace() else re.escape(without_accents(literal) or char)
    return Pattern(re.compile(regex), has_date=bool(used & _DATE), has_clock=bool(used & _CLOCK))


def _day(parts: dict[str, str]) -> date:
    year, month = parts["year"], parts["month"]
    return date(
        int(year) if len(year) == 4 else 2000 + int(year),
        int(month) if month.isdigit() else MONTHS[month.rstrip(".")],
        int(parts["day"]),
    )


def _clock(parts: dict[str, str]) -> time:
    hour, half = int(parts["hour"]), parts.get("half")
    if half is not None:
        if not 1 <= hour <= _NOON:
            raise ValueError(hour)
        hour = hour % _NOON + (_NOON if half.startswith("p") else 0)
    return time(hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))
