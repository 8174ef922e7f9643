"""A workbook as the ZIP package that it is: how big it is unpacked, and what its cells lack.

Sizes that a package states of itself may be lies, so each part is unpacked once, in pieces, and counted before any
reader sees it. On the way the cells are noted that the reader gives as empty: errors, and formulas that were
never calculated (ECMA-376 part 1, 18.3.1.4).
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from posixpath import join, normpath
from xml.etree import ElementTree
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from reconciler.source.sheets.grid import SheetProblem

_PIECE = 1 << 16
_MAX_PARTS = 10_000
_MAX_INDEX = 1 << 22
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR = re.compile(
    rb'<c\b(?=[^>]*\bt="e")[^>]*\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>.*?(?:<v>([^<]*)</v>)?\s*</c>', re.DOTALL
)
_EMPTY_FORMULA = re.compile(
    rb'<c\b(?![^>]*\bt="str")[^>]*\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>\s*<f\b[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
_HAS_FORMULA = b"<f"
_HAS_ERROR = b't="e"'

Flaws = dict[tuple[int, int], str]


class Package:
    """The parts of a workbook. Raises ``SheetProblem`` where it is none, or unpacks to over ``limit`` bytes."""

    def __init__(self, raw: io.BufferedReader, limit: int) -> None:
        self._raw = raw
        try:
            with ZipFile(raw) as package:
                parts = package.infolist()
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SheetProblem("E602", "this is no workbook", "is it an .xlsx file, and whole?") from error
        if len(parts) > _MAX_PARTS:
            raise SheetProblem("E603", f"a workbook of {len(parts)} parts")
        self._parts = {part.filename: part for part in parts}
        left = limit
        for part in parts:
            for piece in self._pieces(part):
                left -= len(piece)
                if left < 0:
                    hint = "an operator may raise limits.sheet_bytes in reconciler.yaml"
                    raise SheetProblem("E603", f"the workbook unpacks to more than {limit} bytes", hint)

    def flaws(self, sheet: str) -> Flaws:
        """Row and column (from 0) of each cell without a value that a spreadsheet would show one for."""
        part = self._parts.get(self._path(sheet))
        found: Flaws = {}
        rest = b""
        for piece in self._pieces(part) if part is not None else ():
            text = rest + piece
            cut = text.rfind(b"</c>") + 4 if b"</c>" in text else 0
            _note(text[:cut], found)
            rest = text[cut:]
        return found

    def _pieces(self, part: ZipInfo) -> Iterator[bytes]:
        """A part unpacked, however much it says it is."""
        self._raw.seek(part.header_offset)
        try:
            mark, name, extra = _LOCAL_HEADER.unpack(self._raw.read(_LOCAL_HEADER.size))
        except struct.error as error:
            raise SheetProblem("E602", "the workbook is cut off") from error
        if mark != b"PK\x03\x04" or part.flag_bits & 1 or part.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise SheetProblem("E602", "the workbook is encrypted or damaged", "save it without a password")
        self._raw.seek(name + extra, io.SEEK_CUR)
        inflate = zlib.decompressobj(-15) if part.compress_type == ZIP_DEFLATED else None
        left = part.compress_size
        while left > 0 and (packed := self._raw.read(min(_PIECE, left))):
            left -= len(packed)
            if inflate is None:
                yield packed
                continue
            try:
                while packed:
                    yield inflate.decompress(packed, _PIECE)
                    packed = inflate.unconsumed_tail
            except zlib.error as error:
                raise SheetProblem("E602", "the workbook is damaged", "save it again") from error

    def _path(self, sheet: str) -> str:
        """The part that holds a sheet, by way of the workbook's relations; empty where that leads nowhere."""
        book, relations = self._xml("xl/workbook.xml"), self._xml("xl/_rels/workbook.xml.rels")
        wanted = next(
            (item.get(_RELATION) for item in book.iter() if _is(item, "sheet") and item.get("name") == sheet), None
        )
        target = next((item.get("Target", "") for item in relations.iter() if item.get("Id") == wanted), "")
        return target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))

    def _xml(self, name: str) -> ElementTree.Element:
        part = self._parts.get(name)
        data = b"".join(self._pieces(part)) if part is not None else b""
        if not data or len(data) > _MAX_INDEX or b"<!DOCTYPE" in data:
            return ElementTree.Element("nothing")
        try:
            return ElementTree.fromstring(data)  # noqa: S314 - no document type, so no entities
        except ElementTree.ParseError as error:
            raise SheetProblem("E602", "the workbook is damaged", "save it again") from error


def _is(item: ElementTree.Element, name: str) -> bool:
    return item.tag.rpartition("}")[2] == name


def _note(text: bytes, found: Flaws) -> None:
    if _HAS_ERROR in text:
        for match in _ERROR.finditer(text):
            shown = (match[3] or b"an error").decode(errors="replace")
            found[_place(match)] = f"the spreadsheet shows {shown} here"
    if _HAS_FORMULA in text:
        for match in _EMPTY_FORMULA.finditer(text):
            found[_place(match)] = "a formula without a value: it was never calculated"


def _place(match: re.Match[bytes]) -> tuple[int, int]:
    column = 0
    for char in match[1]:
        column = column * 26 + char - ord("A") + 1
    return int(match[2]) - 1, column - 1
