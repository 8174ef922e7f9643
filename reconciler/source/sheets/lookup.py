"""``lookup("contacts", key).id``: a value out of another file, by one exact match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.domain.settings import Project
from reconciler.source.formulas.functions import problem
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.report import Report
from reconciler.source.schema.wording import listed, quoted
from reconciler.source.sheets.grid import SheetProblem, refuse_flaws
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options


@dataclass(frozen=True, slots=True)
class _Table:
    """``rows`` by the text of the key column; ``several`` are keys that more than one row has."""

    names: tuple[str, ...]
    rows: Mapping[str, list[str]]
    several: frozenset[str]


class Lookups:
    """The tables of one plan file, each read when a formula first names it."""

    def __init__(self, tables: Mapping[str, Options], project: Project, report: Report) -> None:
        self._options = tables
        self._project = project
        self._report = report
        self._tables: dict[str, _Table | None] = {}

    def prepare(self, name: str) -> None:
        """Read a table that a formula names.

        Raises:
            FormulaProblem: there is none of that name, or its file cannot be used (which is reported).
        """
        if name not in self._options:
            known = ", ".join(self._options)
            hint = f"known: {known}" if known else "add tables: {contacts: contacts.csv}"
            raise FormulaProblem("E703", f"no table {quoted(name)}", hint)
        if name not in self._tables:
            self._tables[name] = self._load(self._options[name])
        if self._tables[name] is None:
            raise FormulaProblem("E703", f"the table {quoted(name)} cannot be used", "mend its file first")

    def find(self, name: object, value: object) -> Mapping[str, str]:
        """The row whose key is ``value``, by header. None or several are problems."""
        table = self._tables.get(name) if isinstance(name, str) else None
        if table is None or not isinstance(value, str):
            raise problem("lookup compares a text", "write string(...) around a number", value=value)
        row = table.rows.get(value)
        if row is None or not value:
            code_hint = "add the row to the table, or correct this cell"
            raise _missed(f"lookup: nothing in {name} is", code_hint, value)
        if value in table.several:
            raise _missed(f"lookup: more than one row of {name} is", "keep one of them", value)
        return dict(zip(table.names, row, strict=False))

    def _load(self, options: Options) -> _Table | None:
        try:
            with open_sheet(options, self._report.file, self._project) as grid:
                records = (record for record in grid.records() if not record.blank)
                first = next(records, None)
                if first is None:
                    raise SheetProblem("E605", "there is nothing in it", "the first row names the columns")
                refuse_flaws(grid, first, first.flaws)
                names = tuple(text.strip() for text in first.texts)
                key = self._key(names, options)
                rows: dict[str, list[str]] = {}
                several: set[str] = set()
                for count, record in enumerate(records, start=1):
                    if count > self._project.limits.sheet_rows:
                        raise SheetProblem("E603", f"more than {self._project.limits.sheet_rows} rows")
                    if len(record.texts) != len(names):
                        message = f"the row has {len(record.texts)} cells, and the header {len(names)}"
                        raise SheetProblem("E607", message, None, grid.locate(record, None))
                    refuse_flaws(grid, record, [index for index, name in enumerate(names) if name])
                    text = record.texts[key]
                    if text in rows:
                        several.add(text)
                    rows[text] = record.texts
        except SheetProblem as found:
            tell_problem(found, options, self._report)
            return None
        return _Table(names, rows, frozenset(several))

    @staticmethod
    def _key(names: tuple[str, ...], options: Options) -> int:
        double = next((name for index, name in enumerate(names) if name and name in names[:index]), None)
        if double is not None:
            raise SheetProblem("E606", f"header {quoted(double)} is there twice", "give one another name")
        if options.key is None:
            return 0
        if options.key not in names:
            raise SheetProblem("E606", f"no column {quoted(options.key)}", f"it has: {listed(names)}")
        return names.index(options.key)


def _missed(message: str, hint: str, value: str) -> FormulaProblem:
    shown = quoted(value)
    return FormulaProblem("E708", f"{message} {shown}", hint, private=(shown,))


def tell_problem(found: SheetProblem, options: Options, report: Report) -> None:
    """A sheet's problem at its own place, or at the plan file's ``file:``."""
    if found.location is not None:
        report.tell(found.code, found.message, found.location, found.hint)
    else:
        message = f"{options.file.text}: {found.message}"
        report.say(found.code, message, options.file.line, options.file.column, found.hint)
