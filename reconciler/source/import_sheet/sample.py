"""Read a spreadsheet for a draft: find its sheet, its header row, encoding and delimiter, and take its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median

from reconciler.source.import_sheet.headers import Role, fit, is_total
from reconciler.source.import_sheet.values import are_dates, has_digit, is_data, is_phone
from reconciler.source.report import FileReport
from reconciler.source.rows.fields import schema_of
from reconciler.source.sheets.grid import Grid, SheetProblem, SheetRow
from reconciler.source.sheets.header import Header, near_field, read_header
from reconciler.source.sheets.options import Options
from reconciler.source.sheets.workbook import SeveralSheets
from reconciler.source.yaml.nodes import Scalar

MOST_ROWS = 1000  # rows from which the purpose of a column is guessed
_MOST_ABOVE = 30  # rows above the header
_DELIMITERS = (";", "\t", "|")
_WESTERN = "windows-1252"

Opener = Callable[[Options], AbstractContextManager[Grid]]


@dataclass(frozen=True)
class Column:
    """A named column. ``cells`` are the texts of all rows; ``values`` the non-empty ones of those that look like
    calls, from which its purpose is guessed. ``whole``: none of those is empty."""

    name: str
    cells: tuple[str, ...]
    values: tuple[str, ...]
    whole: bool

    @cached_property
    def with_digits(self) -> tuple[str, ...]:
        """The values without texts that stand for an empty cell, such as ``n/a`` in a column of numbers."""
        return tuple(filter(has_digit, self.values))


@dataclass(frozen=True, slots=True)
class Sample:
    """``options`` are the settings in the plan file that are needed to read the sheet. ``numbers`` are the numbers
    of its rows, ``totals`` the indexes of those that are not calls, by their label such as ``TOTAL``."""

    options: Options
    columns: tuple[Column, ...]
    numbers: tuple[int, ...]
    totals: dict[int, str]


def read_sample(options: Options, opener: Opener, plan_file: str) -> Sample:
    """Read the sheet as a plan file would. What is not set is found: sheet, header row, encoding and delimiter.

    Raises:
        SheetProblem: it cannot be read, its header is invalid, or it is empty.
        SeveralSheets: several sheets of a workbook have a header and rows.
    """
    try:
        return _read(options, opener, plan_file)
    except SeveralSheets as found:
        return _only_sheet(options, opener, plan_file, found)
    except SheetProblem as found:
        if found.message.endswith("is not UTF-8") and options.encoding is None:
            return read_sample(replace(options, encoding=_WESTERN), opener, plan_file)
        if (
            found.message.startswith(("one column only", "a quoted cell is followed by"))
            and options.delimiter is None
        ):
            for delimiter in _DELIMITERS:
                try:
                    return _read(replace(options, delimiter=delimiter), opener, plan_file)
                except SheetProblem:
                    continue
        raise


def _only_sheet(options: Options, opener: Opener, plan_file: str, several: SeveralSheets) -> Sample:
    """The only sheet with a header and rows. Raises ``SeveralSheets`` if there are more, or none."""
    if not several.names:
        raise several
    samples: list[Sample] = []
    names: list[str] = []
    for name in several.names:
        try:
            samples.append(_read(replace(options, sheet=name), opener, plan_file))
            names.append(name)
        except SheetProblem as problem:
            if problem.code != "E605":  # it has cells, and a person must look at them
                names.append(name)
    if len(names) == 1:
        return samples[0] if samples else _read(replace(options, sheet=names[0]), opener, plan_file)
    names = names or several.names
    hint = f"set sheet: to one of {', '.join(names)[:200]}"
    raise SeveralSheets(several.code, several.message, hint, names=names)


def _read(options: Options, opener: Opener, plan_file: str) -> Sample:
    report = FileReport(plan_file)
    with opener(options) as grid:
        records = [record for record in grid.records() if not record.blank]
        if not records:
            raise SheetProblem("E605", "the sheet is empty", "write the column names in the first row")
        at = _header_index(records) if options.header is None else _index_of(records, options.header)
        header = read_header(grid, records[at], report)
        if header is None:
            found = report.diagnostics[0]
            raise SheetProblem(found.code, found.message, found.hint, found.location)
    body = records[at + 1 :]
    if not body:
        raise SheetProblem("E605", "the sheet has no rows below its header", "add a row for each call")
    if at > 0:
        options = replace(options, header=records[at].number)
    return _sample(options, header, body)


def _index_of(records: Sequence[SheetRow], number: int) -> int:
    index = next((index for index, record in enumerate(records) if record.number == number), None)
    if index is None:
        raise SheetProblem(
            "E605", f"row {number} has no cells", "write the number of the row with the column names"
        )
    return index


def _header_index(records: Sequence[SheetRow]) -> int:
    """The row with the most names that are recognised, or else the first that is as full as the rows below it."""
    above = range(min(len(records), _MOST_ABOVE))
    if all(len(records[index].texts) == 1 for index in above):  # perhaps another delimiter than the usual one
        return next((index for index in above if any(mark in records[index].texts[0] for mark in _DELIMITERS)), 0)
    best = max(above, key=lambda index: (_recognised(records[index]), -index))
    if _recognised(records[best]) >= 2:
        return best
    width = median(record.filled for record in records[: _MOST_ABOVE * 2])
    full = (index for index in above if records[index].filled >= max(2, width * 0.6))
    return next(full, 0)


def _recognised(record: SheetRow) -> int:
    """How many cells look like the name of a column; 0 for a row with a date or a phone number, which is data."""
    if any(are_dates([text]) or is_phone(text) for text in record.texts if text.strip()):
        return 0
    texts = {text.strip() for text in record.texts if text.strip() and not is_data(text)}
    return sum(_is_name(text) for text in texts)


def _is_name(text: str) -> bool:
    return schema_of(text) is not None or near_field(text) is not None or any(fit(text, role) for role in Role)


def _sample(options: Options, header: Header, body: Sequence[SheetRow]) -> Sample:
    width = len(header.names)
    rows = [[*record.texts, *[""] * (width - len(record.texts))] for record in body]
    labels = {index: label for index, texts in enumerate(rows) if (label := _total(texts)) is not None}
    wide = sum(map(bool, header.names)) > 3
    likely = [
        texts
        for index, texts in enumerate(rows)
        if index not in labels and (not wide or sum(bool(text.strip()) for text in texts) > 1)
    ][:MOST_ROWS]
    return Sample(options, tuple(_columns(header.names, rows, likely)), tuple(row.number for row in body), labels)


def _total(texts: Sequence[str]) -> str | None:
    """The label of a row of totals, which is its first text; None for other rows."""
    first = next((text.strip() for text in texts if text.strip()), "")
    return first if is_total(first) else None


def _columns(
    names: Sequence[str], rows: Sequence[Sequence[str]], likely: Sequence[Sequence[str]]
) -> Iterator[Column]:
    for index, name in enumerate(names):
        if name:
            cells = tuple(texts[index] for texts in rows)
            values = tuple(texts[index] for texts in likely if texts[index].strip())
            yield Column(name, cells, values, len(values) == len(likely))


def named(text: str) -> Scalar:
    """A file's name as in a plan file."""
    return Scalar(text, plain=False, line=1, column=1)
