"""The progress of a call at a given moment: a pure function of its id, its times and the clock.

The statuses are the documented ones (page list-calls). The API returns no ring time, nor does ``CallProgress``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

STATUSES = frozenset(
    {
        "in-progress",
        "completed",
        "no-answer",
        "failed",
        "in-queue",
        "incomplete",
        "busy",
        "answering-machine",
        "scheduled",
        "voice_mail",
    }
)
RESULTS = frozenset({"answered", "voicemail", "no_answer", "busy", "failed"})

DIALLING = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class CallProgress:
    """The status of a call. ``duration`` is in seconds; what has not happened yet is None."""

    status: str
    result: str | None = None
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class _Ending:
    """How calls end: ``share`` of them in percent, after ``shortest`` to ``longest`` seconds."""

    share: int
    status: str
    result: str
    reason: str
    shortest: int
    longest: int
    talks: bool


_ENDINGS = (
    _Ending(70, "completed", "answered", "user_hangup", 20, 180, True),
    _Ending(12, "no-answer", "no_answer", "dial_no_answer", 25, 30, False),
    _Ending(8, "voice_mail", "voicemail", "voicemail_reached", 10, 30, True),
    _Ending(6, "busy", "busy", "dial_busy", 3, 5, False),
    _Ending(4, "failed", "failed", "dial_failed", 1, 2, False),
)


def observe(call_id: str, rings_at: datetime, now: datetime, *, scheduled: bool) -> CallProgress:
    """The progress of a call at ``now``. The same id always ends the same way."""
    if now < rings_at:
        return CallProgress("scheduled" if scheduled else "in-queue")
    started_at = rings_at + DIALLING
    if now < started_at:
        return CallProgress("in-queue")
    ending, seconds = _ending(call_id)
    finished_at = started_at + timedelta(seconds=seconds)
    if now < finished_at:
        return CallProgress("in-progress", started_at=started_at)
    duration = seconds if ending.talks else 0
    return CallProgress(ending.status, ending.result, ending.reason, started_at, finished_at, duration)


def _ending(call_id: str) -> tuple[_Ending, int]:
    """How the call with that id ends, and after how many seconds."""
    number = int.from_bytes(sha256(call_id.encode()).digest()[:8])
    percent = number % 100
    for ending in _ENDINGS:
        if percent < ending.share:
            break
        percent -= ending.share
    return ending, ending.shortest + number // 100 % (ending.longest - ending.shortest + 1)
