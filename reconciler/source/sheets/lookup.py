"""``lookup("contacts", key).id``: get a value from another file, by an exact match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from reconciler.domain.settings import Project
from reconciler.source.formulas.inputs import NO_INPUTS, ColumnExamples, Inputs, no_examples
from reconciler.source.formulas.notations import Examples, Notation
from reconciler.source.formulas.problem import FormulaProblem, problem
from reconciler.source.report import FileReport
from reconciler.source.schema.wording import listed, quoted
from reconciler.source.sheets.examples import SheetExamples
from reconciler.source.sheets.grid import SheetProblem, SheetRow, limited, refuse_flaws
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options


@dataclass(frozen=True, slots=True)
class _Table:
    """``rows`` by the text of the key column; ``several`` are the keys of more than one row. ``header`` is the
    record of the names."""

    names: tuple[str, ...]
    rows: Mapping[str, list[str]]
    several: frozenset[str]
    header: SheetRow


class Lookups:
    """The tables of one plan file. Each is read when a formula first uses it."""

    def __init__(self, tables: Mapping[str, Options], project: Project, report: FileReport) -> None:
        self._options = tables
        self._project = project
        self._report = report
        self._tables: dict[str, _Table | None] = {}
        self._examples: dict[str, SheetExamples] = {}

    def prepare(self, name: str) -> None:
        """Read a table that a formula uses.

        Raises:
            FormulaProblem: there is no table of that name, or its file is invalid (which is reported).
        """
        if name not in self._options:
            names = ", ".join(self._options)
            hint = f"use one of: {names}" if names else "add tables: {contacts: contacts.csv}"
            raise FormulaProblem("E703", f"unknown table {quoted(name)}", hint)
        if name not in self._tables:
            self._tables[name] = self._load(self._options[name])
        if self._tables[name] is None:
            raise FormulaProblem(
                "E703", f"the table {quoted(name)} cannot be used", "correct the errors in its file"
            )

    def examples(self, name: str) -> tuple[Sequence[str], ColumnExamples]:
        """The columns of a table, and how each writes dates and times. The table is read again for the first."""
        table = self._tables.get(name)
        if table is None:
            return (), no_examples

        def of_column(column: str, _until: Set[Notation] = frozenset(), /) -> Examples:
            if name not in self._examples:
                self._examples[name] = self._read_examples(self._options[name], table)
            return self._examples[name](column)

        return table.names, of_column

    def _read_examples(self, options: Options, table: _Table) -> SheetExamples:
        """Raise ``FormulaProblem`` if the file cannot be read any more."""
        try:
            with open_sheet(options, self._report.file, self._project) as grid:
                examples = SheetExamples(grid, table.header, table.names, set(table.names))
                for name in table.names:
                    examples(name)
                return examples
        except SheetProblem as error:
            raise FormulaProblem("E703", f"{options.file.text}: {error.message}", error.hint) from error

    def find(self, name: object, value: object, *, inputs: Inputs = NO_INPUTS) -> Mapping[str, str]:
        """The row with the key ``value``, as texts by header. No row, or several, is a problem."""
        table = self._tables.get(name) if isinstance(name, str) else None
        if table is None or not isinstance(value, str):
            raise problem("lookup: expected a text", "for a number, write string(...)", value=value)
        row = table.rows.get(value)
        if row is None or not value:
            code_hint = "add the row to the table, or correct this cell"
            raise _not_unique(f"lookup: no row of {name} has the key", code_hint, value)
        if value in table.several:
            raise _not_unique(f"lookup: more than one row of {name} has the key", "keep one of them", value)
        found = dict(zip(table.names, row, strict=False))
        inputs.add_row(found, self.examples(str(name))[1])
        return found

    def _load(self, options: Options) -> _Table | None:
        try:
            with open_sheet(options, self._report.file, self._project) as grid:
                records = (record for record in grid.records() if not record.blank)
                first = next(records, None)
                if first is None:
                    raise SheetProblem("E605", "the sheet is empty", "write the column names in the first row")
                refuse_flaws(grid, first, first.flaws)
                names = tuple(text.strip() for text in first.texts)
                key = self._key(names, options)
                rows: dict[str, list[str]] = {}
                several: set[str] = set()
                for record in limited(grid, records, self._project.limits.sheet_rows):
                    if len(record.texts) != len(names):
                        message = f"the row has {len(record.texts)} cells, but the header has {len(names)}"
                        raise SheetProblem("E607", message, None, grid.locate(record, None))
                    refuse_flaws(grid, record, [index for index, name in enumerate(names) if name])
                    text = record.texts[key]
                    if text in rows:
                        several.add(text)
                    rows[text] = record.texts
        except SheetProblem as found:
            report_problem(found, options, self._report)
            return None
        return _Table(names, rows, frozenset(several), first)

    @staticmethod
    def _key(names: tuple[str, ...], options: Options) -> int:
        double = next((name for index, name in enumerate(names) if name and name in names[:index]), None)
        if double is not None:
            raise SheetProblem("E606", f"duplicate header {quoted(double)}", "rename one of the columns")
        if options.key is None:
            return 0
        if options.key not in names:
            raise SheetProblem("E606", f"no column {quoted(options.key)}", f"use one of: {listed(names)}")
        return names.index(options.key)


def _not_unique(message: str, hint: str, value: str) -> FormulaProblem:
    shown = quoted(value)
    return FormulaProblem("E708", f"{message} {shown}", hint, private=(shown,))


def report_problem(found: SheetProblem, options: Options, report: FileReport) -> None:
    """Report a sheet's problem at its location, or at ``file:`` in the plan file."""
    if found.location is not None:
        report.add_problem_at(found.code, found.message, found.location, found.hint)
    else:
        message = f"{options.file.text}: {found.message}"
        report.add_problem(found.code, message, options.file.line, options.file.column, found.hint)
