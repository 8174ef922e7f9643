"""Read OpenDocument spreadsheets. Each cell has its value and the shown text (OpenDocument 1.3 part 3, 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain

from reconciler.source.sheets.grid import MAX_COLUMNS, SheetProblem, SheetRow
from reconciler.source.sheets.package import Package, damaged
from reconciler.source.sheets.parts import Area, Sheet, Survey
from reconciler.source.sheets.values import Value, empty_record, number_text, plain_number

MIMETYPE = b"application/vnd.oasis.opendocument.spreadsheet"
_CONTENT = "content.xml"
_SPACE = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT, _STYLE = (f"{_SPACE}{name}:1.0 " for name in ("table", "office", "text", "style"))
_CALC = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,](\d+))?S")
_NULL_DATE = date(1899, 12, 30)  # day 0 of a spreadsheet (OpenDocument 1.3 part 3, 9.4.2)
_NUMBERS = frozenset({"float", "percentage", "currency"})
_MAX_COUNT = 1 << 24  # rows of a sheet: 1,048,576, in newer programs 16 times as many
_ERROR = re.compile(r"#\S+|Err:\d+")


class OdsBook:
    """The sheets of an ``.ods`` package."""

    def __init__(self, package: Package) -> None:
        if b"encryption-data" in b"".join(package.pieces("META-INF/manifest.xml")):
            raise SheetProblem("E602", "the workbook has a password", "save it without a password")
        if _CONTENT not in package:
            raise damaged("it has no content.xml")
        self._package = package
        self.sheets: list[Sheet] = []
        self._hidden_styles: set[str] = set()
        self._style = ""
        package.parse(_CONTENT, self._in_content)

    def _in_content(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{_STYLE}style":
            self._style = attributes.get(f"{_STYLE}name", "")
        elif name == f"{_STYLE}table-properties" and attributes.get(f"{_TABLE}display") == "false":
            self._hidden_styles.add(self._style)
        elif name == f"{_TABLE}table" and f"{_TABLE}name" in attributes:
            sheet = attributes[f"{_TABLE}name"]
            self.sheets.append(Sheet(sheet, sheet, attributes.get(f"{_TABLE}style-name") in self._hidden_styles))

    def survey(self, sheet: Sheet) -> Survey:
        """Read a sheet once without storing cells."""
        reader = _TableReader(sheet.name)
        for _ in self._read(reader):
            pass
        return reader.survey

    def records(self, sheet: Sheet, width: int) -> Iterator[SheetRow]:
        """The rows with content, each ``width`` cells wide."""
        for numbers, cells in self._read(_TableReader(sheet.name)):
            for number in numbers:
                record = empty_record(number, width)
                for column, value in cells.items():
                    value.put_into(record, column)
                yield record

    def _read(self, reader: _TableReader) -> Iterator[tuple[range, dict[int, Value]]]:
        for _ in chain(self._package.parsing(_CONTENT, reader.start, reader.end, reader.text), [None]):
            yield from reader.completed()


class _TableReader:
    """Reads one table. Repeated rows are read once."""

    def __init__(self, name: str) -> None:
        self.survey = Survey()
        self._name = name
        self._depth = 0  # nested tables inside a cell are ignored
        self._row = self._column = 0
        self._hidden_columns: list[range] = []
        self._columns = 0
        self._cells: dict[int, Value] = {}
        self._attributes: dict[str, str] = {}
        self._row_attributes: dict[str, str] = {}
        self._paragraphs: list[str] = []
        self._in_text = self._notes = 0
        self._done: list[tuple[range, dict[int, Value]]] = []

    def completed(self) -> list[tuple[range, dict[int, Value]]]:
        """The rows that were completed since the last call: their numbers, and the cells of each."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{_TABLE}table":
            self._depth += bool(self._depth or attributes.get(f"{_TABLE}name") == self._name)
        elif self._depth != 1:
            return
        elif name == f"{_OFFICE}annotation":
            self._notes += 1
        elif self._notes:
            return
        elif name == f"{_TABLE}table-column":
            repeated = _count(attributes, f"{_TABLE}number-columns-repeated")
            if attributes.get(f"{_TABLE}visibility", "visible") != "visible":
                self._hidden_columns.append(range(self._columns, self._columns + repeated))
            self._columns += repeated
        elif name == f"{_TABLE}table-row":
            self._row_attributes, self._column, self._cells = attributes, 0, {}
        elif name in _CELLS:
            self._attributes, self._paragraphs, self._in_text = attributes, [], 0
        else:
            self._start_text(name, attributes)

    def _start_text(self, name: str, attributes: dict[str, str]) -> None:
        if name == f"{_TEXT}p":
            self._in_text += 1
            self._paragraphs.append("")
        elif self._in_text and name == f"{_TEXT}s":
            self._paragraphs[-1] += " " * _count(attributes, f"{_TEXT}c")
        elif self._in_text and name in {f"{_TEXT}tab", f"{_TEXT}line-break"}:
            self._paragraphs[-1] += "\t" if name.endswith("tab") else "\n"

    def text(self, text: str) -> None:
        if self._in_text and not self._notes and self._depth == 1:
            self._paragraphs[-1] += text

    def end(self, name: str) -> None:
        if name == f"{_TABLE}table":
            self._depth -= bool(self._depth)
        elif self._depth != 1:
            return
        elif name == f"{_OFFICE}annotation":
            self._notes -= 1
        elif self._notes:
            return
        elif name == f"{_TEXT}p":
            self._in_text -= 1
        elif name in _CELLS:
            self._end_cell()
        elif name == f"{_TABLE}table-row":
            self._end_row()

    def _end_cell(self) -> None:
        repeated = _count(self._attributes, f"{_TABLE}number-columns-repeated")
        value = _value(self._attributes, "\n".join(self._paragraphs))
        rows, columns = (
            _count(self._attributes, f"{_TABLE}number-{what}-spanned") for what in ("rows", "columns")
        )
        if rows > 1 or columns > 1:
            top = self._row + 1
            self.survey.merged.append(Area(top, self._column, top + rows - 1, self._column + columns - 1))
        if value is not None:
            if self._column + repeated > MAX_COLUMNS:
                self.survey.width = max(self.survey.width, self._column + repeated)
            else:
                self._cells |= dict.fromkeys(range(self._column, self._column + repeated), value)
        self._column += repeated

    def _end_row(self) -> None:
        repeated = _count(self._row_attributes, f"{_TABLE}number-rows-repeated")
        hidden = self._row_attributes.get(f"{_TABLE}visibility", "visible") != "visible"
        for column in self._cells:
            outside = any(column in columns for columns in self._hidden_columns)
            self.survey.add(self._row + 1, column, row_hidden=hidden, column_hidden=outside, rows=repeated)
        if self._cells:
            self._done.append((range(self._row + 1, self._row + 1 + repeated), self._cells))
        self._row += repeated


