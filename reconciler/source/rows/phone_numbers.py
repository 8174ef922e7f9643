"""Parse phone numbers as people write them into numbers that can be dialled from anywhere."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Digits, separators, invisible characters of copied text, and the apostrophe of spreadsheets.
_CATEGORIES = frozenset({"Nd", "Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Ps", "Pe"})
_SIGNS = frozenset("+./'\uff0b\uff0f\u2212\u00b7\u2019")
# Since August 2019 Mexico dials 10 digits: no 1 after +52, and no 01, 044 or 045 before the number. No two phones
# share the 10 digits (IFT, numbering plan in the Diario Oficial of 11 May 2018).
_OLD_MEXICAN = re.compile(r"(?:(\+?(?:00)?52)?(01|04[45])|(\+(?:00)?52|(?:00)?52)(1))[0-9]{10}", re.ASCII)
_LONGEST_AREA_CODE = 5  # Germany's, ITU-T E.164 national numbering plans
_DECIMAL = re.compile(r"\+?[0-9]+\.0", re.ASCII)
_SEPARATORS = re.compile(r"[\s().-]")


class PhoneNumberError(ValueError):
    """Why a text is not one phone number, and a hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse_number(text: str, region: str) -> PhoneNumber:
    """Parse a number as written in a region, which the library must support.

    Raises:
        PhoneNumberError: it is not a number, more than one, or cannot be dialled from abroad.
    """
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    text = _without_old_prefix(text, region)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise PhoneNumberError("not a phone number", "write its digits, such as +525512345678") from error
    if number.extension:
        hint = "remove the extension: calls cannot reach one"
        raise PhoneNumberError("the number has an extension", hint)
    if _DECIMAL.fullmatch(text.strip()):
        hint = "format the column as text in the spreadsheet, and export it again"
        raise PhoneNumberError("a spreadsheet program changed the number to a decimal", hint)
    if any(unicodedata.category(char) not in _CATEGORIES and char not in _SIGNS for char in text):
        hint = "write only digits: letters and other characters may belong to a name or a second number"
        raise PhoneNumberError("the number is followed or preceded by other text", hint)
    if _has_two(text, region):
        raise PhoneNumberError("this may be two numbers", "write one number, without a slash")
    if is_local(number):
        raise PhoneNumberError("the number has no area code", "add the area code")
    if not phonenumbers.is_possible_number(number):
        raise PhoneNumberError(f"not a possible number in {region}", "check the length")
    _refuse_two_readings(text, number)
    return number


def _without_old_prefix(text: str, region: str) -> str:
    """A Mexican number without the prefixes of before 2019, which changed nothing but how it was dialled."""
    match = _OLD_MEXICAN.fullmatch(_SEPARATORS.sub("", text.strip()))
    if match is None or (region != "MX" and match[1] is None and match[3] is None):
        return text
    return f"+52{match[0][-10:]}"


def _refuse_two_readings(text: str, number: PhoneNumber) -> None:
    """Refuse digits that are a number with and without the country code at their start: ``49 171 1234567``."""
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    digits, code = phonenumbers.normalize_digits_only(text), str(number.country_code)
    national = phonenumbers.national_significant_number(number)
    if digits != national or not digits.startswith(code):
        return
    other = phonenumbers.PhoneNumber(
        country_code=number.country_code, national_number=int(digits[len(code) :] or 0)
    )
    if phonenumbers.is_valid_number(other):
        hint = f"write it with +: +{code}{national}, or +{national} if it starts with the country code"
        raise PhoneNumberError("the number may start with the country code, or not", hint)


def _has_two(text: str, region: str) -> bool:
    """Whether the part before a slash is too long for an area code, as in ``030 123456/57``."""
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    before, _, _ = text.replace("\uff0f", "/").rpartition("/")
    try:
        number = phonenumbers.parse(before, region)
    except phonenumbers.NumberParseException:
        return False
    return len(str(number.national_number)) > _LONGEST_AREA_CODE


def is_local(number: PhoneNumber) -> bool:
    """Whether a number can only be dialled in its own area, according to the library's lengths."""
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    kinds = phonenumbers.PhoneNumberType
    results = {
        phonenumbers.is_possible_number_for_type_with_reason(number, kind)
        for kind in (kinds.FIXED_LINE, kinds.MOBILE)
    }
    possible, local = (
        phonenumbers.ValidationResult.IS_POSSIBLE,
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
    )
    return local in results and possible not in results and not phonenumbers.is_valid_number(number)


@lru_cache(maxsize=65536)
def judge_number(text: str) -> str:
    """``valid``, ``unassigned`` (right length, no known range), ``local`` (no area code) or ``impossible``."""
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", text, re.ASCII):
        return "impossible"
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return "impossible"
    if is_local(number):
        return "local"
    if not phonenumbers.is_possible_number(number):
        return "impossible"
    return "valid" if phonenumbers.is_valid_number(number) else "unassigned"


def old_mexican_hint(text: str) -> str | None:
    """A hint for a number in an old Mexican format; None for others."""
    match = _OLD_MEXICAN.fullmatch(_SEPARATORS.sub("", text))
    if match is None:
        return None
    prefix = match[2] or match[4]
    place = "after +52" if match[4] or match[1] else "at its start"
    return f"remove the {prefix} {place}, which Mexican numbers no longer have: write +52 and the last 10 digits"
