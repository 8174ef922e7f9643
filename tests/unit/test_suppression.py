"""Suppression lists: who is on one, who may be, and how old it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reconciler.engine.guard.suppression import check_age, check_listed
from reconciler.model import Location
from reconciler.people import ListFile, People, Suppressed, SuppressionFile, person
from reconciler.policy import Policy
from tests.conftest import contact
from tests.unit.guards import NOW, keys, scene, wanted

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
            "the suppression list dnc.csv (reconciler.yaml:7) is of 2031-05-01, and may be 31 d old: "
            "fetch it again, and set as_of"
        )


def test_an_old_list_stops_nobody_where_nobody_is_called() -> None:
    now = datetime(2032, 1, 1, tzinfo=UTC)
    assert not list(check_age([], scene(Policy(), people=People((Suppressed(FILE),)), now=now)))
