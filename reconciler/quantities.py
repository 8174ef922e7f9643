"""Whole numbers, durations and rates as people write them: one parser each, with bounds; and counts to print."""

from __future__ import annotations

import re

MAX_INTEGER = 100_000_000
MIN_DURATION = 0.001  # seconds, of what may not be zero
MAX_DURATION = 100_000 * 86_400.0  # seconds; far below what a timedelta holds, and any date stays a date
MAX_TIMEOUT = 3600.0  # seconds for one request; no socket waits longer than 24 days
MIN_RATE, MAX_RATE = 0.001, 1_000_000.0

_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = r"([0-9]{1,18}(?:\.[0-9]{1,18})?)"
_DECIMAL = re.compile(_NUMBER, re.ASCII)
_RATE = re.compile(rf"{_NUMBER}/(s|min|h)", re.ASCII)
_DURATION = re.compile(rf"{_NUMBER}(ms|s|m|h|d)?", re.ASCII)
_RATE_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_DURATION_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHOWN = 60


def parse_integer(text: str, least: int = 0, most: int = MAX_INTEGER) -> int:
    """A whole number in plain digits, from ``least`` to ``most``.

    Raises:
        ValueError: another form (``1e3``, ``1.0``, ``1_000``, digits of other scripts), or out of bounds.
    """
    if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"{_quoted(text)} is not a whole number from {least:,} to {most:,}")
    return int(text)


def parse_number(text: str, least: float = 0.0, most: float = MAX_INTEGER) -> float:
    """A number in plain digits, with a decimal point where it has a fraction, from ``least`` to ``most``.

    Raises:
        ValueError: another form (``1e3``, ``nan``), or out of bounds.
    """
    if not _DECIMAL.fullmatch(text) or not least <= float(text) <= most:
        raise ValueError(f"{_quoted(text)} is not a number from {least:,g} to {most:,g}")
    return float(text)


def parse_duration(text: str, least: float = 0.0, most: float = MAX_DURATION) -> float:
    """``30s``, ``2m``, ``500ms``, ``1h``, ``31d`` or bare seconds, as seconds from ``least`` to ``most``.

    Raises:
        ValueError: another form, or out of bounds.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"not a duration: {_quoted(text)} (expected such as 30s, 2m or 1h)")
    seconds = float(match[1]) * _DURATION_SECONDS[match[2] or "s"]
    if not least <= seconds <= most:
        raise ValueError(f"{_quoted(text)} is not a duration from {_duration(least)} to {_duration(most)}")
    return seconds


def parse_rate(text: str) -> float | None:
    """``5/s``, ``300/min``, ``100/h`` as requests a second; ``none`` as None (no limit).

    Raises:
        ValueError: another form, or out of bounds.
    """
    if text == "none":
        return None
    match = _RATE.fullmatch(text)
    if not match or not MIN_RATE <= float(match[1]) <= MAX_RATE:
        message = f"not a rate: {_quoted(text)} (expected N/s, N/min, N/h or none, N from {MIN_RATE:g}"
        raise ValueError(f"{message} to {MAX_RATE:,.0f})")
    return float(match[1]) / _RATE_SECONDS[match[2]]


def format_count(count: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``, ``2 entries``."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{count:,} {noun}"


def _quoted(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _duration(seconds: float) -> str:
    """``31d``: the largest unit of which there is a whole number."""
    units = reversed(_DURATION_SECONDS.items())
    unit, size = next(((unit, size) for unit, size in units if seconds >= size), ("s", 1.0))
    return f"{seconds / size:,.0f}{unit}"
