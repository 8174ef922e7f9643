"""What every form shows of a call: whom, when and the chosen field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.domain.masking import mask_call
from reconciler.domain.model import Call, Schedule
from reconciler.domain.times import UNKNOWN_TIME
from reconciler.render.subject import Display, Subject

AGENT = "7c1e1f0a-2b3c-4d5e-8f90-a1b2c3d4e5f6"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RINGS = datetime(2026, 6, 15, 16, tzinfo=UTC)
DISPLAY = Display(now=NOW, show="additional_data.amount", aliases={AGENT: "collections", "+525512345678": "main"})
CALL = Call(
    agent=f"agent-{AGENT.upper()}",
    sender="+525512345678",
    to_number="+525587654321",
    full_name="Ana Ríos",
    schedule=Schedule("2026-06-15 10:00:00", "America/Mexico_City"),
    additional_data={"amount": "140.50"},
)


def test_a_call_is_described_by_name_local_time_and_the_chosen_field() -> None:
    shown = DISPLAY.subject(CALL, RINGS)
    assert (shown.person, shown.target) == ("Ana Ríos", "+525587654321")
    assert (shown.rings, shown.zone, shown.place) == ("Mon 15 Jun 10:00", "America/Mexico_City", "Mexico City")
    assert (shown.value, DISPLAY.heading) == ("140.50", "amount")
    assert (shown.agent, shown.sender) == ("collections", "main")


def test_a_masked_call_is_described_by_its_masked_number() -> None:
    shown = DISPLAY.subject(mask_call(CALL), RINGS)
    assert (shown.person, shown.value) == ("+***21", "***")
    assert (shown.rings, shown.agent) == ("Mon 15 Jun 10:00", "collections")


@pytest.mark.parametrize(
    ("call", "rings_at", "rings"),
    [
        (CALL, UNKNOWN_TIME, "at an unknown time"),
        (CALL, datetime(2027, 1, 1, 16, tzinfo=UTC), "Fri 1 Jan 2027 10:00"),
        (Call(agent="a", sender="+525512345678", contact_id="c"), None, "at once"),
        (Call(agent="a", sender="+525512345678", contact_id="c", delay_minutes=30), None, "after 30 min"),
    ],
)
def test_the_time_is_in_words(call: Call, rings_at: datetime | None, rings: str) -> None:
    assert DISPLAY.subject(call, rings_at).rings == rings


def test_what_is_not_known_is_empty() -> None:
    assert DISPLAY.subject(None, None) == Subject()
    assert Display(now=NOW).subject(CALL, RINGS).value == ""
    assert Display(now=NOW).heading == ""
    assert Display(now=NOW).subject(CALL, RINGS).sender == "+525512345678"
