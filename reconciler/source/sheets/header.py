"""Read the header of a sheet: columns that set a field, columns that are inputs, and problems with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from reconciler.source.report import FileReport
from reconciler.source.rows.fields import MAPS, fields, folded, is_repeat, schema_of
from reconciler.source.schema.shape import NO_REPEAT, SYNONYMS
from reconciler.source.sheets.grid import MEND, Grid, SheetProblem, SheetRow

_MARKS = (";", ",", "\t", "|")
MAP_NAMES = (*MAPS, "schedule")
_MOST_ABOVE = 30  # rows of a title


@dataclass(frozen=True, slots=True)
class Header:
    """Names by column, empty for a column without a name. ``fields`` are the columns that set a field."""

    names: tuple[str, ...]
    fields: tuple[tuple[int, str], ...]
    inputs: tuple[tuple[int, str], ...]


def find_header(grid: Grid, records: Iterator[SheetRow], number: int | None, needed: Set[str]) -> SheetRow:
    """The row that names the columns: row ``number``, or the first one. Reads ``records`` up to that row.

    Without a number, rows above it are passed over only if they do not name the columns ``needed`` by formulas (or
    without formulas, any field), and a later row names them all.

    Raises:
        SheetProblem: there is no such row, or a row that is passed over has a cell without a value.
    """
    filled = (record for record in records if not record.blank)
    if number is not None:
        record = next((record for record in filled if record.number >= number), None)
        if record is None or record.number > number:
            hint = "write the number of the row with the column names, as the spreadsheet program shows it"
            raise SheetProblem("E605", f"header: {number}, but that row is empty, hidden or missing", hint)
        return record
    first = next(filled, None)
    if first is None:
        raise SheetProblem("E605", "the sheet is empty", "write the column names in the first row")
    above = [first]
    if not _names(first, needed):
        for record in islice(filled, _MOST_ABOVE):
            if _names(record, needed):
                _refuse_flaws_above(grid, above, record)
                return record
            above.append(record)
    return first


def column_name(text: str) -> str:
    """The name of a column. A line break in its header, which a formula could not name, counts as a space."""
    return text.strip() if text.strip().isprintable() else " ".join(text.split())


def _names(record: SheetRow, needed: Set[str]) -> bool:
    """Whether the row names all columns that formulas need, or without formulas, a field."""
    names = set(map(column_name, record.texts))
    return needed <= names if needed else any(schema_of(name) is not None for name in names)


def _refuse_flaws_above(grid: Grid, above: list[SheetRow], header: SheetRow) -> None:
    """Refuse to pass over what may be more than a title: a row with as many cells as the header, or a flaw."""
    for record in above:
        if record.filled > 1 and record.filled >= header.filled:
            message = (
                f"it is not certain that row {header.number} names the columns: row {record.number} may be data"
            )
            hint = f"set header: {header.number} to ignore the rows above it"
            raise SheetProblem("E605", message, hint, grid.locate(record, None))
        for column, flaw in record.flaws.items():
            hint = f"set header: {header.number} to ignore the rows above it"
            raise SheetProblem("E608", f"above the header: {flaw}", hint, grid.locate(record, column))


def read_header(grid: Grid, record: SheetRow, report: FileReport) -> Header | None:
    """The header, or None if it is invalid. All problems are reported."""
    names = tuple(map(column_name, record.texts))
    seen: dict[str, int] = {}
    usable = True
    found_fields: list[tuple[int, str]] = []
    if len(names) == 1 and (mark := next((mark for mark in _MARKS if mark in names[0]), None)) is not None:
        shown = "\\t" if mark == "\t" else mark
        message = f"one column only, and its header contains {shown!r}"
        report.add_problem_at("E606", message, grid.locate(record, 0), f'set delimiter: "{shown}"')
        return None
    for index, flaw in record.flaws.items():
        report.add_problem_at("E608", f"in the header: {flaw}", grid.locate(record, index), MEND)
        usable = False
    if not usable:
        return None
    inputs: list[tuple[int, str]] = []
    for index, name in enumerate(names):
        problem = _problem(name, seen)
        if problem is not None:
            report.add_problem_at("E606", problem[0], grid.locate(record, index), problem[1])
            usable = False
        elif name:
            seen[name] = index
            (inputs if schema_of(name) is None else found_fields).append((index, name))
    return Header(names, tuple(found_fields), tuple(inputs)) if usable and seen else None


def _problem(name: str, seen: dict[str, int]) -> tuple[str, str] | None:
    if name in seen:
        return f"duplicate header {name!r}", "rename one of the columns"
    if name.startswith("metadata.reconciler_"):
        return f"header {name!r}: tags that start with reconciler_ are reserved", "choose another name"
    head = name.partition(".")[0]
    if head in MAP_NAMES and schema_of(name) is None:
        names = ", ".join(item for item in fields() if item.startswith(f"{head}."))
        return f"header {name!r} is not a field", f"use {names}name" if head in MAPS else f"use one of: {names}"
    return None


def near_field(name: str) -> tuple[str, bool] | None:
    """The field that a name is similar to, and whether it is a misspelling (else a synonym, such as ``phone``)."""
    same = {folded(item): item for item in fields()}
    plain = folded(name)
    if plain in same:
        return same[plain], True
    synonym = SYNONYMS.get(plain)
    if synonym is not None:
        return next((item for item in fields() if item == synonym or item.endswith(f".{synonym}")), synonym), False
    near = get_close_matches(plain, same, n=1, cutoff=0.88)
    return (same[near[0]], True) if near else None


def check_unread(grid: Grid, record: SheetRow, header: Header, read: Collection[str], report: FileReport) -> None:
    """Report inputs that no formula uses: an error if the name is similar to a field, else a warning."""
    for index, name in header.inputs:
        if name in read:
            continue
        near = near_field(name)
        where = grid.locate(record, index)
        if is_repeat(name):
            report.add_problem_at("E806", f"header {name!r}: {NO_REPEAT[0]}", where, NO_REPEAT[1])
        elif near is not None and near[1]:
            report.add_problem_at(
                "E606", f"header {name!r} is similar to the field {near[0]}", where, f"rename it to {near[0]}"
            )
        else:
            hint = f"did you mean {near[0]}?" if near is not None else "remove the column, or use it in columns:"
            report.add_problem_at("W204", f"header {name!r} is not a field, and no formula uses it", where, hint)
