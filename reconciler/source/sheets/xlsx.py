"""Read Office Open XML workbooks: the sheets of a package, and the cells of a sheet as a stream.

One parser reads values, errors, formulas and formats, so that all of them support the same XML variants: prefixes,
the Strict namespaces, cells without a reference. ECMA-376 part 1, 18.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from reconciler.source.sheets.grid import SheetProblem, SheetRow
from reconciler.source.sheets.package import Package, damaged
from reconciler.source.sheets.parts import Area, Sheet, Survey, is_true
from reconciler.source.sheets.values import Style, Value, empty_record, number_value, read_value, styles_of

_MAIN = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_ELEMENTS = (
    "c", "v", "f", "is", "t", "rPh", "row", "si", "col", "mergeCell", "sheetFormatPr", "sheet", "workbookPr",
    "numFmt", "numFmts", "cellXfs", "xf",
)  # fmt: skip
NAMES = {f"{space} {name}": name for space in _MAIN for name in _ELEMENTS}
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.IGNORECASE)
_RELATION = re.compile(r"http://\S+/relationships id")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # ST_Xstring, 22.9.2.19
_DEFAULT_BOOK = "xl/workbook.xml"


class XlsxBook:
    """The sheets of an ``.xlsx`` package."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._part = next(
            (path for kind, path in package.relations("").values() if kind == "officeDocument"), _DEFAULT_BOOK
        )
        if self._part.lower().endswith(".bin"):
            raise SheetProblem("E602", "this is an .xlsb workbook", "save it as .xlsx")
        if self._part not in package:
            raise SheetProblem("E602", "this is not a workbook", "check that it is a complete .xlsx file")
        self._relations = package.relations(self._part)
        self._epoch_1904 = False
        self.sheets: list[Sheet] = []
        package.parse(self._part, self._in_book)

    def _in_book(self, name: str, attributes: dict[str, str]) -> None:
        name = NAMES.get(name, "")
        if name == "workbookPr":
            self._epoch_1904 = is_true(attributes.get("date1904"))
        elif name == "sheet":
            relation = next((value for key, value in attributes.items() if _RELATION.fullmatch(key)), "")
            kind, path = self._relations.get(relation, ("", ""))
            if kind == "worksheet":
                hidden = attributes.get("state", "visible") != "visible"
                self.sheets.append(Sheet(attributes.get("name", ""), path, hidden))

    def survey(self, sheet: Sheet) -> Survey:
        """The extent of the sheet, and what is hidden or merged. Does not store cells."""
        if sheet.part not in self._package:
            raise damaged(f"the sheet {sheet.name} is missing")
        surveyor = _Surveyor()
        self._package.parse(sheet.part, surveyor.start)
        return surveyor.survey

    def records(self, sheet: Sheet, width: int) -> Iterator[SheetRow]:
        """The rows with content, each ``width`` cells wide."""
        reader = _RowReader(width, self._shared, self._styles, epoch_1904=self._epoch_1904)
        for _ in self._package.parsing(sheet.part, reader.start, reader.end, reader.text):
            yield from reader.completed()
        yield from reader.completed()

    @cached_property
    def _shared(self) -> list[str]:
        reader = _SharedStrings()
        self._package.parse(self._related("sharedStrings"), reader.start, reader.end, reader.text)
        return reader.strings

    @cached_property
    def _styles(self) -> list[Style]:
        return styles_of(self._package, self._related("styles"), NAMES)

    def _related(self, kind: str) -> str:
        """The part of a type; empty if the workbook does not contain it."""
        return next(
            (path for found, path in self._relations.values() if found == kind and path in self._package), ""
        )


class _Position:
    """The position of the current cell: from its reference, or to the right of the previous cell."""

    def __init__(self) -> None:
        self.row = 0
        self.column = -1
        self._columns: dict[str, int] = {}

    def start_row(self, attributes: dict[str, str]) -> None:
        text = attributes.get("r")
        number = self.row + 1 if text is None else int(text) if text.isdecimal() and len(text) < 8 else 0
        if number <= self.row:
            raise damaged(f"row {number or text} does not follow row {self.row}")
        self.row, self.column = number, -1

    def start_cell(self, reference: str | None) -> None:
        if reference is None:
            self.column += 1
            return
        match = _REFERENCE.fullmatch(reference)
        if match is None or int(match[2]) != self.row:
            raise damaged(f"invalid cell reference {reference!r} in row {self.row}")
        column = self._columns.get(match[1])
        if column is None:
            column = self._columns[match[1]] = column_number(match[1])
        if column <= self.column:
            raise damaged(f"the cell {reference} is duplicated, or out of order")
        self.column = column


