"""The token bucket on a clock that the test moves: never above the rate, and back to it after throttling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.placing.rate_limiter import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drive(pacer: RateLimiter, clock: Clock, seconds: float, limit: float | None = None) -> tuple[int, int]:
    """Send whatever is granted, as a service with a limit of its own sees it: accepted and throttled requests."""
    end, accepted, throttled = clock.now + seconds, 0, 0
    allowance, seen = 1.0, clock.now
    while clock.now < end:
        for _ in range(min(pacer.available(), 8)):
            pacer.take(1)
            if limit is not None:
                allowance, seen = min(limit, allowance + (clock.now - seen) * limit), clock.now
                if allowance < 1:
                    throttled += 1
                    pacer.throttled(None)
                    continue
                allowance -= 1
            accepted += 1
        clock.now += max(pacer.wait(), 0.002)
    return accepted, throttled


@pytest.mark.parametrize("rate", [0.5, 1.0, 5.0, 20.0, 250.0])
def test_the_rate_is_used_and_not_exceeded(rate: float) -> None:
    clock = Clock()
    sent, _ = drive(RateLimiter(rate, clock), clock, 40)
    assert 0.95 * rate * 40 <= sent <= rate * 40 + 1 + rate * 0.1


@given(st.lists(st.floats(0, 3), max_size=40), st.floats(0.2, 50))
def test_no_second_holds_more_than_the_rate_and_a_burst(gaps: list[float], rate: float) -> None:
    clock = Clock()
    pacer = RateLimiter(rate, clock)
    sent: list[float] = []
    for gap in gaps:
        clock.now += gap
        count = pacer.available()
        pacer.take(count)
        sent += [clock.now] * count
    for start in sent:
        inside = [moment for moment in sent if start <= moment < start + 1]
        assert len(inside) <= rate + max(1.0, rate * 0.1) + 1


def test_without_a_limit_everything_may_leave_until_the_service_throttles() -> None:
    clock = Clock()
    pacer = RateLimiter(None, clock)
    assert pacer.available() > 1000
    pacer.take(40)
    pacer.throttled(2.0)
    assert pacer.available() == 0
    assert pacer.wait() == pytest.approx(2.0)
    clock.now += 2.0
    assert pacer.rate == pytest.approx(36.8, rel=0.1)
    assert pacer.available() >= 1


def test_throttling_in_one_moment_counts_once() -> None:
    clock = Clock()
    pacer = RateLimiter(10.0, clock)
    for _ in range(100):
        clock.now += pacer.wait()
        pacer.take(1)
    for _ in range(8):
        pacer.throttled(None)
    assert pacer.rate == pytest.approx(9.2, rel=0.1)


def test_the_rate_comes_back() -> None:
    clock = Clock()
    pacer = RateLimiter(10.0, clock)
    drive(pacer, clock, 5)
    pacer.throttled(None)
    drive(pacer, clock, 60)
    assert pacer.rate == pytest.approx(10.0)


@pytest.mark.parametrize("asked", [None, 20.0, 200.0])
def test_a_limit_that_nobody_told_is_found_and_used(asked: float | None) -> None:
    clock = Clock()
    pacer = RateLimiter(asked, clock)
    drive(pacer, clock, 10, limit=20.0)
    accepted, throttled = drive(pacer, clock, 120, limit=20.0)
    assert accepted >= 0.9 * 20 * 120
    assert throttled <= 0.02 * (accepted + throttled)


@pytest.mark.parametrize("rate", [None, 5.0])
@pytest.mark.parametrize("hours", [1, 2, 1000])
def test_a_long_suspension_after_throttling_ends_the_slow_rate(rate: float | None, hours: int) -> None:
    """The machine was suspended, so much time passes between two looks at the clock."""
    clock = Clock()
    pacer = RateLimiter(rate, clock)
    pacer.take(1)
    pacer.throttled(2.0)
    for _ in range(3):
        clock.now += hours * 3600
        assert pacer.available() >= 1
    assert pacer.rate is not None
    assert pacer.rate == rate if rate else pacer.rate > 1
