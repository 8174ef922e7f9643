"""Classify the values of a column, with the same functions that formulas use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from reconciler.domain.model import ROW_KEY
from reconciler.source.formulas.date_functions import as_date
from reconciler.source.formulas.functions import e164, money
from reconciler.source.formulas.notations import Examples, Inputs, notations_of
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.rows.fields import SPOILED_NUMBER, check_of
from reconciler.source.rows.zones import is_place

_UUID = re.compile(r"([A-Za-z]+[-_])?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ().\-/]{7,25}", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", re.ASCII)
_SHORT_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", re.ASCII)
_MIXED = re.compile(
    r"[0-9]{1,4}([/.-])[0-9]{1,2}\1[0-9]{2,4},? [0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AaPp]\.?[Mm]\.?)?", re.ASCII
)
_ORDERS = ("DD{0}MM{0}YYYY", "MM{0}DD{0}YYYY", "YYYY{0}MM{0}DD", "DD{0}MM{0}YY", "MM{0}DD{0}YY")
_STARTS_WITH_YEAR = re.compile("[0-9]{4}", re.ASCII)
_MOSTLY = 0.9

Values = Sequence[str]


def all_of(values: Values, good: Callable[[str], object]) -> bool:
    """Whether there are values, and each is good."""
    return bool(values) and all(map(good, values))


def are_ids(values: Values) -> bool:
    return all_of(values, _UUID.fullmatch)


def are_names(values: Values) -> bool:
    """Whether nearly all contain letters and no digits."""
    return _mostly(values, lambda text: any(map(str.isalpha, text)) and not any(map(str.isdigit, text)))


def are_phones(values: Values) -> bool:
    """Whether nearly all are seven to fifteen digits with usual separators, and they are not dates."""
    digits = re.compile(r"\D")
    return not date_forms(values) and _mostly(
        values,
        lambda text: (
            SPOILED_NUMBER.fullmatch(text.strip())
            or (_PHONE.fullmatch(text.strip()) and 7 <= len(digits.sub("", text)) <= 15)
        ),
    )


def are_times(values: Values) -> bool:
    """Whether all are a date and a time of day, as ``schedule.at`` needs them."""
    return all_of(values, check_of("schedule.at"))


def are_mixed(values: Values) -> bool:
    """Whether all are a date and a time of day in one cell, in a form that no function reads."""
    return not are_times(values) and all_of(values, lambda text: _MIXED.fullmatch(text.strip()))


def are_clocks(values: Values) -> bool:
    return all_of(values, lambda text: _SHORT_CLOCK.fullmatch(text.strip()))


def all_two_digits(values: Values) -> bool:
    """Whether ``at`` can read these times of day without changes: ``09:30``, not ``9:30``."""
    return all_of(values, lambda text: _CLOCK.fullmatch(text.strip()))


def are_zones(values: Values) -> bool:
    return all_of(values, is_place)


def are_keys(values: Values) -> bool:
    return all_of(values, ROW_KEY.fullmatch)


def are_amounts(values: Values) -> bool:
    """Whether all are amounts and ``money`` changes some of them, such as ``$1,234.50``."""
    return all_of(values, lambda text: _runs(money, text)) and any(money(text) != text for text in values)


def date_forms(values: Values) -> tuple[str, ...]:
    """Every ``date`` format that matches all values; ``""`` if ``date`` reads them only without one."""
    if are_mixed(values):
        return ()
    if not all_of(values, _STARTS_WITH_YEAR.match):
        marks = {mark for mark in "/-. " if values and mark in values[0].strip()}
        forms = [order.format(mark) for mark in sorted(marks) for order in _ORDERS]
        found = tuple(form for form in forms if all(_runs(as_date, text, form) for text in values))
        if found:
            return found
    shown = {notation: text for text in values for notation in notations_of(text)}
    return ("",) if all_of(values, lambda text: _reads_date(text, shown)) else ()


def _reads_date(text: str, shown: Examples) -> bool:
    """Whether ``date`` reads a cell of a column that shows these notations."""
    try:
        as_date(text, inputs=Inputs(("cell",), (text,), lambda _: shown))
    except FormulaProblem:
        return False
    return True


def impossible_in(values: Values, region: str) -> int:
    """How many are not possible phone numbers in a region.

    Raises:
        FormulaProblem: there is no such region.
    """
    e164("+14155552678", region)
    return sum(not _runs(e164, text, region) for text in values)


def region_of(values: Iterable[str]) -> str | None:
    """A region for these numbers if all of them have a country code, else None."""
    import phonenumbers  # noqa: PLC0415 - 27 ms

    regions = []
    for text in values:
        if not text.strip().startswith("+"):
            return None
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            continue
        regions.append(phonenumbers.region_code_for_number(number))
    return next((region for region in regions if region in phonenumbers.SUPPORTED_REGIONS), None)


def _mostly(values: Values, good: Callable[[str], object]) -> bool:
    return bool(values) and sum(map(bool, map(good, values))) >= len(values) * _MOSTLY


def _runs(function: Callable[..., object], *args: object) -> bool:
    try:
        function(*args)
    except FormulaProblem:
        return False
    return True
