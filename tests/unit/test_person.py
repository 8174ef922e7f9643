"""Who is the same person: exactly (``exact_id``) and probably (``person``)."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from reconciler.people import exact_id, person

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
