"""The ZIP package of a workbook: unpack its parts in pieces, up to a limit of bytes.

The sizes in a package may be wrong, so each part is unpacked once and counted before it is read. Part names are
compared case-insensitively (ECMA-376 part 2, 6.3.5).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from posixpath import dirname, join, normpath
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from reconciler.source.sheets.grid import SheetProblem

_PIECE = 1 << 16
_MAX_PARTS = 10_000
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of .xls, and of workbooks with a password ([MS-CFB])
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO] 2.3.4.1
_HEAD = 1 << 20

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


def damaged(detail: str, hint: str = "open it in the spreadsheet program, and save it again") -> SheetProblem:
    return SheetProblem("E602", f"the workbook is damaged: {detail}", hint)


def kind_of_container(raw: io.BufferedReader) -> str | None:
    """The type of a file that is not delimited text, by its first bytes; None if it may be text."""
    head = raw.peek(8)[:8]
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP package, as workbooks are"
    if not head.startswith(_OLE):
        return None
    content = raw.read(_HEAD)
    raw.seek(0)
    return "a workbook with a password" if _ENCRYPTED in content else "an old .xls workbook"


class Package:
    """The parts of a workbook. Raises ``SheetProblem`` if it is not one, or unpacks to more than ``limit``
    bytes."""

    def __init__(self, raw: io.BufferedReader, limit: int) -> None:
        self._raw = raw
        kind = kind_of_container(raw)
        if kind is None or not kind.startswith("a ZIP"):
            hint = "save it without a password" if kind and "password" in kind else "save it as .xlsx"
            raise SheetProblem("E602", f"this is {kind or 'not a workbook'}", hint)
        try:
            with ZipFile(raw) as package:
                parts = package.infolist()
        except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SheetProblem("E602", "this is not a workbook", "check that the file is complete") from error
        if len(parts) > _MAX_PARTS:
            raise SheetProblem(
                "E603", f"the workbook has {len(parts):,} parts; at most {_MAX_PARTS:,} are allowed"
            )
        self._parts = {part.filename.lower(): part for part in parts}
        if len(self._parts) != len(parts):
            raise damaged("two of its parts have the same name")
        left = limit
        for part in parts:
            for piece in self._pieces(part):
                left -= len(piece)
                if left < 0:
                    hint = "raise limits.sheet_bytes in reconciler.yaml, or split the file"
                    raise SheetProblem("E603", f"the workbook unpacks to more than {limit:,} bytes", hint)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def pieces(self, name: str) -> Iterator[bytes]:
        """The pieces of an unpacked part; none if there is no such part."""
        part = self._parts.get(name.lower())
        return self._pieces(part) if part is not None else iter(())

    def parse(self, name: str, start: Start, end: End | None = None, text: Text | None = None) -> None:
        """Parse a whole XML part."""
        for _ in self.parsing(name, start, end, text):
            pass

    def parsing(self, name: str, start: Start, end: End | None = None, text: Text | None = None) -> Iterator[None]:
        """Parse an XML part, one piece in each step; nothing if ``name`` is empty.

        Handlers get an element's namespace, a space, and its name.

        Raises:
            SheetProblem: it is not XML, or declares a document type, whose entities could expand.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            for piece in self.pieces(name):
                parser.Parse(piece, False)
                yield
            if name:
                parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, KeyError) as error:
            raise damaged(f"{name}: {error}") from error

    def _pieces(self, part: ZipInfo) -> Iterator[bytes]:
        """Unpack a part, ignoring its declared size. Each iterator has its own position in the file."""
        if part.flag_bits & 1:
            raise SheetProblem("E602", "the workbook has a password", "save it without a password")
        self._raw.seek(part.header_offset)
        try:
            mark, name, extra = _LOCAL_HEADER.unpack(self._raw.read(_LOCAL_HEADER.size))
        except struct.error as error:
            raise damaged("it is truncated") from error
        if mark != b"PK\x03\x04" or part.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise damaged(f"the part {part.filename} cannot be unpacked")
        place = part.header_offset + _LOCAL_HEADER.size + name + extra
        inflate = zlib.decompressobj(-15) if part.compress_type == ZIP_DEFLATED else None
        left = part.compress_size
        while left > 0:
            self._raw.seek(place)
            packed = self._raw.read(min(_PIECE, left))
            if not packed:
                raise damaged("it is truncated")
            left -= len(packed)
            place += len(packed)
            if inflate is None:
                yield packed
                continue
            try:
                while packed:
                    yield inflate.decompress(packed, _PIECE)
                    packed = inflate.unconsumed_tail
            except zlib.error as error:
                raise damaged(f"the part {part.filename} cannot be unpacked") from error

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The relationships of a part by id: the last part of the type, and the target part."""
        found: dict[str, tuple[str, str]] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if name.endswith(" Relationship"):
                target = attributes.get("Target", "")
                path = target.lstrip("/") if target.startswith("/") else normpath(join(dirname(part), target))
                found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        folder, _, base = part.rpartition("/")
        path = f"{folder}/_rels/{base}.rels".lstrip("/")
        if path in self:
            self.parse(path, start)
        return found


def _refuse_doctype(*_: object) -> None:
    raise ValueError("it declares a document type")
