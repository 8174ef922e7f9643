"""How often one person is called: cases at the edges, and an oracle that counts in the slowest way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.domain.model import Entry, Status
from reconciler.domain.people import People
from reconciler.domain.policy import PersonLimits, Policy
from reconciler.domain.times import zone
from reconciler.planning.guards.base import Candidate
from reconciler.planning.guards.frequency import check_days_and_weeks, check_gap, check_overlap
from reconciler.planning.guards.zones import EVERYWHERE
from tests.conftest import contact
from tests.planning.guards import at, keys, known, scene, wanted

SAMOA, KATHMANDU, BEIRUT, MADRID = "Pacific/Apia", "Asia/Kathmandu", "Asia/Beirut", "Europe/Madrid"


def limits(**members: object) -> Policy:
    return Policy(per_person=PersonLimits(**members))  # type: ignore[arg-type]


DAY = limits(per_day=1)
WEEK = limits(per_week=1)


def crowded(policy: Policy, *walls: str, zone_name: str = "America/Mexico_City") -> list[str]:
    """Which of the calls, named by their number, are too many."""
    calls = [wanted(str(number), at(wall, zone_name), zone_name=zone_name) for number, wall in enumerate(walls)]
    return keys(check_days_and_weeks(calls, scene(policy)))


@pytest.mark.parametrize(
    ("policy", "first", "second", "zone_name", "blocked"),
    [
        pytest.param(DAY, "2031-06-02 00:00", "2031-06-02 23:59:59", "America/Mexico_City", True, id="one day"),
        pytest.param(DAY, "2031-06-02 23:59:59", "2031-06-03 00:00", "America/Mexico_City", False, id="midnight"),
        pytest.param(DAY, "2031-06-02 17:59", "2031-06-02 18:01", "America/Mexico_City", True, id="UTC midnight"),
        pytest.param(DAY, "2028-02-29 09:00", "2028-02-29 21:00", MADRID, True, id="leap day"),
        pytest.param(DAY, "2028-02-29 09:00", "2028-03-01 09:00", MADRID, False, id="after the leap day"),
        pytest.param(DAY, "2031-10-26 00:30", "2031-10-26 23:45", MADRID, True, id="a day of 25 hours"),
        pytest.param(DAY, "2031-03-30 00:00", "2031-03-30 23:59", MADRID, True, id="a day of 23 hours"),
        pytest.param(DAY, "2031-03-29 23:59", "2031-03-30 00:01", MADRID, False, id="before a day of 23 hours"),
        pytest.param(DAY, "2031-06-02 00:10", "2031-06-02 23:50", KATHMANDU, True, id="a zone of 5:45"),
        pytest.param(DAY, "2031-06-02 23:50", "2031-06-03 00:10", KATHMANDU, False, id="midnight at 18:15 UTC"),
        pytest.param(DAY, "2011-12-29 12:00", "2011-12-31 12:00", SAMOA, False, id="over the day Samoa left out"),
        pytest.param(DAY, "2022-03-27 01:00", "2022-03-27 23:00", BEIRUT, True, id="a day without its midnight"),
        pytest.param(WEEK, "2031-06-02 00:00", "2031-06-08 23:59:59", MADRID, True, id="Monday to Sunday"),
        pytest.param(WEEK, "2031-06-08 23:59:59", "2031-06-09 00:00", MADRID, False, id="Sunday and Monday"),
        pytest.param(WEEK, "2030-12-30 12:00", "2031-01-05 12:00", MADRID, True, id="a week of two years"),
        pytest.param(WEEK, "2027-01-03 12:00", "2027-01-04 12:00", MADRID, False, id="week 53 and week 1"),
        pytest.param(WEEK, "2025-01-01 12:00", "2026-01-01 12:00", MADRID, False, id="the same week of two years"),
    ],
)
def test_two_calls(policy: Policy, first: str, second: str, zone_name: str, blocked: bool) -> None:
    assert crowded(policy, first, second, zone_name=zone_name) == (["1"] if blocked else [])


def test_who_rings_first_keeps_the_place_whatever_the_order_of_the_files() -> None:
    assert crowded(DAY, "2031-06-02 12:00", "2031-06-02 09:00", "2031-06-02 10:00") == ["2", "0"]
    assert crowded(DAY, "2031-06-02 12:00", "2031-06-02 12:00") == ["1"]  # a tie: by address


def test_what_is_blocked_takes_no_place() -> None:
    # The second is too many for its day, so that the third still has its place in the week.
    policy = limits(per_day=1, per_week=2)
    assert crowded(policy, "2031-06-02 09:00", "2031-06-02 10:00", "2031-06-03 09:00", "2031-06-04 09:00") == [
        "1",
        "3",
    ]


@pytest.mark.parametrize(
    ("status", "stopped", "counts"),
    [
        (Status.PLACED, None, True),
        (Status.ADOPTED, None, True),
        (Status.UNCERTAIN, None, True),
        (Status.INTENDED, None, True),
        (Status.FAILED, None, False),
        (Status.RULED_OUT, None, False),
        (Status.MISSED, None, False),
        (Status.PLACED, at("2031-06-02 08:00"), False),
        (Status.PLACED, at("2031-06-02 11:00"), True),  # it rang before somebody stopped it
    ],
)
def test_which_calls_of_the_state_count(status: Status, stopped: datetime | None, counts: bool) -> None:
    entry = known("old", at("2031-06-02 10:00"), status=status, stopped=stopped)
    found = list(check_days_and_weeks([wanted("new", at("2031-06-02 18:00"))], scene(DAY, [entry])))
    assert keys(found) == (["new"] if counts else [])


def test_the_message_is_in_the_persons_time_and_names_the_other_calls_but_nobody() -> None:
    entries = [known(f"old-{number}", at(f"2031-06-02 {number:02}:00")) for number in range(8, 13)]
    policy = limits(per_day=5)
    (found,) = check_days_and_weeks([wanted("new", at("2031-06-02 18:00"))], scene(policy, entries))
    assert found.message == (
        "it would ring at 2031-06-02 18:00 America/Mexico_City, call 6 to this person in one day; "
        "per_person.per_day allows 5. Other calls: may/old-8, may/old-9, may/old-10 and 2 more"
    )


def test_a_contact_and_its_number_are_one_person() -> None:
    people = People(numbers={contact(1): "+525512345678"})
    calls = [wanted("a", at("2031-06-02 09:00"), 1), wanted("b", at("2031-06-02 10:00"), "+525512345678")]
    assert keys(check_days_and_weeks(calls, scene(DAY, people=people))) == ["b"]
    assert keys(check_days_and_weeks(calls, scene(DAY))) == []
    old = known("old", at("2031-06-02 08:00"), "+5215512345678")  # as it was written before 2019
    assert keys(check_days_and_weeks(calls, scene(DAY, [old], people))) == ["a", "b"]


def test_without_a_zone_any_day_may_be_the_persons() -> None:
    now = datetime(2031, 6, 2, 12, tzinfo=UTC)
    for hours, blocked in ((23.5, True), (24, False)):
        old = known("old", now - timedelta(hours=hours))
        found = list(check_days_and_weeks([wanted("new", now, zone_name=None)], scene(DAY, [old])))
        assert keys(found) == (["new"] if blocked else [])
    assert {clock.utcoffset(None) for clock in EVERYWHERE} >= {timedelta(hours=-12), timedelta(hours=14)}


def test_the_end_of_the_calendar() -> None:
    last = datetime(9999, 12, 31, 23, 50, tzinfo=UTC)
    calls = [wanted("a", last, zone_name=None), wanted("b", last, zone_name=None)]
    assert keys(check_days_and_weeks(calls, scene(DAY))) == ["b"]


@pytest.mark.parametrize(
    ("minutes", "blocked"), [(239, True), (240, False), (241, False), (-239, True), (-240, False), (0, True)]
)
def test_the_gap(minutes: int, blocked: bool) -> None:
    moment = at("2031-06-02 12:00")
    old = known("old", moment)
    new = wanted("new", moment + timedelta(minutes=minutes))
    assert keys(check_gap([new], scene(limits(min_gap=timedelta(hours=4)), [old]))) == (["new"] if blocked else [])


def test_the_gap_is_elapsed_time_also_where_clocks_change() -> None:
    calls = [wanted("a", at("2031-03-30 01:00", MADRID), zone_name=MADRID)]
    calls += [wanted("b", at("2031-03-30 05:00", MADRID), zone_name=MADRID)]  # three hours later
    assert keys(check_gap(calls, scene(limits(min_gap=timedelta(hours=3, seconds=1))))) == ["b"]
    assert keys(check_gap(calls, scene(limits(min_gap=timedelta(hours=3))))) == []


def test_a_gap_that_a_blocked_call_would_break_is_open() -> None:
    calls = [wanted(str(hour), at(f"2031-06-02 {hour}:00")) for hour in (10, 12, 14)]
    assert keys(check_gap(calls, scene(limits(min_gap=timedelta(hours=4))))) == ["12"]


def test_two_keys_for_one_person_and_time_overlap() -> None:
    moment = at("2031-06-02 12:00")
    calls = [wanted("a", moment), wanted("b", moment), wanted("c", moment + timedelta(minutes=4))]
    found = list(check_overlap([*calls, wanted("d", moment + timedelta(minutes=5))], scene(limits())))
    assert keys(found) == ["b", "c"]
    assert found[0].message == (
        "it would ring at 2031-06-02 12:00 America/Mexico_City, at the same moment as june/a to the same person; "
        "the calls may overlap: per_person.call_length is 5 min"
    )
    assert "4 min after june/a" in found[1].message
    assert not list(check_overlap(calls, scene(Policy())))


ZONES = ("America/Mexico_City", MADRID, KATHMANDU, SAMOA, "America/St_Johns", "Asia/Beirut", None)
MOMENTS = st.integers(0, 60 * 24 * 16).map(
    lambda minutes: datetime(2031, 3, 24, tzinfo=UTC) + timedelta(minutes=minutes)
)
PERSONS = st.sampled_from([1, 2, "+525512345678"])


@st.composite
def campaigns(draw: st.DrawFn) -> tuple[list[Candidate], list[Entry]]:
    rows = draw(st.lists(st.tuples(MOMENTS, PERSONS, st.sampled_from(ZONES)), max_size=10))
    old = draw(st.lists(st.tuples(MOMENTS, PERSONS, st.sampled_from(Status)), max_size=10))
    calls = [wanted(f"r{number}", moment, person, name) for number, (moment, person, name) in enumerate(rows)]
    return calls, [known(f"e{number}", *entry) for number, entry in enumerate(old)]


def clocks_of(item: Candidate) -> Sequence[tzinfo]:
    named = item.call.schedule.timezone if item.call.schedule else None
    found = zone(named or ("America/Mexico_City" if item.call.to_number else ""))  # +52 55 is there
    return [found] if found else EVERYWHERE


def counted(entries: Sequence[Entry]) -> list[tuple[datetime, str]]:
    counting = {Status.PLACED, Status.ADOPTED, Status.UNCERTAIN, Status.INTENDED, Status.SENT}
    return [(entry.rings_at, entry.call.target) for entry in entries if entry.status in counting]


def oracle(calls: list[Candidate], entries: list[Entry], per_day: int, per_week: int) -> list[str]:
    """One call after the other against all others, on each clock."""
    placed, blocked = counted(entries), []
    for item in sorted(calls, key=lambda one: (one.rings_at, one.address)):
        too_many = False
        for clock in clocks_of(item):
            mine = item.rings_at.astimezone(clock)
            others = [moment.astimezone(clock) for moment, person in placed if person == item.call.target]
            same_day = [other for other in others if other.date() == mine.date()]
            monday = mine.date() - timedelta(days=mine.weekday())
            same_week = [other for other in others if 0 <= (other.date() - monday).days < 7]
            too_many = too_many or len(same_day) >= per_day or len(same_week) >= per_week
        if too_many:
            blocked.append(item.address.key)
        else:
            placed.append((item.rings_at, item.call.target))
    return blocked


@given(campaigns(), st.integers(1, 3), st.integers(1, 4))
def test_days_and_weeks_are_what_a_slow_count_finds(
    campaign: tuple[list[Candidate], list[Entry]], per_day: int, per_week: int
) -> None:
    calls, entries = campaign
    found = keys(check_days_and_weeks(calls, scene(limits(per_day=per_day, per_week=per_week), entries)))
    assert found == oracle(calls, entries, per_day, per_week)


@given(campaigns(), st.integers(1, 60 * 72).map(lambda minutes: timedelta(minutes=minutes)))
def test_gaps_are_what_a_slow_comparison_finds(
    campaign: tuple[list[Candidate], list[Entry]], gap: timedelta
) -> None:
    calls, entries = campaign
    placed, blocked = counted(entries), []
    for item in sorted(calls, key=lambda one: (one.rings_at, one.address)):
        if any(person == item.call.target and abs(moment - item.rings_at) < gap for moment, person in placed):
            blocked.append(item.address.key)
        else:
            placed.append((item.rings_at, item.call.target))
    assert keys(check_gap(calls, scene(limits(min_gap=gap), entries))) == blocked
