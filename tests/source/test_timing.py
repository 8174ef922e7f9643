"""A schedule's instant is found by its hour, and is the one that is found without."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.domain import times
from reconciler.domain.model import Schedule
from reconciler.source.rows.timing import set_time

ZONES = st.sampled_from(
    [
        "America/Mexico_City",
        "Europe/Madrid",
        "America/Santiago",
        "Australia/Lord_Howe",  # its clocks change by half an hour
        "Asia/Kathmandu",
        "Africa/Monrovia",  # 44 minutes and 30 seconds behind UTC until 1972
        "Pacific/Apia",  # a day that was skipped
        "UTC",
    ]
)
NEAR_CHANGES = st.sampled_from(
    [
        datetime(2031, 3, 30, 2),
        datetime(2031, 10, 26, 2),
        datetime(2031, 4, 6, 2),
        datetime(2031, 10, 5, 2),
        datetime(1972, 1, 7),
        datetime(2011, 12, 30),
        datetime(2031, 4, 5, 23),
        datetime(2031, 9, 7),
        datetime(1970, 1, 3),
        datetime(9000, 12, 30),
    ]
)
AROUND = st.builds(
    lambda day, seconds: day + timedelta(seconds=seconds), NEAR_CHANGES, st.integers(-86_400, 86_400)
)
WRITTEN = st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"])


@given(AROUND, ZONES, WRITTEN)
@example(datetime(2031, 4, 6, 1, 45), "Australia/Lord_Howe", "%Y-%m-%d %H:%M:%S")
def test_the_same_as_without_its_hour(wall: datetime, zone: str, written: str) -> None:
    at = wall.strftime(written).rjust(len("2031-06-15 14:30") + (":%S" in written) * 3, "0")
    found = times.zone(zone)
    assert found is not None
    read = times.parse_wall(at)
    try:
        instant = times.locate(read, found)
    except OverflowError:
        instant = None
    expected = (Schedule(times.format_wall(read), zone), instant) if isinstance(instant, datetime) else None
    assert set_time(at, zone) == expected


@pytest.mark.parametrize(
    "at",
    [
        "2031-06-15 14", "2031-06-15 14:60:00", "2031-06-15 24:00:00", "2031-06-31 14:30:00", "2031-06-15 14:3",
        "2031-06-15 14:30:00Z", "2031-06-15  14:30:0", "2031-06-15 14.30.00", "2031/06/15 14:30:00", "", "now",
        "2031-06-15 1\u0664:30:00", "2031-06-15 14:30:0\u0660",
    ],
)  # fmt: skip
def test_what_is_no_time_has_none(at: str) -> None:
    assert set_time(at, "UTC") is None
    assert set_time("2031-06-15 14:30:00", at) is None
