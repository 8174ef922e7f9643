"""Dates and times as people write them: read as the one they mean, or refused with all that they could mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.source.formulas.clocks import parse_clock
from reconciler.source.formulas.date_functions import as_date, as_datetime, at
from reconciler.source.formulas.inputs import ColumnSources, Inputs
from reconciler.source.formulas.notations import Notation, notations_of
from reconciler.source.formulas.patterns import FormatError, compile_pattern
from reconciler.source.formulas.problem import FormulaProblem

NAMES = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
MONTHS = [names.split() for names in NAMES.values()]
DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
TEXTS = st.sampled_from(["{d}/{m}/{y}", "{d:02}/{m:02}/{y}", "{d}-{m:02}-{y}", "{d}.{m}.{y}", " {d}/{m}/{s:02} "])


def inputs(*cells: str) -> Inputs:
    """What a formula reads in a row whose column holds these cells."""

    def examples(_column: str, _until: object = ()) -> dict[Notation, str]:
        found: dict[Notation, str] = {}
        for line, cell in enumerate(cells, start=2):
            for notation in notations_of(cell):
                found.setdefault(notation, f"A{line}")
        return found

    return Inputs(("due",), cells[:1], ColumnSources(examples))


def sources(columns: Mapping[str, Mapping[Notation, str]]) -> ColumnSources:
    return ColumnSources(lambda name, _until=(): columns[name])


def read(*cells: str) -> date:
    return as_date(cells[0], inputs=inputs(*cells)).date()


def refused(*cells: str) -> str:
    with pytest.raises(FormulaProblem) as caught:
        read(*cells)
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28", "2026/11/28", "2026.11.28", "28/11/2026", "28-11-2026", "28.11.26", "28 11 2026",
        "11/28/2026",
        "28-nov-26", "28 nov 2026", "28-Nov.-2026", "28nov2026", "28 de noviembre de 2026",
        "28 de novembro de 2026",
        "28 DE NOVIEMBRE DEL 2026", "November 28, 2026", "Nov 28th 2026", "28th of November 2026", "2026-Nov-28",
        "sábado, 28 de noviembre de 2026", "Saturday, November 28, 2026", "sáb 28/11/2026", "28/11/2026 10:30",
        "2026-11-28 10:30:00", "2026-11-28T10:30", "28/11/2026 9:30 a.\u00a0m.", "28/11/2026, 09h30",
        "\u00a028/11/2026",
    ],
)  # fmt: skip
def test_one_day_in_many_notations(text: str) -> None:
    assert read(text) == date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("05/06/2026", "'05/06/2026' could be 2026-06-05 or 2026-05-06, and no cell of its column shows which"),
        ("5-6-26", "could be 2026-06-05 or 2026-05-06"),
        ("05/06/2026", 'date(row.due, "DD/MM/YYYY") or date(row.due, "MM/DD/YYYY")'),
        ("31/04/2026", "there is no such day"),
        ("02/30/2026", "there is no such day"),
        ("2026-28-11", "there is no such day"),
        ("domingo 28/11/2026", "there is no such day"),
        ("46354", "a spreadsheet's number of a day"),
        ("46354.395833", "a spreadsheet's number of a day"),
        ("28/11", "not a date"),
        ("28-nov", "not a date"),
        ("nov-26", "not a date"),
        ("28/11-2026", "not a date"),
        ("28/11/202", "not a date"),
        ("28 nor 2026", "not a date"),
        ("2026-11-28 25:00", "not a date"),
        ("2026-11-28T10:30:00Z", "not a date"),
        ("20261128", "not a date"),
        ("mañana", "not a date"),
        ("", "the cell is empty"),
    ],
)
def test_what_is_no_certain_day(text: str, words: str) -> None:
    assert words in refused(text)


def test_the_column_decides_where_it_is_clear() -> None:
    assert read("05/06/2026", "28/11/2026", "2026-05-06", "x") == date(2026, 6, 5)
    assert read("05/06/2026", "11/28/2026") == date(2026, 5, 6)
    assert read("martes 05/05/2026") == read("05/05/2026") == date(2026, 5, 5)
    assert "could be" in refused("05/06/2026", "2026-11-28", "28-nov-26", "04/05/2026")
    for text in ("05/06/2026", "28/11/2026", "11/28/2026"):
        message = refused(text, "28/11/2026", "04/04/2026", "11/28/2026")
        assert "the column has two orders" in message
        assert "has the day first" in message
        assert "has the month first" in message
    assert read("2026-05-06", "28/11/2026", "11/28/2026") == date(2026, 5, 6)


def test_a_text_that_no_column_holds_is_not_decided() -> None:
    column = inputs("28/11/2026")
    with pytest.raises(FormulaProblem, match="could be"):
        as_date("05/06/2026", inputs=column)


@given(DAYS, TEXTS, st.booleans(), st.lists(DAYS, max_size=4))
def test_a_numeric_date_is_that_day_or_refused_with_both(
    day: date, form: str, month_first: bool, others: list[date]
) -> None:
    """Whatever the column holds, if all of it is written in one order, no other day comes out."""

    def written(item: date) -> str:
        first, second = (item.month, item.day) if month_first else (item.day, item.month)
        return form.format(d=first, m=second, y=item.year, s=item.year % 100)

    cells = [written(item) for item in (day, *others)]
    if any(item.day > 12 for item in (day, *others)) or day.day == day.month:
        assert read(*cells) == day
    else:
        swapped = day.replace(month=day.day, day=day.month)
        message = refused(*cells)
        assert day.isoformat() in message
        assert swapped.isoformat() in message


@given(
    DAYS,
    st.sampled_from(MONTHS),
    st.booleans(),
    st.sampled_from(["{d}-{m}-{y}", "{d} de {m} de {y}", "{m} {d}, {y}"]),
)
def test_a_month_by_name_is_certain(day: date, months: list[str], short: bool, form: str) -> None:
    name = months[day.month - 1]
    text = form.format(d=day.day, m=name[:3] if short else name.upper(), y=day.year)
    assert read(text) == day


@given(st.text("0123456789/-. abcdeijlmnorstuv:", max_size=12))
def test_any_other_text_is_refused_or_a_day_that_it_names(text: str) -> None:
    try:
        day = read(text)
    except FormulaProblem:
        return
    assert str(day.year % 100) in text
    assert str(day.day) in text


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("9:30", "09:30:00"), ("09:30", "09:30:00"), ("9:30 am", "09:30:00"), ("9:30 a.m.", "09:30:00"),
        ("9:30\u202fa.\u00a0m.", "09:30:00"), ("9:30PM", "21:30:00"), ("12:00 am", "00:00:00"),
        ("12:15 pm", "12:15:00"),
        ("9 am", "09:00:00"), ("09h30", "09:30:00"), ("9h", "09:00:00"), ("9 h 05", "09:05:00"),
        ("9h30min", "09:30:00"),
        ("10:30 hs", "10:30:00"), ("10:30:15", "10:30:15"), ("0.395833", "09:30:00"), ("0,395833333", "09:30:00"),
        ("0.395833333333333", "09:30:00"), ("0.5", "12:00:00"), ("0.4375", "10:30:00"), ("00:15", "00:15:00"),
    ],
)  # fmt: skip
def test_times_of_day(text: str, clock: str) -> None:
    assert at("2026-11-28", text) == f"2026-11-28 {clock}"


@pytest.mark.parametrize(
    "text",
    ["", "9", "930", "9.30", "24:00", "9:60", "9:3", "13:00 pm", "0:30 am", "0.4", "0.40", "0.3958", "0", "0.0",
     "1.5", "1.0", "0.9999999", "noon", "9:30 xm", "-9:30", "9:30 10:30", "2026-11-28 9:30"],
)  # fmt: skip
def test_what_is_no_certain_time(text: str) -> None:
    with pytest.raises(FormulaProblem, match="expected a time of day"):
        at("2026-11-28", text)


def clock_in(*cells: str) -> str:
    return at("2026-11-28", cells[0], inputs=inputs(*cells)).removeprefix("2026-11-28 ")


def test_an_hour_without_am_or_pm_is_not_taken_for_the_night() -> None:
    assert clock_in("3:00", "9:30", "15:00") == clock_in("3:00", "0.625") == "03:00:00"
    for cells in (("3:00",), ("03:00:00",), ("0.125",), ("3:00", "9:30", "0.5"), ("6:59", "12:59", "7:00")):
        with pytest.raises(FormulaProblem, match="because no time of its column is after 12:59"):
            clock_in(*cells)
    assert clock_in("7:00", "8:00", "9:00") == "07:00:00"
    with pytest.raises(FormulaProblem, match=r"could be a\.m\. or p\.m\., because A3 in its column says"):
        clock_in("3:00", "9:30 am")
    with pytest.raises(FormulaProblem, match="could be"):
        clock_in("08:59", "9:30 am", "15:00:00")
    for other in ("15:00", "0:00"):
        with pytest.raises(FormulaProblem, match="could be"):
            clock_in("3:00", "9:30 am", other)
    assert clock_in("08:00:00", "9:30 am") == "08:00:00"
    assert clock_in("9:30", "9:30 am") == "09:30:00"
    assert clock_in("3:00 pm", "9:30 am") == "15:00:00"


@given(st.times().map(lambda moment: moment.replace(microsecond=0)))
def test_a_time_comes_back_from_every_notation(moment: time) -> None:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    half = f"{moment.hour % 12 or 12}:{moment:%M:%S} {'pm' if moment.hour >= 12 else 'am'}"
    for text in (f"{moment:%H:%M:%S}", half):
        assert at("2026-11-28", text) == f"2026-11-28 {moment}"
    if seconds:
        assert at("2026-11-28", f"{seconds / 86400:.15f}") == f"2026-11-28 {moment}"


@given(st.decimals(0, 1, places=6))
def test_a_fraction_is_the_nearest_second(fraction: object) -> None:
    found = parse_clock(str(fraction))
    assume(found is not None)
    assert found is not None
    seconds = found.time.hour * 3600 + found.time.minute * 60 + found.time.second
    assert abs(float(str(fraction)) * 86400 - seconds) <= 0.5


def test_one_cell_with_date_and_time() -> None:
    assert as_datetime("28/11/2026 9:30 am") == "2026-11-28 09:30:00"
    assert as_datetime("28-nov-26, 15h05") == "2026-11-28 15:05:00"
    with pytest.raises(FormulaProblem, match="no time of day"):
        as_datetime("28/11/2026")
    with pytest.raises(FormulaProblem, match="could be 2026-06-05 or 2026-05-06"):
        as_datetime("05/06/2026 9:30 am")
    column = inputs("05/06/2026 3:00", "28/11/2026 9:30 am")
    with pytest.raises(FormulaProblem, match=r"could be a\.m\. or p\.m\."):
        as_datetime("05/06/2026 3:00", inputs=column)


@pytest.mark.parametrize(
    ("text", "form", "result"),
    [
        ("20261128", "YYYYMMDD", "2026-11-28"), ("28|11|26", "DD|MM|YY", "2026-11-28"),
        ("11/28/2026 09:30", "MM/DD/YYYY HH:mm", "2026-11-28 09:30:00"),
        ("28 de noviembre, 9:05 p. m.", "DD [de] MMMM, hh:mm A", None),
        ("28 de noviembre de 2026, 9:05 p. m.", "DD [de] MMMM [de] YYYY, hh:mm A", "2026-11-28 21:05:00"),
        ("28-NOV-26", "DD-MMM-YY", "2026-11-28"), ("0930", "HHmm", "09:30:00"), ("9.30", "HH.mm", "09:30:00"),
        ("930", "HHmm", ""), ("1112026", "DDMMYYYY", ""), ("11/28/2026", "DD/MM/YYYY", ""),
        ("13:00 pm", "hh:mm A", ""),
        ("28-xyz-26", "DD-MMM-YY", ""), ("31/04/2026", "DD/MM/YYYY", ""), ("25:00", "HH:mm", ""),
        ("", "HH:mm", ""),
    ],
)  # fmt: skip
def test_a_format_of_ones_own(text: str, form: str, result: str | None) -> None:
    if result:
        assert as_datetime(text, form) == result
        return
    with pytest.raises(FormulaProblem):
        as_datetime(text, form)


@pytest.mark.parametrize(
    "form",
    ["", "DD/MM", "dd/mm/yyyy", "%d/%m/%Y", "DD/MM/YYYY Z", "DD/MM/YYYY HH:mm A", "hh:mm", "mm:ss", "DD/DD/YYYY",
     "DD/MM/YYYY dddd", "DD de MM de YYYY", "[x]"],
)  # fmt: skip
def test_formats_that_are_refused(form: str) -> None:
    with pytest.raises(FormatError):
        compile_pattern(form)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
)
def test_a_format_reads_back_what_it_wrote(moment: datetime) -> None:
    for form, written in (
        ("DD/MM/YYYY HH:mm:ss", f"{moment:%d/%m/%Y %H:%M:%S}"),
        ("YYYYMMDDHHmmss", f"{moment:%Y%m%d%H%M%S}"),
        ("MM-DD-YY hh:mm:ss A", f"{moment:%m-%d-%y %I:%M:%S %p}"),
    ):
        assert as_datetime(written, form) == str(moment)
        assert as_date(written, form).date() == moment.date()


def test_a_text_of_two_columns_needs_a_clear_cell_in_each() -> None:
    columns = {"due": {}, "issued": {Notation.MONTH_FIRST: "B3"}}
    inputs = Inputs(("due", "issued"), ("05/01/2027", "05/01/2027"), sources(columns))
    with pytest.raises(FormulaProblem, match="could be 2027-01-05 or 2027-05-01"):
        as_date("05/01/2027", inputs=inputs)
    alone = Inputs(("issued",), ("05/01/2027",), sources(columns))
    assert f"{as_date('05/01/2027', inputs=alone):%Y-%m-%d}" == "2027-05-01"


def test_a_text_made_of_cells_is_as_doubtful_as_they_are() -> None:
    columns = sources({"day": {}, "hour": {Notation.TWELVE_HOURS: "B2"}})
    inputs = Inputs(("day", "hour"), ("2031-06-16", "8:00"), columns)
    with pytest.raises(FormulaProblem, match="could be"):
        as_datetime("2031-06-16 8:00", inputs=inputs)
    assert as_datetime("2031-06-16 9:30", inputs=inputs) == "2031-06-16 09:30:00"
