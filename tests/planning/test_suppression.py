"""Suppression lists: who is on one, who may be, and how old it is."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.domain.model import Location
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile, person
from reconciler.domain.policy import Policy
from reconciler.planning.guards.suppression import check_age, check_listed, check_similar
from reconciler.source.rows.phone_numbers import judge_number
from tests.conftest import contact
from tests.planning.guards import NOW, keys, scene, wanted

FILE = SuppressionFile(ListFile("dnc.csv", Location("reconciler.yaml", 7, 3)), date(2031, 5, 1))
CALLS = [wanted("contact", NOW, 1), wanted("other", NOW, 2), wanted("number", NOW, "+525512345678")]


def listed(*persons: str, numbers_only: bool = False, numbers: dict[str, str] | None = None) -> list[str]:
    found = Suppressed(FILE, frozenset(map(person, persons)), numbers_only)
    return keys(check_listed(CALLS, scene(Policy(), people=People((found,), numbers or {}))))


def test_a_number_and_a_contact() -> None:
    assert listed(contact(1)) == ["contact"]
    assert listed(contact(1).upper()) == ["contact"]
    assert listed("+525512345678", "+14155552671") == ["number"]
    assert listed("+5215512345678") == ["number"]
    assert listed() == []


def test_a_contact_is_known_by_its_number_too() -> None:
    assert listed("+14155552671", numbers={contact(1): "+14155552671"}) == ["contact"]
    assert listed(contact(1), numbers={contact(1): "+14155552671"}) == ["contact"]


def test_a_contact_whose_number_nobody_knows_may_be_on_a_list_of_numbers() -> None:
    assert listed("+14155552671", numbers_only=True) == ["contact", "other"]
    numbers = {contact(1): "+14155552671", contact(2): "+14155552672"}
    assert listed("+14155552671", numbers_only=True, numbers=numbers) == ["contact"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+521551234567", "+521551234567"),  # a digit short: another number
        ("+14155552671", "+14155552671"),
        ("contact-C1D2E3F4-a5b6-7890-cdef-000000000001", "c1d2e3f4-a5b6-7890-cdef-000000000001"),
    ],
)
def test_the_one_form_of_a_person(text: str, same: str) -> None:
    assert person(text) == same


@pytest.mark.parametrize(("seconds", "old"), [(0, False), (1, True)])
def test_the_age_of_a_list(seconds: int, old: bool) -> None:
    now = datetime(2031, 6, 1, tzinfo=UTC) + timedelta(seconds=seconds)  # 31 days after the list
    found = list(check_age(CALLS, scene(Policy(), people=People((Suppressed(FILE),)), now=now)))
    assert [item.address for item in found] == ([None] if old else [])
    if old:
        assert found[0].message == (
            "the suppression list dnc.csv (reconciler.yaml:7) is from 2031-05-01 and may be at most 31 d old: "
            "download it again and update as_of"
        )


def test_an_old_list_stops_nobody_where_nobody_is_called() -> None:
    now = datetime(2032, 1, 1, tzinfo=UTC)
    assert not list(check_age([], scene(Policy(), people=People((Suppressed(FILE),)), now=now)))


REGIONS = st.sampled_from(["MX", "BR", "AR", "GB", "IT", "US", "DE", "NU"])


@st.composite
def two_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A number, and one that may be a shorter or longer form of it."""
    region = draw(REGIONS)
    code = str(phonenumbers.country_code_for_region(region))
    national = draw(st.from_regex(r"[0-9]{4,11}", fullmatch=True))
    front = draw(st.sampled_from(["", "0", "1", "9", "15"]))
    other = draw(st.sampled_from([national, front + national, national[::-1], national[1:]]))
    numbers = f"+{code}{national}", f"+{code}{other}"
    assume(all(_is_number(number) for number in numbers))
    return numbers


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\+[1-9][0-9]{6,14}", text) is not None and judge_number(text) != "impossible"


@given(two_numbers())
def test_a_number_is_similar_to_a_listed_one_where_the_library_says_so(numbers: tuple[str, str]) -> None:
    called, on_list = map(person, numbers)
    found = Suppressed(FILE, frozenset({on_list, "+14155552671"}))
    similar = keys(check_similar([wanted("a", NOW, numbers[0])], scene(Policy(), people=People((found,)))))
    match = phonenumbers.is_number_match(called, on_list) >= phonenumbers.MatchType.SHORT_NSN_MATCH
    assert similar == (["a"] if match and called != on_list else [])


def test_a_contact_is_compared_by_its_number() -> None:
    found = Suppressed(FILE, frozenset({"+4402071234567"}))
    people = People((found,), {contact(1): "+442071234567"})
    assert keys(check_similar(CALLS, scene(Policy(), people=people))) == ["contact"]
