"""Classify the values of a column, with the same functions that formulas use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from reconciler.domain.model import ROW_KEY
from reconciler.source.formulas.date_functions import as_date, formats_if_swapped
from reconciler.source.formulas.dates import parse_date
from reconciler.source.formulas.functions import e164, money, slug
from reconciler.source.formulas.inputs import ColumnSources, Inputs
from reconciler.source.formulas.notations import Examples, Notation, notations_of, order_before_swapping
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.rows.fields import SPOILED_NUMBER, check_of
from reconciler.source.rows.phone_numbers import judge_number
from reconciler.source.rows.zones import is_place

_UUID = re.compile(r"([A-Za-z]+[-_])?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ().\-/]{7,25}", re.ASCII)
_CLOCK = re.compile(
    r"([01]?[0-9]|2[0-3])[:.h][0-5][0-9](:[0-5][0-9])?( ?[AaPp]\.? ?[Mm]\.?)?|(0?[1-9]|1[0-2]) ?[AaPp]\.? ?[Mm]\.?"
    r"|0[.,][0-9]+",  # a fraction of a day, as spreadsheets store a time
    re.ASCII,
)
_MONTH = r"(de )?[^\W\d_]{3,10}\.?"
_TIME_OF_DAY = r"(?P<clock>,?[ T]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?( ?[AaPp]\.? ?[Mm]\.?)?)?"
_DATE = re.compile(
    r"([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ]([0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}[-/. ]{_MONTH}[-/. ](de )?([0-9]{{4}}|[0-9]{{2}})){_TIME_OF_DAY}"
)
_ORDERS = ("DD{0}MM{0}YYYY", "MM{0}DD{0}YYYY", "YYYY{0}MM{0}DD", "DD{0}MM{0}YY", "MM{0}DD{0}YY")
_STARTS_WITH_YEAR = re.compile("[0-9]{4}", re.ASCII)
_LONG_NUMBER = re.compile(r"[0-9][^0-9]?[0-9][^0-9]?[0-9][^0-9]?[0-9]", re.ASCII)
_MOSTLY = 0.9
FEWEST_DIGITS = 7  # of a phone number
_REGIONS = ["MX", "ES", "AR", "CO", "CL", "PE", "EC", "GT", "CR", "PA", "UY", "BO", "DO", "BR", "PT", "US", "GB"]

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
    return not are_dates(values) and _mostly(values, is_phone)


def is_phone(text: str) -> bool:
    """Whether a text has the digits of a phone number, or may have been one before a spreadsheet rounded it."""
    number = text.strip()
    if SPOILED_NUMBER.fullmatch(number):
        return True
    return _PHONE.fullmatch(number) is not None and FEWEST_DIGITS <= sum(map(str.isdigit, number)) <= 15


def are_times(values: Values) -> bool:
    """Whether all are a date and a time of day, as ``schedule.at`` needs them."""
    return all_of(values, check_of("schedule.at"))


def are_clocks(values: Values) -> bool:
    """Whether nearly all are times of day: ``9:30``, ``09:30:00``, ``9:30 am``, ``0.395833``."""
    return _mostly(values, lambda text: _CLOCK.fullmatch(text.strip()))


def are_dates(values: Values) -> bool:
    """Whether nearly all are dates, in any form: ``2026-11-28``, ``28/11/2026``, ``28-nov-26``."""
    return _mostly(values, lambda text: _DATE.fullmatch(text.strip()))


def are_datetimes(values: Values) -> bool:
    """Whether nearly all are a date and a time of day, in any form: ``28/11/2026 9:30 am``."""
    return _mostly(values, lambda text: (match := _DATE.fullmatch(text.strip())) and match["clock"])


def are_midnights(values: Values) -> bool:
    """Whether all are at 00:00, as programs write a date without a time."""
    return all_of(values, re.compile(r"[^ T]+[ T]00:00(:00(\.0+)?)?").fullmatch)


def has_digit(text: str) -> bool:
    """False for texts that stand for an empty cell in a column of numbers or dates: ``n/a``, ``-``."""
    return any(char in "0123456789" for char in text)


def is_data(text: str) -> bool:
    """Whether a text is a value, and not the name of a column: it contains a date, a time or a long number."""
    return _LONG_NUMBER.search(text) is not None or _CLOCK.fullmatch(text.strip()) is not None


def are_zones(values: Values) -> bool:
    return all_of(values, is_place)


def are_keys(values: Values) -> bool:
    return all_of(values, ROW_KEY.fullmatch)


def are_amounts(values: Values) -> bool:
    """Whether all are amounts and ``money`` changes some of them, such as ``$1,234.50``."""
    return all_of(values, lambda text: _runs(money, text)) and any(money(text) != text for text in values)


def date_forms(values: Values) -> tuple[str, ...]:
    """Every ``date`` format that matches all values; ``""`` if ``date`` reads them only without one."""
    if are_datetimes(values) and not are_times(values):
        return ()
    if not all_of(values, _STARTS_WITH_YEAR.match):
        marks = {mark for mark in "/-. " if values and mark in values[0].strip()}
        forms = [order.format(mark) for mark in sorted(marks) for order in _ORDERS]
        found = tuple(form for form in forms if all(_runs(as_date, text, form) for text in values))
        if found:
            return found
    shown = notations(values)
    return ("",) if all_of(values, lambda text: _reads_date(text, shown)) else ()


def notations(values: Values) -> dict[Notation, str]:
    """What the cells of a column show, each with the first cell that shows it."""
    return {notation: text for text in reversed(values) for notation in notations_of(text)}


def swapped_formats(values: Values) -> tuple[str, tuple[tuple[str, str], tuple[str, str]]] | None:
    """The first real date, if the day and the month of the real dates may be swapped, with the formats of the
    column if they are right, and if they are swapped."""
    shown = notations(values)
    order, text = order_before_swapping(shown), shown.get(Notation.DAY_TO_12, "")
    found = parse_date(text)
    return (text, formats_if_swapped(order, found)) if order is not None and found is not None else None


def night_time(values: Values) -> str | None:
    """The first time such as ``1:00``, if no time of the column is after 12:59; else None."""
    shown = notations(values)
    return None if Notation.AFTERNOON in shown else shown.get(Notation.NIGHT)


def _reads_date(text: str, shown: Examples) -> bool:
    """Whether ``date`` reads a cell of a column that shows these notations."""
    return _day(text, shown) is not None


def _day(text: str, shown: Examples) -> str | None:
    try:
        day = as_date(text, inputs=Inputs(("cell",), (text,), ColumnSources(lambda *_: shown)))
    except FormulaProblem:
        return None
    return day.date().isoformat()


def days_of(values: Values) -> Callable[[str], str]:
    """The function that returns the day of a cell in a column with these values, as ``2031-06-16``; the cell in
    the form of a key if it is not certain."""
    shown = notations(values)
    return lambda text: _day(text, shown) or slug(text)


def is_region(name: str) -> bool:
    """Whether phone numbers can be read as written there: ``MX``."""
    return _runs(e164, "+14155552678", name)


def is_possible_in(text: str, region: str) -> bool:
    """Whether it is a possible phone number, as written in a region."""
    return _runs(e164, text, region)


def are_numbers_of(values: Values, region: str) -> bool:
    """Whether most are numbers that exist in a region."""
    return count_numbers_of(values, region) * 2 > len(values)


def count_numbers_of(values: Values, region: str) -> int:
    """How many are numbers that exist in a region. Numbers of other countries often have a possible length."""
    valid = (is_possible_in(text, region) and judge_number(e164(text, region)) == "valid" for text in values)
    return sum(valid)


def likely_region(values: Values) -> str | None:
    """The one region among those of the languages of headers in which most of these numbers exist; None if there
    is none, or more than one.
    """
    regions = possible_regions(values)
    return regions[0] if len(regions) == 1 else None


def possible_regions(values: Values) -> list[str]:
    """The regions among those of the languages of headers in which most of these numbers exist."""
    return [region for region in _REGIONS if are_numbers_of(values, region)]


def zone_of(values: Values, region: str) -> str | None:
    """The time zone of most of the phone numbers, by their area codes."""
    from phonenumbers import parse, timezone  # noqa: PLC0415 - 27 ms

    zones = Counter(
        zone
        for text in values
        if is_possible_in(text, region)
        for zone in timezone.time_zones_for_number(parse(e164(text, region)))[:1]
        if is_place(zone)
    )
    return zones.most_common(1)[0][0] if zones else None


def region_of(values: Iterable[str]) -> str | None:
    """The region of these numbers if all of them have a country code, and it is the same; else None."""
    import phonenumbers  # noqa: PLC0415 - 27 ms

    regions = set()
    for text in values:
        if not text.strip().startswith("+"):
            return None
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            continue
        regions.add(phonenumbers.region_code_for_number(number))
    region = regions.pop() if len(regions) == 1 else None
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


def have_country_codes(values: Values) -> bool:
    """Whether all are numbers that start with ``+``."""
    return are_phones(values) and all_of(values, lambda text: text.strip().startswith("+"))


def _mostly(values: Values, good: Callable[[str], object]) -> bool:
    return bool(values) and sum(map(bool, map(good, values))) >= len(values) * _MOSTLY


def _runs(function: Callable[..., object], *args: object) -> bool:
    try:
        function(*args)
    except FormulaProblem:
        return False
    return True