class _Surveyor:
    """Detects which cells have content, without reading it."""

    def __init__(self) -> None:
        self.survey = Survey()
        self._at = _Position()
        self._rows_hidden = self._hidden = False
        self._columns: list[range] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = NAMES.get(name, "")
        if name == "c":
            self._at.start_cell(attributes.get("r"))
        elif name in {"v", "f", "is"}:
            column = self._at.column
            hidden = any(column in columns for columns in self._columns)
            self.survey.add(self._at.row, column, row_hidden=self._hidden, column_hidden=hidden)
        elif name == "row":
            self._at.start_row(attributes)
            stated = attributes.get("hidden")
            self._hidden = (self._rows_hidden if stated is None else is_true(stated)) or _is_zero(attributes, "ht")
        elif name == "col" and (is_true(attributes.get("hidden")) or _is_zero(attributes, "width")):
            self._columns.append(range(int(attributes["min"]) - 1, int(attributes["max"])))
        elif name == "sheetFormatPr":
            self._rows_hidden = is_true(attributes.get("zeroHeight"))
        elif name == "mergeCell":
            self.survey.merged.append(_area(attributes.get("ref", "")))


class _RowReader:
    """Converts the rows of a sheet to records."""

    def __init__(self, width: int, shared: list[str], styles: list[Style], *, epoch_1904: bool) -> None:
        self._width = width
        self._shared = shared
        self._styles = styles
        self._epoch_1904 = epoch_1904
        self._at = _Position()
        self._done: list[SheetRow] = []
        self._record = SheetRow(0, 0, [])
        self._attributes: dict[str, str] = {}
        self._pieces: list[str] = []
        self._in_text = self._has_value = self._has_formula = False
        self._filled = False
        self._phonetic = 0

    def completed(self) -> list[SheetRow]:
        """The rows that were completed since the last call."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = NAMES.get(name, "")
        if name == "c":
            self._at.start_cell(attributes.get("r"))
            self._attributes = attributes
            self._pieces = []
            self._has_value = self._has_formula = False
        elif name in {"v", "t"}:
            self._in_text = not self._phonetic
            self._has_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._phonetic += 1
        elif name == "row":
            self._at.start_row(attributes)
            self._record = empty_record(self._at.row, self._width)
            self._filled = False

    def text(self, text: str) -> None:
        if self._in_text:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        name = NAMES.get(name, "")
        if name in {"v", "t"}:
            self._in_text = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "c":
            if self._has_value or self._has_formula:
                self._filled = True
                self._value().put_into(self._record, self._at.column)
        elif name == "row" and self._filled:
            self._done.append(self._record)

    def _value(self) -> Value:
        kind, text = self._attributes.get("t", "n"), "".join(self._pieces)
        if kind == "e":
            return Value(flaw=f"the spreadsheet program shows {text or 'an error'} here")
        if self._has_formula and (not self._has_value or (not text and kind != "str")):
            return Value(flaw="this formula has no value, because it was never calculated")
        style = self._style()
        if kind == "n":
            return number_value(text.strip(), style, epoch_1904=self._epoch_1904)
        if kind == "s":
            try:
                text = self._shared[int(text)]
            except (ValueError, IndexError):
                raise damaged(f"no shared string {text!r}") from None
        elif kind in {"str", "inlineStr"}:
            text = unescaped(text)
        return read_value(kind, text, style)

    def _style(self) -> Style:
        text = self._attributes.get("s", "0")
        if not self._styles and text == "0":
            return Style()
        try:
            return self._styles[int(text)]
        except (ValueError, IndexError):
            raise damaged(f"no cell style {text!r}") from None


class _SharedStrings:
    """The texts that cells refer to by number, without phonetic readings."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._pieces: list[str] = []
        self._in_text = False
        self._phonetic = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        del attributes
        name = NAMES.get(name, "")
        if name == "t":
            self._in_text = not self._phonetic
        elif name == "rPh":
            self._phonetic += 1
        elif name == "si":
            self._pieces = []

    def text(self, text: str) -> None:
        if self._in_text:
            self._pieces.append(text)

    def end(self, name: str) -> None:
        name = NAMES.get(name, "")
        if name == "t":
            self._in_text = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "si":
            self.strings.append(unescaped("".join(self._pieces)))


def unescaped(text: str) -> str:
    """Replace escapes of characters that are not allowed in XML: ``_x000D_``."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def column_number(text: str) -> int:
    """The index of a column name, from 0 for ``A``."""
    number = 0
    for char in text.upper():
        number = number * 26 + ord(char) - ord("A") + 1
    return number - 1


def _area(reference: str) -> Area:
    found = [_REFERENCE.fullmatch(part) for part in reference.split(":")]
    first, last = found[0], found[-1]
    if first is None or last is None or len(found) > 2:
        raise damaged(f"invalid merged cells {reference!r}")
    return Area(int(first[2]), column_number(first[1]), int(last[2]), column_number(last[1]))


def _is_zero(attributes: dict[str, str], name: str) -> bool:
    text = attributes.get(name)
    return text is not None and text.strip("0.") == ""
