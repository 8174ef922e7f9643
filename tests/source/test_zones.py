"""Zones are places; what is none gets places with the meant offset, and never the opposite sign."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain import times
from reconciler.source.rows.zones import is_place, zone_problem

SUMMER, WINTER = datetime(2031, 7, 1, 10), datetime(2031, 1, 15, 10)
PLACE = re.compile(r"[A-Z][A-Za-z_]+(?:/[A-Za-z_-]+){1,2}")


@pytest.mark.parametrize("name", ["America/Mexico_City", "US/Eastern", "Europe/Kyiv", "Japan", "UTC"])
def test_places_and_utc_are_taken(name: str) -> None:
    assert is_place(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Etc/UTC",
            "Etc/GMT-6",
            "Etc/GMT",
            "GMT",
            "GMT0",
            "GMT+0",
            "EST",
            "MST",
            "HST",
            "EST5EDT",
            "MST7MDT",
            "CET",
        ),
        *(
            "WET",
            "EET",
            "MET",
            "Zulu",
            "UCT",
            "Universal",
            "Greenwich",
            "utc",
            "Factory",
            "",
            "GMT-6",
            "UTC+05:30",
        ),
    ],
)
def test_what_is_no_place_is_refused_and_never_hinted(name: str) -> None:
    assert not is_place(name)
    assert "Etc/" not in zone_problem(name, SUMMER)[1]


def test_every_zone_of_the_database_is_a_place_or_gets_a_hint() -> None:
    for name in times.zone_names():
        assert is_place(name) or zone_problem(name, SUMMER)[1]


@given(
    st.sampled_from(["GMT", "UTC", "utc", "Gmt", ""]),
    st.sampled_from(["+", "-"]),
    st.integers(0, 14),
    st.sampled_from(["", ":00", ":30", ":45", "00", "30"]),
    st.sampled_from([SUMMER, WINTER, None]),
)
def test_the_places_of_an_offset_have_it_now_and_then(
    start: str, sign: str, hours: int, minutes: str, at: datetime | None
) -> None:
    meant = timedelta(hours=hours, minutes=int(minutes.strip(":") or 0)) * (1 if sign == "+" else -1)
    check(f"{start}{sign}{hours:02}{minutes}", meant, at)


@pytest.mark.parametrize("hours", [*range(-14, 0), *range(1, 13)])
def test_the_sign_of_etc_is_the_other_one(hours: int) -> None:
    check(f"Etc/GMT{hours:+d}", timedelta(hours=-hours), SUMMER)


def check(name: str, meant: timedelta, at: datetime | None) -> None:
    message, hint = zone_problem(name, at)
    assert repr(name) in message
    now = datetime.now(UTC).replace(tzinfo=None)
    for place in PLACE.findall(hint):
        for moment in (now, at or now):
            assert moment.replace(tzinfo=times.zone(place)).utcoffset() == meant, (name, place, moment)
    have = {
        place
        for place in times.zone_names()
        if is_place(place)
        and times.zone_country(place)
        and all(moment.replace(tzinfo=times.zone(place)).utcoffset() == meant for moment in (now, at or now))
    }
    assert bool(PLACE.findall(hint)) == bool(have)


@pytest.mark.parametrize("name", ["EST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "HST", "CET", "WET"])
@pytest.mark.parametrize("at", [SUMMER, WINTER])
def test_the_places_of_an_old_name_show_what_it_shows(name: str, at: datetime) -> None:
    places = PLACE.findall(zone_problem(name, at)[1])
    assert places
    for place in places:
        for moment in (at, datetime.now(UTC).replace(tzinfo=None)):
            shown = [moment.replace(tzinfo=times.zone(zone)).utcoffset() for zone in (name, place)]
            assert shown[0] == shown[1], (place, moment)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("GMT-6", "America/Mexico_City"),
        ("Etc/GMT-6", "Asia/Dhaka"),
        ("EST5EDT", "America/New_York"),
        ("PST", "America/Los_Angeles"),
        ("CET", "Europe/Madrid"),
        ("cst", "Asia/Shanghai"),
        ("america/mexico city", "America/Mexico_City"),
        ("Bogotá", "America/Bogota"),
        ("Europe/Mdrid", "Europe/Madrid"),
        ("mexico", "America/Mexico_City"),
    ],
)
def test_the_place_that_is_meant_is_named(name: str, place: str) -> None:
    assert place in zone_problem(name, SUMMER)[1]
