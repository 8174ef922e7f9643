"""The counts, the rate and the time left of a running apply."""

from __future__ import annotations

from reconciler.cli.progress import Pace
from reconciler.domain.events import Event, EventKind
from reconciler.domain.model import Address


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def event(kind: EventKind, number: int = 1) -> Event:
    return Event(kind, Address("june", f"inv-{number}"))


def test_counts_then_rate_then_time_left() -> None:
    clock = Clock()
    pace = Pace(300, clock)
    assert pace.describe() == ""
    assert pace.add(event(EventKind.PLACED))
    assert pace.describe() == "1 placed", "too early for a rate"
    clock.now += 6
    for number in range(2, 30):
        pace.add(event(EventKind.PLACED, number))
    pace.add(event(EventKind.FAILED, 30))
    assert pace.describe() == "29 placed, 1 failed; 5.0/s, 54 s left"
    clock.now += 600
    assert pace.describe() == "29 placed, 1 failed; 3.0/min, 90 min left"


def test_what_was_found_again_is_no_longer_uncertain_and_no_more_work() -> None:
    clock = Clock()
    pace = Pace(2, clock)
    assert pace.add(event(EventKind.UNCERTAIN))
    assert not pace.add(event(EventKind.ADOPTED)), "it was counted when it was sent"
    clock.now += 2
    pace.add(event(EventKind.NOT_SENT, 2))
    assert (pace.done, pace.describe()) == (2, "1 placed, 1 adopted, 1 not sent; 1.0/s")


def test_a_few_minutes_left() -> None:
    clock = Clock()
    pace = Pace(1300, clock)
    clock.now += 10
    for number in range(50):
        pace.add(event(EventKind.PLACED, number))
    assert pace.describe().endswith("5.0/s, 4 min left")
