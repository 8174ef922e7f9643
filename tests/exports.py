"""Workbooks in the shape in which LibreOffice and Google Sheets write them: styles, filters, empty areas.

Each has the same three rows of data; the second is hidden by a filter.
"""

from __future__ import annotations

import io
import zipfile

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_ODF = " ".join(
    f'xmlns:{name}="{_OASIS}:{name}:1.0"' for name in ("office", "table", "text", "style", "manifest", "meta")
)
_ODS_SPACES = (
    f'{_ODF} xmlns:fo="{_OASIS}:xsl-fo-compatible:1.0" xmlns:number="{_OASIS}:datastyle:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
_ODS_STYLES = """
<office:font-face-decls><style:font-face style:name="Arial"/></office:font-face-decls>
<office:automatic-styles>
 <style:style style:name="co1" style:family="table-column"><style:table-column-properties/></style:style>
 <style:style style:name="ro1" style:family="table-row"><style:table-row-properties/></style:style>
 <style:style style:name="ta1" style:family="table" style:master-page-name="Default">
  <style:table-properties table:display="true"/></style:style>
 <number:date-style style:name="N37"><number:day/><number:text>/</number:text></number:date-style>
 <style:style style:name="ce1" style:family="table-cell" style:data-style-name="N37"/>
</office:automatic-styles>"""


_STRING = 'office:value-type="string" calcext:value-type="string"'


def _ods_text(text: str) -> str:
    return f"<table:table-cell {_STRING}><text:p>{text}</text:p></table:table-cell>"


def _ods_row(cells: str, attributes: str = "") -> str:
    blank = '<table:table-cell table:number-columns-repeated="16377"/>'
    return f'<table:table-row table:style-name="ro1"{attributes}>{cells}{blank}</table:table-row>'


def _ods_data(name: str, phone: str, day: str, clock: str, amount: str, rate: str, paid: str) -> str:
    shown = f"{day[8:]}/{day[5:7]}/{day[2:4]}"
    return (
        f'<table:table-cell table:style-name="ce1" office:value-type="string" calcext:value-type="string">'
        f'<office:annotation office:display="false"><dc:date>2031-01-01</dc:date><text:p>call after ten</text:p>'
        f"</office:annotation><text:p><text:span>{name[:1]}</text:span>{name[1:]}</text:p></table:table-cell>"
        f'<table:table-cell office:value-type="string" calcext:value-type="string"><text:p>'
        f'<text:a xlink:href="tel:{phone}" xlink:type="simple">{phone}</text:a></text:p></table:table-cell>'
        f'<table:table-cell table:style-name="ce1" office:value-type="date" office:date-value="{day}" '
        f'calcext:value-type="date"><text:p>{shown}</text:p></table:table-cell>'
        f'<table:table-cell office:value-type="time" office:time-value="{clock}" calcext:value-type="time">'
        f"<text:p>{clock[2:4]}:{clock[5:7]}</text:p></table:table-cell>"
        f'<table:table-cell table:formula="of:=1000+{amount}-1000" office:value-type="currency" '
        f'office:value="{amount}" calcext:value-type="currency"><text:p>$ {amount}</text:p></table:table-cell>'
        f'<table:table-cell office:value-type="percentage" office:value="{rate}">'
        f"<text:p>{float(rate):.0%}</text:p></table:table-cell>"
        f'<table:table-cell office:value-type="boolean" office:boolean-value="{paid}">'
        f"<text:p>{'VERDADERO' if paid == 'true' else 'FALSO'}</text:p></table:table-cell>"
    )


HEADER = ("nombre", "tel", "fecha", "hora", "importe", "tasa", "pagado")
DATA = (
    ("Ana", "55 1234 5678", "2031-06-05", "PT09H30M00S", "1234.5", "0.15", "true"),
    ("Beto", "55 1234 5679", "2031-06-06", "PT10H00M00S", "99", "0.2", "false"),
    ("Cleo", "55 1234 5670", "2031-11-28", "PT16H45M00S", "14058", "0.1", "false"),
)


def libreoffice_ods() -> bytes:
    """A sheet with a filter, as LibreOffice writes it."""
    head, lines = _ods_row("".join(map(_ods_text, HEADER))), ""
    for number, values in enumerate(DATA):
        lines += _ods_row(_ods_data(*values), ' table:visibility="filter"' if number == 1 else "")
    blank = "<table:table-row table:number-rows-repeated='1048571'><table:table-cell/></table:table-row>"
    column = '<table:table-column table:style-name="co1" table:number-columns-repeated="16384"/>'
    table = (
        f'<table:table table:name="Hoja1" table:style-name="ta1"><office:forms/>{column}'
        f"<table:table-header-rows>{head}</table:table-header-rows>{lines}{blank}</table:table>"
        '<table:database-ranges><table:database-range table:name="__Anonymous_Sheet_DB__0" '
        'table:target-range-address="Hoja1.A1:Hoja1.G4"/></table:database-ranges>'
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content {_ODS_SPACES} office:version="1.3">'
        f"<office:scripts/>{_ODS_STYLES}<office:body><office:spreadsheet><table:calculation-settings/>{table}"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
    manifest = f"<manifest:manifest {_ODF}>{entry}</manifest:manifest>"
    return _zipped(
        {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest, "meta.xml": "<x/>"}
    )


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
# The number formats of each program for a date, a time, an amount, a rate and a boolean.
_LIBREOFFICE = (
    "DD/MM/YY",
    "HH:MM",
    "[$$-80A]#,##0.00;[RED]\\-[$$-80A]#,##0.00",
    "0%",
    '"VERDADERO";"VERDADERO";"FALSO"',
)
_GOOGLE = ("dd/mm/yyyy", "h:mm am/pm", '"$"#,##0.00', "0%", "General")


def xlsx(*, google: bool) -> bytes:
    """The same as ``.xlsx``, by Google Sheets or LibreOffice: shared strings, and styles on empty cells, too."""
    strings = [*HEADER, *(text for values in DATA for text in values[:2])]
    lines = _xlsx_row(
        1, [f'<c r="{letter}1" s="1" t="s"><v>{index}</v></c>' for index, letter in enumerate("ABCDEFG")]
    )
    for number, (_, _, day, clock, amount, rate, paid) in enumerate(DATA):
        line, first = number + 2, len(HEADER) + 2 * number
        serial = {"2031-06-05": 48004, "2031-06-06": 48005, "2031-11-28": 48180}[day]
        fraction = (int(clock[2:4]) * 60 + int(clock[5:7])) / 1440
        formula = f"<f>1000+{amount}-1000</f>" if google else f'<f aca="false">1000+{amount}-1000</f>'
        cells = [
            f'<c r="A{line}" s="1" t="s"><v>{first}</v></c>',
            f'<c r="B{line}" s="1" t="s"><v>{first + 1}</v></c>',
            f'<c r="C{line}" s="2"><v>{serial}</v></c>'
            if google
            else f'<c r="C{line}" s="2" t="n"><v>{serial}</v></c>',
            f'<c r="D{line}" s="3"><v>{fraction!r}</v></c>',
            f'<c r="E{line}" s="4">{formula}<v>{amount}</v></c>',
            f'<c r="F{line}" s="5"><v>{rate}</v></c>',
            f'<c r="G{line}" s="6" t="b"><v>{int(paid == "true")}</v></c>',
        ]
        lines += _xlsx_row(line, cells, ' hidden="1"' if number == 1 else ' hidden="false"' * (not google))
    styled = "".join(f'<c r="{letter}{{0}}" s="1"/>' for letter in "ABCDEFGHIJ")
    lines += "".join(f'<row r="{line}">{styled.format(line)}</row>' for line in range(5, 1001))
    sheet = (
        f'<worksheet xmlns="{_MAIN}" xmlns:r="{_REL}"><sheetPr filterMode="1"/>'
        '<dimension ref="A1:J1000"/><sheetFormatPr customHeight="1" defaultRowHeight="15.75"/><cols>'
        f'<col min="1" max="10" width="12.63"/></cols><sheetData>{lines}</sheetData>'
        '<autoFilter ref="$A$1:$G$4"/></worksheet>'
    )
    formats = _GOOGLE if google else _LIBREOFFICE
    numbers = "".join(
        f'<numFmt numFmtId="{165 + index}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
        for index, code in enumerate(formats)
    )
    xfs = "".join(f'<xf numFmtId="{number}" xfId="0"/>' for number in (164, 164, *range(165, 170)))
    styles = (
        f'<styleSheet xmlns="{_MAIN}"><numFmts count="6">'
        f'<numFmt numFmtId="164" formatCode="General"/>{numbers}</numFmts>'
        f'<cellStyleXfs count="1"><xf numFmtId="9"/></cellStyleXfs><cellXfs count="7">{xfs}</cellXfs></styleSheet>'
    )
    items = "".join(f'<si><t xml:space="preserve">{text}</t></si>' for text in strings)
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{_REL}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(
            (
                ("styles", "styles.xml"),
                ("worksheet", "worksheets/sheet1.xml"),
                ("sharedStrings", "sharedStrings.xml"),
            ),
            1,
        )
    )
    return _zipped(
        {
            "_rels/.rels": _relations(
                f'<Relationship Id="rId1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/>'
            ),
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><workbookPr date1904="false"/><sheets>'
            '<sheet state="visible" name="Hoja 1" sheetId="1" r:id="rId2"/></sheets><definedNames><definedName '
            'hidden="1" localSheetId="0" name="_xlnm._FilterDatabase">x</definedName></definedNames></workbook>',
            "xl/_rels/workbook.xml.rels": _relations(links),
            "xl/styles.xml": styles,
            "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}" count="13" uniqueCount="13">{items}</sst>',
            "xl/worksheets/sheet1.xml": sheet,
        }
    )


def _relations(links: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


def _xlsx_row(number: int, cells: list[str], attributes: str = "") -> str:
    return f'<row r="{number}"{attributes}>{"".join(cells)}</row>'


def _zipped(parts: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return data.getvalue()
