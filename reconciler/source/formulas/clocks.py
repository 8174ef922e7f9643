"""Parse times of day as people and spreadsheets write them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import lru_cache

_DAY = 86_400  # seconds
# 10:30, 10:30:15, 10h30, 10 h, 10:30 hs, 9:30 am, 9 p. m.
_HALF = r"\s*[ap]\.?\s?m\.?"
CLOCK = (
    r"[0-9]{1,2}(?:"
    rf":[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]+)?)?(?:{_HALF}|\s*(?:h|hs|hrs)\.?)?"
    r"|\s?h\s?(?:[0-9]{2}(?:\s?m(?:in)?)?)?|\s?(?:hs|hrs)\.?"
    rf"|{_HALF})"
)
_CLOCK = re.compile(CLOCK)
_DIGITS = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"0?[.,]([0-9]+)")
_CERTAIN_DIGITS = 5  # decimals of a fraction that tell seconds apart
_EXACT = Decimal("0.0625")  # of a day: fractions with fewer decimals that are exact times, such as 0.375
_STORED = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")  # as workbooks store a time
_NOON = 12
_FIRST_WAKING_HOUR = 7  # 7:00 without a.m. or p.m. is in the morning
_FIRST_CERTAIN_HOUR = 9  # 9:00 is never 21:00 in a list of calls


@dataclass(frozen=True, slots=True)
class ClockText:
    """A time of day. ``says_half``: the text says a.m. or p.m. ``typed``: it is as people type it: ``9:30``."""

    time: time
    says_half: bool = False
    typed: bool = False

    @property
    def is_early(self) -> bool:
        """Whether the text may mean the afternoon, if its writer counts 12 hours: ``3:00``, but not ``9:30``."""
        return self.typed and 1 <= self.time.hour < _FIRST_CERTAIN_HOUR

    @property
    def is_night(self) -> bool:
        """Whether it is an hour of the night that many people write for the afternoon: ``1:00``, ``01:00:00``."""
        return not self.says_half and 1 <= self.time.hour < _FIRST_WAKING_HOUR


@lru_cache(maxsize=8192)
def parse_clock(text: str) -> ClockText | None:
    """The time of day; None if the text is not one, such as ``0.4``, a fraction of a day with too few digits."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    fraction = _FRACTION.fullmatch(plain)
    if fraction is not None:
        return _of_fraction(Decimal(f"0.{fraction[1]}"), len(fraction[1]))
    if _CLOCK.fullmatch(plain) is None:
        return None
    hour, minute, second = (*map(int, _DIGITS.findall(plain)[:3]), 0, 0)[:3]
    half = re.search(r"([ap])\.?\s?m\.?$", plain) if "h" not in plain else None
    if half is not None:
        if not 1 <= hour <= _NOON:
            return None
        hour = hour % _NOON + (_NOON if half[1] == "p" else 0)
    try:
        clock = time(hour, minute, second)
    except ValueError:
        return None
    typed = half is None and _STORED.fullmatch(plain) is None and "h" not in plain
    return ClockText(clock, says_half=half is not None, typed=typed)


def _of_fraction(fraction: Decimal, digits: int) -> ClockText | None:
    """A time as spreadsheets store it: a fraction of a day, rounded to the second."""
    if digits < _CERTAIN_DIGITS and fraction % _EXACT:
        return None
    seconds = int((fraction * _DAY).to_integral_value())
    if not 0 < seconds < _DAY:
        return None
    return ClockText(time(seconds // 3600, seconds // 60 % 60, seconds % 60))
