"""A second reader of workbooks, slow and obvious: whole XML trees, and one cell after the other."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TypeAlias
from xml.etree import ElementTree

from reconciler.source.sheets.grid import SheetProblem, SheetRow
from reconciler.source.sheets.workbook import Workbook

Cells: TypeAlias = dict[tuple[int, int], str | None]
"""What is stored, by row and column from 1; None where the spreadsheet itself has no value."""

_BUILT_IN_DATES = {*range(14, 23), *range(45, 48)}


class _Package:
    """Parts by their names, in which case does not count. XML names stand without their namespaces."""

    def __init__(self, data: bytes) -> None:
        self._parts = {name.lower(): content for name, content in _unzipped(data)}

    def tree(self, name: str) -> ElementTree.Element | None:
        content = self._parts.get(name.lower())
        if content is None:
            return None
        root = ElementTree.fromstring(content)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
            for key in list(element.attrib):
                element.attrib[key.rpartition("}")[2]] = element.attrib[key]
        return root


def _unzipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for name in package.namelist():
            yield name, package.read(name)


def read_xlsx(data: bytes) -> dict[str, Cells]:
    """Every sheet of a workbook in Excel's format."""
    package = _Package(data)
    book, links = package.tree("xl/workbook.xml"), package.tree("xl/_rels/workbook.xml.rels")
    assert book is not None
    assert links is not None
    targets = {link.attrib["Id"]: link.attrib["Target"] for link in links}
    shared = [_text(item) for item in _all(package.tree("xl/sharedStrings.xml"), "si")]
    dates = _date_styles(package)
    is_1904 = any(item.get("date1904") in {"1", "true"} for item in book.iter("workbookPr"))
    sheets: dict[str, Cells] = {}
    for item in book.iter("sheet"):
        root = package.tree(str(PurePosixPath("xl", targets[item.attrib["id"]])))
        cells = sheets.setdefault(item.attrib["name"], {})
        for line, row in enumerate(_all(root, "row"), start=1):
            number, column = int(row.get("r", line)), 0
            for cell in row.iter("c"):
                column = _column(cell.get("r")) or column + 1
                cells[number, column] = _value(cell, shared, dates, is_1904=is_1904)
        for area in _all(root, "mergeCell"):
            cells |= dict.fromkeys(_places(area.attrib["ref"], cells))
    return sheets


def _places(reference: str, cells: Cells) -> list[tuple[int, int]]:
    """The cells of ``B2:C3`` that stand in the rows and columns which hold anything."""
    (left, top), (right, bottom) = (
        (_column(corner), int(re.sub("[^0-9]", "", corner))) for corner in reference.split(":")
    )
    rows, width = {row for row, _ in cells}, max(column for _, column in cells)
    return [(row, column) for row in rows if top <= row <= bottom for column in range(left, min(right, width) + 1)]


def _all(root: ElementTree.Element | None, name: str) -> Iterator[ElementTree.Element]:
    return iter(()) if root is None else root.iter(name)


def _column(reference: str | None) -> int:
    number = 0
    for letter in re.sub("[^A-Z]", "", reference or ""):
        number = number * 26 + ord(letter) - 64
    return number


def _text(item: ElementTree.Element) -> str:
    """The text of all runs, but for phonetic hints."""
    for parent in list(item.iter()):
        for hint in parent.findall("rPh"):
            parent.remove(hint)
    text = "".join(run.text or "" for run in item.iter("t"))
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


def _date_styles(package: _Package) -> set[int]:
    """The numbers of the cell styles that show a date or a time."""
    root = package.tree("xl/styles.xml")
    codes = {int(item.attrib["numFmtId"]): item.attrib["formatCode"] for item in _all(root, "numFmt")}
    formats = [] if root is None else root.findall("./cellXfs/xf")
    found = set()
    for number, style in enumerate(formats):
        which = int(style.get("numFmtId", 0))
        code = re.sub(r'"[^"]*"|\\.|\[(?!h|m|s)[^]]*\]', "", codes.get(which, "")).lower()
        if which in _BUILT_IN_DATES or re.search("[ymdhs]", code.split(";")[0]):
            found.add(number)
    return found


def _value(cell: ElementTree.Element, shared: list[str], dates: set[int], *, is_1904: bool) -> str | None:
    kind, value = cell.get("t", "n"), cell.find("v")
    if kind == "inlineStr":
        return _text(cell)
    if value is None or value.text is None:
        return None if cell.find("f") is not None and kind != "str" else ""
    if kind == "e":
        return None
    if kind == "s":
        return shared[int(value.text)]
    if kind == "b":
        return "true" if value.text.strip() in {"1", "true"} else "false"
    if kind in {"str", "d"}:
        return value.text
    if int(cell.get("s", 0)) in dates:
        return _date(float(value.text), is_1904=is_1904)
    if abs(float(value.text)) >= 10**15:
        return None  # digits were lost: a spreadsheet keeps 15
    return f"{Decimal(format(float(value.text), '.15g')):f}"


def _date(serial: float, *, is_1904: bool) -> str | None:
    days = serial + (1462 if is_1904 else 0)
    if not 0 <= days < 2_958_466 or 60 <= days < 61:
        return None
    seconds = round(days * 86400)
    moment = datetime(1899, 12, 30) + timedelta(seconds=seconds, days=1 if days < 60 else 0)
    if days < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d}" if seconds % 86400 == 0 else f"{moment:%Y-%m-%d %H:%M:%S}"


def assert_read_alike(data: bytes) -> bool:
    """Both readers find the same in each sheet of a workbook that neither refuses. False where one refuses it."""
    try:
        sheets = read_xlsx(data)
    except (zipfile.BadZipFile, ElementTree.ParseError, LookupError, ValueError, AssertionError, OSError):
        return False
    for name, cells in sheets.items():
        try:
            raw = io.BufferedReader(io.BytesIO(data))  # type: ignore[type-var]
            book = Workbook(raw, "a.xlsx", name, "include", 1 << 20)
            records = list(book.records())
        except SheetProblem:
            return False
        assert _cells(records) == {place: text for place, text in cells.items() if text != ""}, name
    return True


def _cells(records: list[SheetRow]) -> Cells:
    return {
        (record.number, column): None if column - 1 in record.flaws else text
        for record in records
        for column, text in enumerate(record.texts, start=1)
        if text or column - 1 in record.flaws
    }
