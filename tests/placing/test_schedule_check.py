"""What the answer about the first scheduled call proves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.domain.facts import Verdict
from reconciler.domain.model import Address
from reconciler.domain.service import RemoteCall
from reconciler.placing.schedule_check import CLOSE, QUEUED, _CheckCall, judge

RINGS = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CHECKED = _CheckCall(Address("june", "a"), "call-1", RINGS)


@pytest.mark.parametrize(
    ("status", "started", "now", "verdict"),
    [
        ("scheduled", None, RINGS - 4 * CLOSE, Verdict.PROVED),
        ("in-queue", None, RINGS - CLOSE - SECOND, Verdict.REFUTED),
        ("in-queue", None, RINGS - CLOSE, Verdict.PENDING),
        ("in-queue", None, RINGS + QUEUED - SECOND, Verdict.PENDING),
        ("in-queue", None, RINGS + QUEUED, Verdict.REFUTED),
        ("completed", RINGS - CLOSE - SECOND, RINGS + CLOSE, Verdict.REFUTED),
        ("completed", RINGS - CLOSE, RINGS - SECOND, Verdict.PENDING),
        ("completed", RINGS - CLOSE, RINGS, None),
        ("completed", RINGS + CLOSE, RINGS, None),
        ("completed", RINGS + CLOSE + SECOND, RINGS, Verdict.PENDING),
        ("completed", RINGS + SECOND, RINGS + QUEUED, None),
        ("completed", RINGS + 9 * QUEUED, RINGS + QUEUED, Verdict.REFUTED),
    ],
)
def test_an_answer_proves_what_it_shows(
    status: str, started: datetime | None, now: datetime, verdict: Verdict | None
) -> None:
    found = RemoteCall("call-1", status, RINGS - 9 * CLOSE, started_at=started)
    assert judge(CHECKED, found, now) is verdict
