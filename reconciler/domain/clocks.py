"""The clocks of this machine, and their comparison with the service's ``Date`` header (RFC 9110, 6.6.1)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from reconciler.domain.times import format_utc

MOST_SKEW = 60.0  # seconds
SET_CLOCK = "set this machine's clock (timedatectl set-ntp true), or contact the operator of the service"

# Includes the time that the machine sleeps. CLOCK_MONOTONIC does so on macOS, but not on Linux (clock_gettime(2)).
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since an arbitrary moment, including the time that the machine slept."""
    return time.clock_gettime(_CLOCK)


def read_date(value: str) -> datetime | None:
    """Parse the date of an HTTP header (RFC 9110, 5.6.7); None if it is not a date."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


class Clock(Protocol):
    """The machine's clocks: the time of day, which may be set, and a stopwatch, which only moves forward."""

    def now(self) -> datetime:
        """The current time, always aware and in UTC."""
        ...

    def elapsed(self) -> float:
        """Seconds since an arbitrary moment, including the time that the machine slept."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    """The service's ``date`` (whole seconds, rounded down), and the times of request and answer by ``elapsed``."""

    date: float
    asked: float
    answered: float


class ServiceClock:
    """The service's current time: its latest answer plus elapsed time, independent of this machine's clock.

    So if this machine's clock is set during a run, that is detected before the next request. ``elapsed`` is the
    stopwatch that measures the time since an answer, in seconds (``Clock.elapsed``).
    """

    def __init__(self, elapsed: Callable[[], float] = elapsed) -> None:
        self.elapsed = elapsed
        self._latest: _Answer | None = None

    @property
    def is_known(self) -> bool:
        return self._latest is not None

    def observe(self, date: str, asked: float, answered: float) -> None:
        """Record the ``Date`` header of an answer. An invalid one is ignored."""
        moment = read_date(date)
        if moment is not None:
            self._latest = _Answer(moment.timestamp(), asked, answered)

    def problem(self, now: datetime) -> str | None:
        """Why nothing may be sent at ``now``, or None: ``now`` is more than a minute away from the service's time.

        The service read its clock at some moment between request and answer; all of them are allowed for.
        """
        if self._latest is None:
            return None
        passed, ours = self.elapsed(), now.timestamp()
        earliest = self._latest.date + passed - self._latest.answered
        latest = self._latest.date + 1 + passed - self._latest.asked
        if earliest - MOST_SKEW <= ours <= latest + MOST_SKEW:
            return None
        theirs = datetime.fromtimestamp(earliest, UTC)
        return (
            f"this machine's clock shows {format_utc(now)} and the service's shows {format_utc(theirs)}: they "
            "are more than a minute apart. Nothing is sent"
        )
