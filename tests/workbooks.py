"""Workbooks made by hand, so that a test says every byte that matters."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from python_calamine import CalamineWorkbook

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
# Style 1 is a date, style 2 a date with a time.
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs>'
    "</styleSheet>"
)


def cell(reference: str, value: str | float | None) -> str:
    """A cell: text, a number, or XML of one's own, which starts with ``<c``."""
    if isinstance(value, str):
        if value.startswith("<c"):
            return value
        return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'
    return "" if value is None else f'<c r="{reference}"><v>{value}</v></c>'


def workbook(*sheets: tuple[str, Sequence[Sequence[str | float | None]]], hidden: Sequence[str] = ()) -> bytes:
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
        "xl/styles.xml": _STYLES,
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


def sheets_of(data: bytes) -> dict[str, list[list[str]]]:
    """The cells of each sheet, as another reader sees them; every cell must be a text."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    found: dict[str, list[list[str]]] = {}
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        found[name] = [[value for value in row if isinstance(value, str)] for row in rows]
        assert [len(row) for row in rows] == [len(row) for row in found[name]]
    return found


def write_workbook(path: Path, *sheets: tuple[str, Sequence[Sequence[str | float | None]]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(workbook(*sheets))
