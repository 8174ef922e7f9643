"""This machine's clock beside the service's, which each answer tells in its ``Date`` (RFC 9110, 6.6.1)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from reconciler.domain.times import tell_instant

MOST_SKEW = 60.0  # seconds
SET_CLOCK = "set this machine's clock (timedatectl set-ntp true), or ask whoever runs the service"

# Counts a machine's sleep too: CLOCK_MONOTONIC stands still in it on Linux (clock_gettime(2)), and not on macOS.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment, those that the machine slept through included."""
    return time.clock_gettime(_CLOCK)


def read_date(value: str) -> datetime | None:
    """A date as HTTP headers have it (RFC 9110, 5.6.7); None where it is none, whatever the service wrote."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The service's ``date`` (whole seconds, rounded down), and when it was asked and answered, by ``elapsed``."""

    date: float
    asked: float
    answered: float


class ServiceClock:
    """The service's time since its latest answer, told by what has elapsed and not by this machine's clock.

    So a clock of this machine that is set while a run is at work is noticed before the next request.
    """

    def __init__(self) -> None:
        self._latest: _Answer | None = None

    @property
    def known(self) -> bool:
        return self._latest is not None

    def observe(self, date: str, asked: float, answered: float) -> None:
        """The ``Date`` header of an answer. One that is none is passed over."""
        moment = read_date(date)
        if moment is not None:
            self._latest = _Answer(moment.timestamp(), asked, answered)

    def problem(self, now: datetime) -> str | None:
        """Why nothing may be sent at ``now``: it is more than a minute away from the service's time, whenever
        between question and answer the service looked at its clock.
        """
        if self._latest is None:
            return None
        passed, ours = elapsed(), now.timestamp()
        earliest = self._latest.date + passed - self._latest.answered
        latest = self._latest.date + 1 + passed - self._latest.asked
        if earliest - MOST_SKEW <= ours <= latest + MOST_SKEW:
            return None
        theirs = datetime.fromtimestamp(earliest, UTC)
        return (
            f"this machine's clock says {tell_instant(now)} and the service's {tell_instant(theirs)}: they are "
            "more than a minute apart. Nothing is sent"
        )
