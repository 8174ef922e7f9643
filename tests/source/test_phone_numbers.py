"""Phone numbers as people write them: read as one number that can be dialled, or refused."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from reconciler.source.formulas.functions import e164
from reconciler.source.formulas.inputs import Inputs
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.rows.parties import judge_number


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("55 1234 5678", "MX", "+525512345678"),
        ("(55) 1234-5678", "MX", "+525512345678"),
        ("\u202a+52 55 1234 5678\u202c", "US", "+525512345678"),
        ("'5512345678", "MX", "+525512345678"),
        ("\uff0b\uff15\uff12 55 1234 5678", "US", "+525512345678"),
        ("030/123456", "DE", "+4930123456"),
        ("+49 (0)30 / 123456", "DE", "+4930123456"),
        ("030 123456\u201357", "DE", "+493012345657"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("011 15 2345-6789", "AR", "+5491123456789"),
        ("(11) 96123-4567", "BR", "+5511961234567"),
        ("4004 1234", "BR", "+5540041234"),
        ("415.555.2678", "US", "+14155552678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("045 (55) 1234-5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("+52 1 55 1234 5678", "US", "+525512345678"),
        ("+52 045 55 1234 5678", "MX", "+525512345678"),
        ("52 1 55 1234 5678", "US", "+525512345678"),
        ("52 55 1234 5678", "MX", "+525512345678"),
        ("4930123456", "US", "+14930123456"),
    ],
)
def test_numbers_as_people_write_them(text: str, region: str, number: str) -> None:
    assert e164(text, region) == number
    assert judge_number(number) in {"valid", "unassigned"}


@pytest.mark.parametrize(
    ("text", "region", "words"),
    [
        ("2345678", "US", "has no area code"),
        ("34567890", "BR", "has no area code"),
        ("12345678", "MX", "has no area code"),
        ("+12345678", "US", "has no area code"),
        ("2345678 JOE", "US", "preceded by other text"),
        ("5512345 ana", "MX", "preceded by other text"),
        ("Ana 55 1234 5678", "MX", "preceded by other text"),
        ("1-800-FLOWERS", "US", "preceded by other text"),
        ("$ 55 1234 5678", "MX", "preceded by other text"),
        ("030 123456/57", "DE", "this may be two numbers"),
        ("030 123456 \uff0f 123457", "DE", "this may be two numbers"),
        ("2345678/79", "US", "this may be two numbers"),
        ("55 1234 5678 x57", "MX", "has an extension"),
        ("55 1234 5678 ext. 57", "MX", "has an extension"),
        ("55 1234 5678, 57", "MX", "has an extension"),
        ("55 1234 5678 +9", "MX", "not a phone number"),
        ("30123456.0", "DE", "a decimal"),
        ("123", "MX", "check the length"),
        ("044 55 1234 5678", "US", "check the length"),
        ("01 55 1234 567", "MX", "not a possible number"),
        ("49 171 1234567", "DE", "may start with the country code, or not"),
        ("sin teléfono", "MX", "where: row.x.matches"),
        ("", "MX", "to leave out rows without a number"),
    ],
)
def test_what_is_no_number_that_can_be_dialled(text: str, region: str, words: str) -> None:
    with pytest.raises(FormulaProblem) as caught:
        e164(text, region)
    assert words in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("texts", "number"),
    [
        ({"country": "MX"}, "+525512345678"),
        ({"country": "mx", "schedule.timezone": "Europe/Madrid"}, "+525512345678"),
        ({"country": "", "schedule.timezone": "America/Mexico_City"}, "+525512345678"),
        ({"country": "Mexico", "schedule.timezone": "America/Mexico_City"}, None),
        ({"country": "XX"}, None),
        ({"schedule.timezone": "UTC"}, None),
        ({"schedule.timezone": "Mexico_City"}, None),
        ({}, None),
    ],
)
def test_the_region_is_the_rows_country_or_that_of_its_zone(texts: dict[str, str], number: str | None) -> None:
    inputs = Inputs(tuple(texts), tuple(texts.values()))
    assert e164("+34 612 34 56 78", inputs=inputs) == "+34612345678"
    assert e164("(55) 1234-5678", "MX", inputs=inputs) == "+525512345678"
    if number is None:
        with pytest.raises(FormulaProblem):
            e164("(55) 1234-5678", inputs=inputs)
    else:
        assert e164("(55) 1234-5678", inputs=inputs) == number


def test_the_example_numbers_of_every_region_are_read() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
                text = phonenumbers.format_number(example, form)
                assert e164(text, region) == number, (region, text)
            assert judge_number(number) == "valid", region
