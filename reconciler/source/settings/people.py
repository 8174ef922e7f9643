"""Read lists of people: numbers and contact ids in a CSV file or a workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.diagnostics import by_place
from reconciler.domain.model import Diagnostic
from reconciler.domain.people import ListFile, People, Suppressed, SuppressionFile, person
from reconciler.domain.settings import PROJECT_FILE, Project
from reconciler.domain.times import FARTHEST_EAST
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.report import FileReport
from reconciler.source.rows.parties import ID
from reconciler.source.schema.wording import quoted
from reconciler.source.sheets.grid import Grid, SheetProblem, SheetRow, limited, refuse_flaws
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options
from reconciler.source.yaml.nodes import Scalar

_NUMBER_HEADERS = frozenset(
    {"number", "phone", "phonenumber", "tonumber", "telephone", "mobile", "e164"}
    | {"número", "numero", "teléfono", "telefono", "celular", "móvil", "movil"}
)
_CONTACT_HEADERS = frozenset({"contactid", "contact", "id"})
_ANY_COUNTRY = "US"  # not used for numbers that start with +
_NEITHER_LETTER_NOR_DIGIT = re.compile(r"[\W_]")


@dataclass(frozen=True, slots=True)
class _ListLine:
    """The person in one line, in the form of ``person``: contact ids, numbers, or both."""

    contacts: tuple[str, ...]
    numbers: tuple[str, ...]


def read_people(project: Project, now: datetime) -> tuple[People, tuple[Diagnostic, ...]]:
    """Read all lists of the policy. Problems are located in the list, or where the policy names the file.

    With errors, the lists contain only what could be read, and nothing may be placed.
    """
    report, policy = FileReport(PROJECT_FILE), project.policy
    suppressed = tuple(_suppressed(item, project, report, now) for item in policy.suppression)
    numbers: dict[str, str] = {}
    if policy.contacts is not None:
        for line in _lines(policy.contacts, project, report):
            numbers |= {contact: number for contact in line.contacts for number in line.numbers[:1]}
    report.finish()
    return People(suppressed, numbers), by_place(report.diagnostics)


def _suppressed(file: SuppressionFile, project: Project, report: FileReport, now: datetime) -> Suppressed:
    if file.as_of > (now + FARTHEST_EAST).date():
        message = f"{file.list.file}: as_of {file.as_of} is in the future"
        report.add_problem_at("E913", message, file.list.source, "write the day on which you fetched the list")
    persons: set[str] = set()
    numbers_only = False
    for line in _lines(file.list, project, report):
        persons.update(line.contacts, line.numbers)
        numbers_only = numbers_only or not line.contacts
    return Suppressed(file, frozenset(persons), numbers_only)


def _lines(file: ListFile, project: Project, report: FileReport) -> Iterator[_ListLine]:
    """The lines with a person. Reading ends at the first problem of the file itself."""
    name = Scalar(file.file, plain=True, line=file.source.line, column=file.source.column)
    is_workbook = file.file.lower().endswith((".xlsx", ".ods"))
    options = Options(
        name,
        sheet=file.sheet,
        encoding=file.encoding,
        delimiter=file.delimiter,
        hidden="include" if is_workbook else None,  # people in hidden rows count
    )
    try:
        with open_sheet(options, PROJECT_FILE, project) as grid:
            records = (record for record in grid.records() if not record.blank)
            header = next(records, None)
            if header is None:
                raise SheetProblem("E605", "the sheet is empty", "write the column names in the first row")
            reader = _ListReader(grid, header, file, report)
            for record in limited(grid, records, project.limits.sheet_rows):
                if line := reader.line(record):
                    yield line
    except SheetProblem as problem:
        location = problem.location or file.source
        message = problem.message if problem.location else f"{file.file}: {problem.message}"
        report.add_problem_at(problem.code, message, location, problem.hint)


class _ListReader:
    """Reads the lines of one list. Columns are identified by their headers; others are ignored."""

    def __init__(self, grid: Grid, header: SheetRow, file: ListFile, report: FileReport) -> None:
        self._grid = grid
        self._file = file
        self._report = report
        folded = [_NEITHER_LETTER_NOR_DIGIT.sub("", text).lower() for text in header.texts]
        self._numbers = [index for index, name in enumerate(folded) if name in _NUMBER_HEADERS]
        self._contacts = [index for index, name in enumerate(folded) if name in _CONTACT_HEADERS]
        self._width = len(folded)
        refuse_flaws(grid, header, header.flaws)
        if file.country is not None:
            _check_country(file.country)
        if not self._numbers and not self._contacts:
            hint = (
                "name a column 'number' or 'contact_id' in the first row; for text without commas, set delimiter:"
            )
            raise SheetProblem("E911", "no column for numbers or contacts", hint, grid.locate(header, None))

    def line(self, record: SheetRow) -> _ListLine | None:
        """The person of a record. None if a cell is invalid, or there is no person; both are reported."""
        if len(record.texts) != self._width:
            message = f"the row has {len(record.texts)} cells, but the header has {self._width}"
            raise SheetProblem("E607", message, None, self._grid.locate(record, None))
        refuse_flaws(self._grid, record, (*self._contacts, *self._numbers))
        contacts = [self._contact(record, index) for index in self._contacts if record.texts[index].strip()]
        numbers = [self._number(record, index) for index in self._numbers if record.texts[index].strip()]
        if not contacts and not numbers:
            location = self._grid.locate(record, None)
            self._report.add_problem_at(
                "E912", "this line has no number or contact", location, "fill in the cell, or remove the line"
            )
        line = _ListLine(tuple(filter(None, contacts)), tuple(filter(None, numbers)))
        return line if line.contacts or line.numbers else None

    def _contact(self, record: SheetRow, index: int) -> str | None:
        text = record.texts[index].strip()
        if ID.fullmatch(text):
            return person(text)
        self._unread(record, index, "not a contact id", "write a UUID, as in contact_id of a row")
        return None

    def _number(self, record: SheetRow, index: int) -> str | None:
        text = record.texts[index].strip()
        country = self._file.country
        if country is None and not text.startswith("+"):
            hint = "write it with + and its country code, or add country: (such as US) next to file:"
            self._unread(record, index, "the number has no country code", hint)
            return None
        from reconciler.source.formulas.functions import e164  # noqa: PLC0415 - only for numbers in a list

        try:
            return person(e164(text, country or _ANY_COUNTRY))
        except FormulaProblem as problem:
            self._unread(
                record,
                index,
                "not a possible phone number",
                problem.hint or "check the country code and the length",
            )
            return None

    def _unread(self, record: SheetRow, index: int, what: str, hint: str) -> None:
        shown = quoted(record.texts[index].strip())
        self._report.add_problem_at(
            "E912", f"{what}: {shown}", self._grid.locate(record, index), hint, private=(shown,)
        )


def _check_country(name: str) -> None:
    import phonenumbers  # noqa: PLC0415 - 27 ms, only where numbers are read

    if name not in phonenumbers.SUPPORTED_REGIONS:
        raise SheetProblem(
            "E204", f"country {quoted(name)} is unknown", "write two capital letters such as US or MX"
        )
