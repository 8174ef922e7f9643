"""Convert cells to texts: the stored value for formulas (ISO dates, plain numbers), and the shown text."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from reconciler.source.sheets import formats
from reconciler.source.sheets.grid import SheetRow
from reconciler.source.sheets.package import Package, damaged

_MAX_EXACT = 10**15  # spreadsheets keep 15 digits
_MAX_SERIAL = 2_958_466  # the day after 9999-12-31
_DAY = 86_400  # seconds
_LEAP_1900 = 60  # the serial of 29 February 1900, which did not exist
# Serials count days from here. Before March 1900 add one day, because of the nonexistent day (18.17.4.1).
_EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001 - times in spreadsheets have no zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001


@dataclass(frozen=True, slots=True)
class Style:
    """A cell's number format. ``General`` shows a number unchanged."""

    code: str = formats.GENERAL
    keeps_text: bool = True  # shows a text without additions


@dataclass(slots=True)
class Value:
    """``text`` is the stored value, ``displayed`` the shown text, or None if it cannot be determined."""

    text: str = ""
    displayed: str | None = ""
    code: str = formats.GENERAL
    flaw: str | None = None

    def put_into(self, record: SheetRow, column: int) -> None:
        """Set a cell of a record from ``empty_record``."""
        record.texts[column] = self.text
        if self.flaw is not None:
            _own(record.flaws)[column] = self.flaw
        elif self.displayed is None:
            _own(record.undisplayed)[column] = self.code
        elif self.displayed != self.text:
            _own(record.displayed)[column] = self.displayed


def empty_record(number: int, width: int) -> SheetRow:
    """A record whose cells can be set."""
    return SheetRow(number, number, [""] * width, flaws={}, displayed={}, undisplayed={})


def _own(items: Mapping[int, str]) -> MutableMapping[int, str]:
    return cast("MutableMapping[int, str]", items)


def plain(text: str) -> Value:
    """A value that is shown unchanged."""
    return Value(text, text)


def read_value(kind: str, text: str, style: Style) -> Value:
    """Read a value that is not a number."""
    if kind == "b":
        return plain("true" if text.strip() in {"1", "true"} else "false")
    if kind == "d":
        stored = text.strip().replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")
        return Value(stored, None, style.code)
    return Value(text, text if style.keeps_text else None, style.code)


def plain_number(text: str) -> Decimal:
    """A number with 15 digits, as in spreadsheets. Raises ``SheetProblem`` if it is not a number."""
    try:
        value = float(text)
    except ValueError:
        raise damaged(f"invalid number {text[:40]!r}") from None
    if not math.isfinite(value):
        raise damaged(f"invalid number {text[:40]!r}")
    return Decimal(format(value, ".15g")) + 0


def number_text(value: Decimal) -> str:
    """The number without trailing zeros and exponent."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def number_value(text: str, style: Style, *, epoch_1904: bool) -> Value:
    """Read a number, which is a date if the format says so."""
    if not text:
        return Value()
    if style.code == formats.GENERAL and text.isdigit() and len(text) < 16 and text[0] != "0":
        return plain(text)  # the usual case
    value, code = plain_number(text), style.code
    if abs(value) >= _MAX_EXACT:
        return Value(
            number_text(value), flaw="this number has more than 15 digits, so spreadsheet programs round it"
        )
    if code != formats.GENERAL and formats.is_date(code):
        return _date_value(float(text), code, epoch_1904=epoch_1904)
    stored = number_text(value)
    if code in {formats.GENERAL, "@"}:
        return plain(stored)
    return Value(stored, formats.shown_number(value, code), code)


def _date_value(serial: float, code: str, *, epoch_1904: bool) -> Value:
    if serial < 0 or (not epoch_1904 and int(serial) == _LEAP_1900) or serial >= _MAX_SERIAL:
        return Value(flaw=f"{serial:g} is not a date: it must be a number of days from 1900, except 1900-02-29")
    seconds = math.floor(serial * _DAY + 0.5)
    if formats.is_elapsed(code):
        return Value(f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}", None, code)
    if epoch_1904:
        moment = _EPOCH_1904 + timedelta(seconds=seconds)
    else:
        moment = _EPOCH_1900 + timedelta(days=serial < _LEAP_1900, seconds=seconds)
    if serial < 1:
        if seconds == _DAY:
            return Value(flaw="this time is less than a second before midnight")
        shows_day = formats.has_day(code)
        shown = None if shows_day else formats.shown_date(moment, code)
        return Value(moment.time().isoformat("seconds"), shown, code)
    stored = moment.date().isoformat() if serial == int(serial) else moment.isoformat(" ", "seconds")
    return Value(stored, formats.shown_date(moment, code), code)


def styles_of(package: Package, part: str, names: Mapping[str, str]) -> list[Style]:
    """The number format of each cell style, by its index."""
    codes: dict[int, str] = {}
    numbers: list[int] = []
    inside = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal inside
        name = names.get(name, "")
        if name in {"numFmts", "cellXfs"}:
            inside = name
        elif name == "numFmt" and inside == "numFmts":
            codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name == "xf" and inside == "cellXfs":
            numbers.append(int(attributes.get("numFmtId", "0")))

    def end(name: str) -> None:
        nonlocal inside
        inside = "" if names.get(name) == inside else inside

    try:
        package.parse(part, start, end)
    except KeyError as error:
        raise damaged("a number format has no id") from error
    found = [codes.get(number) or formats.built_in(number) for number in numbers]
    return [Style(code, formats.shows_text_as_it_is(code)) for code in found]
