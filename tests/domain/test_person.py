"""Who is the same person: exactly (``exact_id``) and probably (``person``)."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from reconciler.domain.blinding import BlindedView, ClearView
from reconciler.domain.people import OPTIONAL_DIGITS, OptionalDigit, People, exact_id, person, spellings
from reconciler.domain.persons import PersonIndex, Persons

UUID = "c1d2e3f4-a5b6-7890-cdef-123456789012"


@pytest.mark.parametrize("prefix", ["", "contact-", "agent-", "pn-", "CONTACT-"])
@pytest.mark.parametrize("uuid", [UUID, UUID.upper()])
def test_an_id_is_one_in_every_spelling(prefix: str, uuid: str) -> None:
    assert exact_id(prefix + uuid) == person(prefix + uuid) == UUID


@pytest.mark.parametrize("text", ["agent-sales", f"lead-{UUID}", f"contact-{UUID}0", "+5215512345678"])
def test_other_names_keep_their_prefix(text: str) -> None:
    assert exact_id(text) == text


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("+5511987654321", "+551187654321", True),
        ("+5511932345678", "+551132345678", False),  # the second is a landline
        ("+5215512345678", "+525512345678", True),
        ("+5491123456789", "+541123456789", True),
    ],
)
def test_numbers_that_are_dialled_alike_are_probably_one_person(first: str, second: str, *, same: bool) -> None:
    assert (person(first) == person(second)) is same
    assert exact_id(first) != exact_id(second)


def test_no_mobile_is_taken_for_a_landline_in_any_region() -> None:
    forms: dict[str, set[str]] = {}
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
                forms.setdefault(person(number), set()).add(number)
    assert len(forms) > 300
    # Argentina's 9 says how a mobile is called from abroad: no number is a landline's and a mobile's.
    merged = [numbers for numbers in forms.values() if len(numbers) > 1]
    assert merged == [{"+541123456789", "+5491123456789"}]


CONTACTS = [f"c1d2e3f4-a5b6-7890-cdef-{number:012}" for number in range(4)]
NUMBERS = ["+525512345678", "+5215512345678", "+551187654321", "+5511987654321", "+14155552671"]
TARGETS = st.sampled_from([*CONTACTS, *(f"contact-{name.upper()}" for name in CONTACTS), *NUMBERS])
LISTED = st.dictionaries(st.sampled_from(CONTACTS), st.sampled_from(NUMBERS).map(person))


def are_alike(first: str, second: str, persons: Persons) -> bool:
    """As twins and limits compare two persons."""
    one, other = persons.names(first), persons.names(second)
    return one[0] in other or other[0] in one


@given(TARGETS, TARGETS, LISTED)
def test_probably_one_person_goes_both_ways_and_follows_from_exactly(
    first: str, second: str, numbers: dict[str, str]
) -> None:
    persons = Persons(People(numbers=numbers), ClearView())
    alike = are_alike(first, second, persons)
    assert alike is are_alike(second, first, persons)
    if exact_id(first) == exact_id(second):
        assert alike
    blind = BlindedView(b"key")
    assert alike is are_alike(blind.target(first), second, Persons(People(numbers=numbers), blind, [first]))


def test_two_contacts_with_one_number_are_two_persons() -> None:
    persons = Persons(People(numbers={CONTACTS[0]: NUMBERS[0], CONTACTS[1]: NUMBERS[0]}), ClearView())
    assert are_alike(CONTACTS[0], NUMBERS[1], persons)
    assert are_alike(NUMBERS[1], CONTACTS[1], persons)
    assert not are_alike(CONTACTS[0], CONTACTS[1], persons)


@given(st.lists(TARGETS, max_size=5), TARGETS, LISTED)
def test_an_index_finds_exactly_the_items_of_the_same_person(
    others: list[str], wanted: str, numbers: dict[str, str]
) -> None:
    persons = Persons(People(numbers=numbers), ClearView())
    index: PersonIndex[str] = PersonIndex(persons)
    for target in others:
        index.add(target, persons.names(target)[0], at=1)
    same = {persons.names(target)[0] for target in others if are_alike(target, wanted, persons)}
    assert sorted(index.matches(wanted, at=1)) == sorted(same)
    assert list(index.matches(wanted, at=2)) == []


@given(TARGETS)
def test_every_spelling_is_the_same_person(target: str) -> None:
    forms = spellings(target)
    assert {target, person(target)} <= forms
    assert {person(form) for form in forms} == {person(target)}


@pytest.mark.parametrize("rule", OPTIONAL_DIGITS, ids=lambda rule: rule.country)
def test_a_country_has_numbers_with_and_without_its_digit(rule: OptionalDigit) -> None:
    """The library's own examples, which it takes from the country's numbering plan."""
    example = phonenumbers.example_number_for_type(rule.country, PhoneNumberType.MOBILE)
    assert example is not None
    number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    shorter, longer = sorted({person(number), *spellings(person(number))}, key=len)
    assert len(longer) == len(shorter) + 1
    assert number in {shorter, longer}
    assert rule.source
