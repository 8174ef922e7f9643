"""Workbooks made by hand, so that a test says every byte that matters."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from python_calamine import CalamineWorkbook

from tests.slow_workbook import assert_read_alike

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_ROOT = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
STRICT = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)


def _styles(formats: Sequence[str]) -> str:
    """Style 1 is a date, style 2 a date with a time, those from 3 on are of ``formats``."""
    numbers = range(200, 200 + len(formats))
    codes = "".join(
        f"<numFmt numFmtId={quoteattr(str(number))} formatCode={quoteattr(code)}/>"
        for number, code in zip(numbers, formats, strict=True)
    )
    styles = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22, *numbers))
    return f'<styleSheet xmlns="{_MAIN}"><numFmts>{codes}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>'


def cell(reference: str, value: str | float | None) -> str:
    """A cell: text, a number, or XML of one's own, which starts with ``<c``."""
    if isinstance(value, str):
        if value.startswith("<c"):
            return value
        return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'
    return "" if value is None else f'<c r="{reference}"><v>{value}</v></c>'


def workbook(
    *sheets: tuple[str, Sequence[Sequence[str | float | None]]],
    hidden: Sequence[str] = (),
    formats: Sequence[str] = (),
) -> bytes:
    """An ``.xlsx`` file of sheets, each a name and its rows."""
    names, relations, parts = "", "", {}
    for number, (name, rows) in enumerate(sheets, start=1):
        state = ' state="hidden"' if name in hidden else ""
        names += f'<sheet name="{name}" sheetId="{number}"{state} r:id="rId{number}"/>'
        relations += (
            f'<Relationship Id="rId{number}" Type="{_REL}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        )
        lines = ""
        for line, values in enumerate(rows, start=1):
            cells = "".join(cell(f"{chr(65 + index)}{line}", value) for index, value in enumerate(values))
            lines += f'<row r="{line}">{cells}</row>'
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
        )
    styles = f'<Relationship Id="rId0" Type="{_REL}/styles" Target="styles.xml"/>'
    parts |= {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _ROOT,
        "xl/styles.xml": _styles(formats),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">{styles}{relations}</Relationships>'
        ),
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return data.getvalue()


def rewritten(
    data: bytes,
    change: Callable[[str], str],
    part: str | None = None,
    *,
    rename: Callable[[str], str] = str,
    encoding: str = "utf-8",
) -> bytes:
    """The workbook with one part of it changed, or all of them; and its parts renamed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if part in {None, name}:
                content = change(content.decode()).encode(encoding)
            new.writestr(rename(name), content)
    return out.getvalue()


def ods(rows: Sequence[Sequence[str | float | None]], *, hidden: int | None = None) -> bytes:
    """An ``.ods`` file of one sheet. A cell may be XML of its own; ``hidden`` is the number of a filtered row."""
    names = ("office", "table", "text", "style")
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    lines = ""
    for number, values in enumerate(rows, start=1):
        cells = "".join(_ods_cell(value) for value in values)
        filtered = ' table:visibility="filter"' if number == hidden else ""
        lines += f"<table:table-row{filtered}>{cells}</table:table-row>"
    lines += '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    table = f'<table:table table:name="June">{lines}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
    return data.getvalue()


def _ods_cell(value: str | float | None) -> str:
    if isinstance(value, str) and value.startswith("<"):
        return value
    if value is None:
        return "<table:table-cell/>"
    shown = f"<text:p>{escape(str(value))}</text:p>"
    kind = "string" if isinstance(value, str) else f'float" office:value="{value}'
    return f'<table:table-cell office:value-type="{kind}">{shown}</table:table-cell>'


def sheets_of(data: bytes) -> dict[str, list[list[str]]]:
    """The cells of each sheet, as another reader sees them, as texts."""
    return {name: [list(map(cell_text, row)) for row in rows] for name, rows in typed_sheets_of(data).items()}


def typed_sheets_of(data: bytes) -> dict[str, list[list[object]]]:
    """The cells of each sheet, as another reader sees them, in their types."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return {
        name: [list(row) for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)]
        for name in book.sheet_names
    }


def cell_text(value: object) -> str:
    """The text of a typed cell: ``7`` for 7.0, ``2031-06-01 14:30:00`` for a date with a time."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def shown_in_cell(text: str) -> str:
    """The text as ``sheets_of`` reads its cell: a number without trailing zeros, a time without its zone."""
    if re.fullmatch(r"-?[1-9][0-9]{0,8}\.[0-9]{1,5}", text):
        return cell_text(float(text))
    instant = re.fullmatch(r"([0-9-]{10})[T ]([0-9:]{8})(?:\.[0-9]+)?(?:Z|[+-][0-9:]{5})", text)
    return f"{instant[1]} {instant[2]}" if instant else text


def write_workbook(path: Path, *sheets: tuple[str, Sequence[Sequence[str | float | None]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(workbook(*sheets))
    assert assert_read_alike(path.read_bytes())