def _value(attributes: dict[str, str], shown: str) -> Value | None:
    """The value of a cell, or None if it is empty."""
    kind = attributes.get(f"{_OFFICE}value-type")
    formula = f"{_TABLE}formula" in attributes
    if attributes.get(_CALC) == "error" or (formula and _ERROR.fullmatch(shown)):
        return Value(flaw=f"the spreadsheet program shows {shown or 'an error'} here")
    if kind is None:
        if formula and not shown:
            return Value(flaw="this formula has no value, because it was never calculated")
        return Value(shown, shown) if shown else None
    if kind in _NUMBERS:
        number = number_text(plain_number(attributes.get(f"{_OFFICE}value", "")))
        if len(number.lstrip("-").partition(".")[0]) > 15:
            return Value(number, flaw="this number has more than 15 digits, so spreadsheet programs round it")
        return Value(number, shown or number)
    if kind == "boolean":
        text = attributes.get(f"{_OFFICE}boolean-value", "")
        return Value(text, shown or text)
    if kind == "date":
        return _date(attributes.get(f"{_OFFICE}date-value", ""), shown)
    if kind == "time":
        return _time(attributes.get(f"{_OFFICE}time-value", ""), shown)
    text = attributes.get(f"{_OFFICE}string-value", shown)
    return Value(text, shown) if text or formula else None


def _date(text: str, shown: str) -> Value:
    """A date and time rounded to the second, because spreadsheets store them as fractions of days."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Value(flaw=f"{text!r} is not a date")
    if moment.microsecond:
        moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    if moment.date() == _NULL_DATE and "T" in text:
        stored = moment.time().isoformat("seconds")  # a time of day in a cell with a date format
    else:
        stored = moment.isoformat(" ", "seconds") if "T" in text else text
    return Value(stored, shown or stored)


def _time(text: str, shown: str) -> Value:
    match = _DURATION.fullmatch(text)
    if match is None:
        return Value(flaw=f"{text!r} is not a time of day")
    rounded_up = (match[4] or "0")[0] >= "5"
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) + rounded_up
    stored = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return Value(stored, shown or stored)


def _count(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    if not text.isdecimal() or not 0 < len(text) < 9 or int(text) > _MAX_COUNT:
        raise damaged(f"invalid count {text[:20]!r}")
    return int(text)
