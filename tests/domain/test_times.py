"""Instants, wall times and zones, and the hours that clocks skip or show twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain import times
from reconciler.domain.times import Fold, Gap
from reconciler.quantities import parse_duration, parse_rate


def located(at: str, name: str) -> datetime | Gap | Fold:
    zone = times.zone(name)
    assert zone is not None
    return times.locate(times.parse_wall(at), zone)


@pytest.mark.parametrize(
    ("at", "zone", "instant"),
    [
        ("2026-06-15 14:30:00", "America/Mexico_City", "2026-06-15T20:30:00Z"),
        ("2026-06-15 14:30", "Asia/Kathmandu", "2026-06-15T08:45:00Z"),
        ("2026-06-15T14:30:00", "Pacific/Kiritimati", "2026-06-15T00:30:00Z"),
        ("2028-02-29 12:00:00", "UTC", "2028-02-29T12:00:00Z"),
    ],
)
def test_a_wall_time_has_one_instant(at: str, zone: str, instant: str) -> None:
    found = located(at, zone)
    assert isinstance(found, datetime)
    assert times.format_instant(found) == instant
    assert times.scheduled_instant(at, zone) == found


@pytest.mark.parametrize(
    ("at", "zone", "before", "after"),
    [
        ("2026-03-08 02:30:00", "America/New_York", "2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"),
        ("2026-03-29 02:30:00", "Europe/Madrid", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"),
        ("2026-10-04 02:15:00", "Australia/Lord_Howe", "2026-10-03T15:15:00Z", "2026-10-03T15:45:00Z"),
        ("2011-12-30 12:00:00", "Pacific/Apia", "2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"),
    ],
)
def test_a_skipped_time_has_two_readings(at: str, zone: str, before: str, after: str) -> None:
    found = located(at, zone)
    assert isinstance(found, Gap)
    assert (times.format_instant(found.before), times.format_instant(found.after)) == (before, after)
    with pytest.raises(ValueError, match="not one instant"):
        times.scheduled_instant(at, zone)


@pytest.mark.parametrize(
    ("at", "zone", "first", "second"),
    [
        ("2026-11-01 01:30:00", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ("2026-10-25 02:30:00", "Europe/Madrid", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("2026-04-05 01:45:00", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"),
    ],
)
def test_a_repeated_time_has_two_instants(at: str, zone: str, first: str, second: str) -> None:
    found = located(at, zone)
    assert isinstance(found, Fold)
    assert (times.format_instant(found.first), times.format_instant(found.second)) == (first, second)


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
)
def test_every_instant_is_found_from_its_wall_time(moment: datetime, name: str) -> None:
    instant = moment.replace(tzinfo=UTC)
    zone = times.zone(name)
    assert zone is not None
    wall = instant.astimezone(zone).replace(tzinfo=None)
    found = times.locate(wall, zone)
    assert instant in ((found.first, found.second) if isinstance(found, Fold) else (found,))


@pytest.mark.parametrize(
    "name", ["", "Nowhere", "america/mexico_city", "../etc/passwd", "EST5EDT ", "America", "Factory"]
)
def test_only_exact_zone_names_count(name: str) -> None:
    assert times.zone(name) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-15",
        "2026-06-15 24:00:00",
        "2026-02-29 10:00",
        "2026-6-15 10:00",
        "15/06/2026 10:00",
        "٢٠٢٦-06-15 10:00",
    ],
)
def test_other_wall_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        times.parse_wall(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-06-15T14:30:00Z", "2026-06-15T14:30:00Z"),
        ("2026-06-15t14:30:00.5-06:00", "2026-06-15T20:30:00.500000Z"),
        ("2026-06-15 14:30:00+05:45", "2026-06-15T08:45:00Z"),
    ],
)
def test_instants(text: str, instant: str) -> None:
    assert times.format_instant(times.parse_instant(text)) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-15T14:30:00",
        "2026-06-15",
        "2026-06-15T14:30Z",
        "0001-01-01T00:00:00+23:59",
        "2026-13-01T00:00:00Z",
    ],
)
def test_other_instants_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        times.parse_instant(text)


def test_when_a_call_rings() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert times.ring_time(None, None, now) == now
    assert times.ring_time(None, 1.5, now) == now + timedelta(seconds=90)
    assert times.ring_time(now + timedelta(days=1), None, now) == now + timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "rate"), [("5/s", 5), ("300/min", 5), ("1800/h", 0.5), ("0.5/s", 0.5), ("none", None)]
)
def test_rates(text: str, rate: float | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "5", "0/s", "-1/s", "5/d", "fast", "5 /s", "1e3/s", "\u0665/s"])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(text)


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("30s", 30), ("2m", 120), ("1h", 3600), ("500ms", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
