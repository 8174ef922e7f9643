"""Read the header and the first rows of a spreadsheet, with any delimiter and encoding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from reconciler.domain.settings import Project
from reconciler.source.report import FileReport
from reconciler.source.sheets.grid import SheetProblem, SheetRow
from reconciler.source.sheets.header import read_header
from reconciler.source.sheets.opening import open_sheet
from reconciler.source.sheets.options import Options
from reconciler.source.yaml.nodes import Scalar

MOST_ROWS = 1000
_DELIMITERS = (";", "\t", "|")
_WESTERN = "windows-1252"


@dataclass(frozen=True, slots=True)
class Column:
    """A named column. ``values`` are the non-empty ones of the first rows; ``whole``: none is empty."""

    name: str
    values: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows. ``options`` are the settings in the plan file that are needed to read the sheet."""

    options: Options
    columns: tuple[Column, ...]
    rows: int


def read_sample(options: Options, plan_file: str, project: Project) -> Sample:
    """Read the sheet as a plan file at ``plan_file`` would. Encoding and delimiter are guessed if not set.

    Raises:
        SheetProblem: it cannot be read, its header is invalid, or it is empty.
    """
    try:
        return _read(options, plan_file, project)
    except SheetProblem as found:
        if found.message.endswith("is not UTF-8") and options.encoding is None:
            return read_sample(replace(options, encoding=_WESTERN), plan_file, project)
        if (
            found.message.startswith(("one column only", "a quoted cell is followed by"))
            and options.delimiter is None
        ):
            for delimiter in _DELIMITERS:
                try:
                    return _read(replace(options, delimiter=delimiter), plan_file, project)
                except SheetProblem:
                    continue
        raise


def _read(options: Options, plan_file: str, project: Project) -> Sample:
    report = FileReport(plan_file)
    with open_sheet(options, plan_file, project) as grid:
        records = (record for record in grid.records() if not record.blank)
        first = next(records, None)
        if first is None:
            raise SheetProblem("E605", "the sheet is empty", "write the column names in the first row")
        header = read_header(grid, first, report)
        if header is None:
            found = report.diagnostics[0]
            raise SheetProblem(found.code, found.message, found.hint, found.location)
        sample = list(islice(records, MOST_ROWS))
    columns = tuple(_columns(header.names, sample))
    if not sample:
        raise SheetProblem("E605", "the sheet has no rows below its header", "add a row for each call")
    return Sample(options, columns, len(sample))


def _columns(names: tuple[str, ...], sample: list[SheetRow]) -> Iterator[Column]:
    for index, name in enumerate(names):
        if name:
            texts = (record.texts[index] for record in sample if index < len(record.texts))
            values = tuple(text for text in texts if text.strip())
            yield Column(name, values, len(values) == len(sample))


def named(text: str) -> Scalar:
    """A file's name as in a plan file."""
    return Scalar(text, plain=False, line=1, column=1)
