"""Calling hours at their edges, and against a slow reading of the clock, minute by minute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.model import Address, Call, Schedule
from reconciler.domain.policy import WEEK, Days, Hours, Policy, Window, days_of
from reconciler.planning.guarding import candidate
from reconciler.planning.guards.base import Candidate, GuardInput
from reconciler.planning.guards.hours import check_age, check_elsewhere, check_hours, check_zone
from reconciler.planning.guards.zones import called_zones
from reconciler.source.schema.packaged import schema_text
from reconciler.source.settings.jurisdictions import jurisdictions

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LAWS = jurisdictions()


def week(**days: str) -> tuple[tuple[Window, ...], ...]:
    """``week(mon_fri="09:00-13:00 16:00-20:00")``; a day that is not named has no window."""
    found = {
        day: tuple(Window.parse(text) for text in texts.split())
        for name, texts in days.items()
        for day in days_of(name.replace("_", "-"))
    }
    return tuple(found.get(day, ()) for day in range(7))


def rings(at: str, zone: str, *, called: str | None = None, number: str | None = None) -> Candidate:
    """A scheduled call at a wall time that exists, to a contact unless there is a number."""
    local = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone))
    contact = "c" if number is None else None
    made = Call("agent", "number", contact_id=contact, to_number=number, schedule=Schedule(at, zone))
    return candidate(Address("p", "k"), made, local.astimezone(UTC), NOW, called=called)


def objections(item: Candidate, policy: Policy, now: datetime = NOW) -> list[str]:
    return [said.message for said in check_hours([item], GuardInput(now, policy))]


def own(holidays: Sequence[str] = (), blackout: Sequence[Days] = (), **days: str) -> Policy:
    return Policy(hours=Hours(week(**days), tuple(holidays), tuple(blackout)))


OFFICE = {"mon_fri": "09:00-20:00", "sat": "09:00-13:00 16:00-18:00"}


@pytest.mark.parametrize(
    ("at", "zone", "allowed"),
    [
        ("2026-06-01 08:59:59", "America/Mexico_City", False),
        ("2026-06-01 09:00:00", "America/Mexico_City", True),
        ("2026-06-01 19:59:59", "America/Mexico_City", True),
        ("2026-06-01 20:00:00", "America/Mexico_City", False),
        ("2026-06-06 12:59:59", "Europe/Madrid", True),
        ("2026-06-06 13:00:00", "Europe/Madrid", False),
        ("2026-06-06 15:59:59", "Europe/Madrid", False),
        ("2026-06-06 16:00:00", "Europe/Madrid", True),
        ("2026-06-07 12:00:00", "Europe/Madrid", False),
        ("2026-06-01 08:59:59", "Asia/Kathmandu", False),
        ("2026-06-01 09:00:00", "Asia/Kathmandu", True),
        ("2026-06-01 19:59:59", "Australia/Adelaide", True),
        ("2026-06-01 20:00:00", "Asia/Kolkata", False),
        ("2028-02-29 12:00:00", "America/Bogota", True),
        ("2026-12-31 19:59:59", "Pacific/Kiritimati", True),
        ("2026-12-31 19:59:59", "Pacific/Pago_Pago", True),
    ],
)
def test_the_edges_of_a_window(at: str, zone: str, allowed: bool) -> None:
    assert (objections(rings(at, zone), own(**OFFICE)) == []) is allowed


@pytest.mark.parametrize(
    ("instant", "zone", "days", "allowed"),
    [
        # The clocks skip 02:00 to 03:00 in New York, and show 01:00 to 02:00 twice.
        ("2026-03-08T06:59:59Z", "America/New_York", {"sun": "01:00-02:00"}, True),
        ("2026-03-08T07:00:00Z", "America/New_York", {"sun": "01:00-03:00"}, False),
        ("2026-03-08T07:00:00Z", "America/New_York", {"sun": "03:00-04:00"}, True),
        ("2026-11-01T05:30:00Z", "America/New_York", {"sun": "01:00-02:00"}, True),
        ("2026-11-01T06:30:00Z", "America/New_York", {"sun": "01:00-02:00"}, True),
        ("2026-11-01T07:00:00Z", "America/New_York", {"sun": "01:00-02:00"}, False),
        # Half an hour of summer time.
        ("2026-04-04T15:00:00Z", "Australia/Lord_Howe", {"sun": "01:30-02:00"}, True),
        ("2026-04-04T14:59:59Z", "Australia/Lord_Howe", {"sun": "01:30-02:00"}, True),
        ("2026-04-04T15:30:00Z", "Australia/Lord_Howe", {"sun": "01:30-02:00"}, False),
        # One instant, three days of the week apart by the date line.
        ("2026-06-01T10:30:00Z", "Pacific/Kiritimati", {"tue": "00:00-01:00"}, True),
        ("2026-06-01T10:30:00Z", "Etc/UTC", {"mon": "10:00-11:00"}, True),
        ("2026-06-01T10:30:00Z", "Pacific/Pago_Pago", {"sun": "23:00-24:00"}, True),
        # Samoa had no 30 December 2011: a Thursday's last second, then a Saturday.
        ("2011-12-30T09:59:59Z", "Pacific/Apia", {"thu": "00:00-24:00"}, True),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", {"fri": "00:00-24:00"}, False),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", {"sat": "00:00-24:00"}, True),
        # The week's end.
        ("2026-06-07T23:59:59Z", "Etc/UTC", {"sun": "00:00-24:00"}, True),
        ("2026-06-08T00:00:00Z", "Etc/UTC", {"sun": "00:00-24:00"}, False),
        ("2026-06-08T00:00:00Z", "Etc/UTC", {"sun_mon": "00:00-24:00"}, True),
    ],
)
def test_the_edges_of_a_day(instant: str, zone: str, days: dict[str, str], allowed: bool) -> None:
    moment = datetime.fromisoformat(instant)
    call = Call("agent", "number", contact_id="c", schedule=Schedule("unused", "Etc/UTC"))
    item = candidate(Address("p", "k"), call, moment, NOW, called=zone)
    assert (objections(item, own(**days)) == []) is allowed


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2028-02-28 23:59:59", None),
        ("2028-02-29 00:00:00", "2028-02-29 (blackout)"),
        ("2028-02-29 23:59:59", "2028-02-29 (blackout)"),
        ("2028-03-01 00:00:00", None),
        ("2026-12-30 23:59:59", None),
        ("2026-12-31 00:00:00", "2026-12-31 (blackout)"),
        ("2027-01-05 23:59:59", "2027-01-05 (blackout)"),
        ("2027-01-06 00:00:00", "2027-01-06 ("),
        ("2026-12-08 12:00:00", "2026-12-08 ("),
        ("2026-05-02 12:00:00", "2026-05-02 ("),
        ("2026-06-10 12:00:00", "2026-06-10 (policy.holidays)"),
    ],
)
def test_days_on_which_nobody_is_called(at: str, why: str | None) -> None:
    blackout = (Days(date(2028, 2, 29), date(2028, 2, 29)), Days(date(2026, 12, 31), date(2027, 1, 5)))
    policy = own(("ES", "ES-MD"), blackout, mon_sun="00:00-24:00")
    policy = replace(policy, days_off=frozenset({date(2026, 6, 10)}))
    found = objections(rings(at, "Europe/Madrid"), policy)
    said = f"it would ring at {at} Europe/Madrid; calling_hours allows no calls on {why}"
    assert [message.startswith(said) for message in found] == ([] if why is None else [True])


def test_days_off_are_no_holidays_of_a_rule_that_knows_none() -> None:
    policy = replace(own(mon_sun="00:00-24:00"), days_off=frozenset({date(2026, 6, 10)}))
    assert not objections(rings("2026-06-10 12:00:00", "Europe/Madrid"), policy)


@pytest.mark.parametrize(
    ("law", "zone", "first", "last", "closed"),
    [
        ("us-federal", "America/Los_Angeles", "2026-06-07 08:00:00", "2026-06-07 20:59:59", None),
        ("us-fl", "America/New_York", "2026-06-07 08:00:00", "2026-06-07 19:59:59", None),
        ("us-md", "America/New_York", "2026-06-07 08:00:00", "2026-06-07 19:59:59", None),
        ("us-ok", "America/Chicago", "2026-06-07 08:00:00", "2026-06-07 19:59:59", None),
        ("us-ct", "America/New_York", "2026-06-07 09:00:00", "2026-06-07 19:59:59", None),
        ("es", "Atlantic/Canary", "2026-06-05 09:00:00", "2026-06-05 20:59:59", "2026-06-06 12:00:00"),
        ("es", "Europe/Madrid", "2026-06-05 09:00:00", "2026-06-05 20:59:59", "2026-12-08 12:00:00"),
        ("co", "America/Bogota", "2026-06-05 07:00:00", "2026-06-05 18:59:59", "2026-06-07 12:00:00"),
        ("co", "America/Bogota", "2026-06-06 08:00:00", "2026-06-06 14:59:59", "2026-07-20 12:00:00"),
        (
            "cl-collections",
            "America/Santiago",
            "2026-06-06 08:00:00",
            "2026-06-06 19:59:59",
            "2026-06-07 12:00:00",
        ),
        ("mx-collections", "America/Mexico_City", "2026-06-07 07:00:00", "2026-06-07 21:59:59", None),
    ],
)
def test_the_hours_of_a_law(law: str, zone: str, first: str, last: str, closed: str | None) -> None:
    policy = Policy(jurisdictions=(LAWS[law],))
    second = timedelta(seconds=1)
    before, after = (str(datetime.fromisoformat(at) + step) for at, step in ((first, -second), (last, second)))
    assert [objections(rings(at, zone), policy) for at in (first, last)] == [[], []]
    for at in (before, after, *([closed] if closed else [])):
        [message] = objections(rings(at, zone), policy)
        assert f"{law} ({LAWS[law].citation}) allows" in message


def test_every_law_says_where_it_was_read_and_when() -> None:
    data = json.loads(
        resources.files("reconciler").joinpath("data", "jurisdictions.json").read_text(encoding="utf-8")
    )
    assert "Not legal advice" in data["notice"]
    schema = json.loads(schema_text("project"))["properties"]["policy"]["properties"]["jurisdictions"]
    assert schema["items"]["enum"] == list(data["jurisdictions"]) == list(LAWS)
    for code, item in data["jurisdictions"].items():
        assert item["source"] in {"statute", "secondary", "unverified"}
        assert code.startswith(item["country"].lower())
        assert item["citation"]
        assert date.fromisoformat(item["checked"]) <= datetime.now(UTC).date()


def test_all_laws_of_a_country_hold_and_no_others() -> None:
    both = Policy(jurisdictions=(LAWS["us-federal"], LAWS["us-fl"], LAWS["co"]))
    assert "us-fl" in objections(rings("2026-06-07 20:30:00", "America/New_York"), both)[0]
    assert not objections(rings("2026-06-07 12:00:00", "America/New_York"), both)
    assert "co (" in objections(rings("2026-06-07 12:00:00", "America/Bogota"), both)[0]


def test_a_country_without_a_rule_is_blocked_unless_hours_hold_everywhere() -> None:
    policy = Policy(jurisdictions=(LAWS["us-federal"],))
    noon = rings("2026-06-02 12:00:00", "America/Toronto")
    assert "policy.jurisdictions has no rule for CA" in objections(noon, policy)[0]
    assert not objections(noon, replace(policy, hours=Hours(week(mon_fri="09:00-20:00"))))


@pytest.mark.parametrize("zone", ["US/Eastern", "Etc/UTC"])
def test_where_the_country_is_not_known_every_law_holds(zone: str) -> None:
    policy = Policy(jurisdictions=(LAWS["us-federal"], LAWS["co"]))
    sunday, friday = (rings(f"2026-06-0{day} 12:00:00", zone, called=zone) for day in (7, 5))
    assert "co (" in objections(sunday, policy)[0]
    assert not objections(friday, policy)


def placed_at(instant: str, number: str, called: str | None = None) -> Candidate:
    """An immediate call to a number."""
    call = Call("agent", "+525512345678", to_number=number, full_name="x")
    return candidate(Address("p", "k"), call, None, datetime.fromisoformat(instant), called=called)


def test_without_a_zone_every_zone_of_the_number_must_allow_it() -> None:
    policy = own(mon_sun="09:00-20:00")
    spain = "+34600111222"
    assert [zone.key for zone in called_zones(placed_at("2026-06-01T08:00:00Z", spain))] == [
        "Atlantic/Canary",
        "Europe/Madrid",
    ]
    for instant, where in (("07:30", "Atlantic/Canary"), ("18:30", "Europe/Madrid")):
        [message] = objections(placed_at(f"2026-06-01T{instant}:00Z", spain), policy)
        assert f"{where}, one of the 2 possible time zones of the number" in message
    assert not objections(placed_at("2026-06-01T08:00:00Z", spain), policy)
    assert not objections(placed_at("2026-06-01T07:30:00Z", spain, "Europe/Madrid"), policy)


def test_a_row_that_says_where_the_person_is_wins_over_its_schedule() -> None:
    call = Call("agent", "number", contact_id="c", schedule=Schedule("unused", "Europe/Madrid"))
    item = candidate(Address("p", "k"), call, NOW, NOW, called="America/Bogota")
    assert [zone.key for zone in called_zones(item)] == ["America/Bogota"]


@pytest.mark.parametrize(
    "call",
    [
        Call("agent", "number", contact_id="c"),
        Call("agent", "number", to_number="+870773111632"),
        Call("agent", "number", to_number="no number"),
        Call("agent", "number", contact_id="c", schedule=Schedule("unused", "Nowhere/At_All")),
    ],
    ids=["contact", "satellite", "no number", "no zone"],
)
def test_a_zone_that_is_not_known_blocks(call: Call) -> None:
    item = candidate(Address("p", "k"), call, None, NOW)
    for policy in (own(mon_sun="00:00-24:00"), Policy(jurisdictions=(LAWS["es"],))):
        assert len(list(check_zone([item], GuardInput(NOW, policy)))) == 1
    assert not list(check_zone([item], GuardInput(NOW, Policy())))


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", "Etc/GMT+5", "Zulu"])
def test_nobody_lives_in_a_zone_that_is_no_place(zone: str) -> None:
    noon = "2026-06-02 12:00:00"
    assert called_zones(rings(noon, zone)) == ()
    assert [item.key for item in called_zones(rings(noon, zone, number="+525512345678"))] == [
        "America/Mexico_City"
    ]
    assert [item.key for item in called_zones(rings(noon, zone, called=zone))] == [zone]


@pytest.mark.parametrize(
    ("zone", "number", "called", "told"),
    [
        ("America/Los_Angeles", "+12125550143", None, True),
        ("America/Los_Angeles", "+12125550143", "America/Los_Angeles", False),
        ("America/New_York", "+12125550143", None, False),
        ("America/Toronto", "+12125550143", None, False),
        ("Atlantic/Canary", "+34600111222", None, False),
        ("Europe/Berlin", "+34600111222", None, False),
        ("America/Bogota", "+34600111222", None, True),
        ("America/Bogota", "+870773111632", None, False),
        ("UTC", "+34600111222", None, True),
        ("UTC", "+34600111222", "Europe/Madrid", False),
        ("America/Bogota", None, None, False),
    ],
)
def test_a_number_from_elsewhere_is_told(zone: str, number: str | None, called: str | None, told: bool) -> None:
    item = rings("2026-06-02 12:00:00", zone, number=number, called=called)
    for policy in (own(mon_sun="00:00-24:00"), Policy()):
        findings = list(check_elsewhere([item], GuardInput(NOW, policy)))
        assert [finding.address for finding in findings] == ([item.address] if told else [])


def test_rules_that_nobody_checked_for_a_year_are_told_once() -> None:
    law = LAWS["es"]
    policy = Policy(jurisdictions=(law,))
    noon = rings("2026-06-02 12:00:00", "Europe/Madrid")
    day = datetime.combine(law.checked, datetime.min.time(), UTC)
    for days, told in ((365, 0), (366, 1)):
        assert len(list(check_age([noon, noon], GuardInput(day + timedelta(days=days), policy)))) == told
    assert not list(check_age([], GuardInput(day + timedelta(days=999), policy)))


ZONES = (
    "America/New_York", "Europe/Madrid", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Etc/UTC",
    "America/St_Johns", "Africa/Casablanca", "Pacific/Pago_Pago", "America/Santiago", "Pacific/Kiritimati",
)  # fmt: skip
MINUTE = timedelta(minutes=1)


def minutes(windows: list[tuple[str, str]]) -> set[str]:
    """Every minute that a clock shows within the windows, by going through them."""
    shown: set[str] = set()
    for start, end in windows:
        hand = datetime.fromisoformat(f"2000-01-01 {start}")
        last = datetime.fromisoformat("2000-01-02" if end == "24:00" else f"2000-01-01 {end}")
        while hand < last:
            shown.add(hand.strftime("%H:%M"))
            hand += MINUTE
    return shown


def slow(moment: datetime, zone: str, allowed: list[set[str]], blackout: set[str]) -> bool:
    """What the wall clock and the calendar show at a moment, looked up."""
    local = moment.astimezone(ZoneInfo(zone))
    if local.strftime("%Y-%m-%d") in blackout:
        return False
    return local.strftime("%H:%M") in allowed[int(local.strftime("%u")) - 1]


@st.composite
def windows(draw: st.DrawFn) -> list[tuple[str, str]]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 1440), st.integers(0, 1440)), max_size=3))
    return [
        (f"{low // 60:02}:{low % 60:02}", f"{high // 60:02}:{high % 60:02}")
        for low, high in map(sorted, pairs)
        if low < high
    ]


CHANGES = ("2026-03-08T07:00", "2026-11-01T06:00", "2026-03-29T01:00", "2026-04-04T15:00", "2028-02-29T12:00",
           "2011-12-30T10:00", "2026-12-31T23:00", "2026-04-05T03:00", "2026-02-15T02:00")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    days=st.lists(windows(), min_size=7, max_size=7),
    near=st.sampled_from(CHANGES),
    away=st.integers(-3 * 86400, 3 * 86400),
    blackout=st.sets(st.dates(date(2026, 3, 1), date(2026, 4, 10)), max_size=5),
)
def test_it_says_what_the_wall_clock_shows(
    zone: str, days: list[list[tuple[str, str]]], near: str, away: int, blackout: set[date]
) -> None:
    hours = Hours(
        week=tuple(tuple(Window.parse(f"{start}-{end}") for start, end in day) for day in days),
        blackout=tuple(Days(day, day) for day in sorted(blackout)),
    )
    call = Call("agent", "number", contact_id="c")
    start = datetime.fromisoformat(f"{near}:00+00:00") + timedelta(seconds=away)
    moments = [start + number * MINUTE for number in range(90)]
    items = [
        candidate(Address("p", str(number)), call, moment, NOW, called=zone)
        for number, moment in enumerate(moments)
    ]
    blocked = {said.address for said in check_hours(items, GuardInput(NOW, Policy(hours=hours)))}
    allowed, texts = [minutes(day) for day in days], {str(day) for day in blackout}
    assert [item.address not in blocked for item in items] == [
        slow(moment, zone, allowed, texts) for moment in moments
    ]


def test_the_names_of_days() -> None:
    assert [days_of(name) for name in WEEK] == [(day,) for day in range(7)]
    assert days_of("mon-sun") == tuple(range(7))
    assert days_of("sat-mon") == (5, 6, 0)
    assert days_of("wed-wed") == (2,)
