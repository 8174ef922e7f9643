"""Choose what identifies a call, so that next month's export makes new calls and changes no old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reconciler.domain.model import ROW_KEY
from reconciler.source.formulas.functions import slug
from reconciler.source.import_sheet.answers import AnswerProblem, named_column
from reconciler.source.import_sheet.draft import cell_of
from reconciler.source.import_sheet.sample import Column, Sample
from reconciler.source.import_sheet.values import days_of
from reconciler.source.schema.wording import quoted

OPTION = "--key"


@dataclass(frozen=True, slots=True)
class Key:
    """The columns whose values, joined by ``/``, are the key of a row. The column ``day`` is the date, which a key
    has as ``2031-06-16``."""

    columns: tuple[Column, ...]
    day: Column | None = None

    @property
    def text(self) -> str:
        """As a person writes it: ``Invoice + Due date``."""
        return " + ".join(column.name for column in self.columns)

    def formula(self, helper: str) -> str:
        """The formula. ``helper`` is the computed column with the date."""
        return "=" + ' + "/" + '.join(
            f"row.{helper}" if column is self.day else _part(column) for column in self.columns
        )

    def problem(self, sample: Sample, rows: Iterable[int]) -> str | None:
        """Why the columns identify no call; None if they do."""
        seen: dict[str, int] = {}
        parts = [self._values(column) for column in self.columns]
        for index in rows:
            number = sample.numbers[index]
            cells = self._cells(index)
            if not all(cells):
                return f"column {self.columns[cells.index('')].name!r} is empty in row {number}"
            key = "/".join(part(column.cells[index]) for part, column in zip(parts, self.columns, strict=True))
            if not ROW_KEY.fullmatch(key):
                return f"row {number} has no usable key, because it would be {quoted(key)}"
            first = seen.setdefault(key, index)
            if first != index:
                what = self.text if cells == self._cells(first) else f"key, which is {quoted(key)}"
                return f"rows {sample.numbers[first]} and {number} have the same {what}"
        return None

    def _cells(self, index: int) -> list[str]:
        return [column.cells[index].strip() for column in self.columns]

    def _values(self, column: Column) -> Callable[[str], str]:
        """What the formula makes of the cells of a column."""
        if column is self.day:
            return days_of(column.with_digits)
        return _FUNCTIONS[_function(column)]


def parse_key(text: str, sample: Sample, rows: Sequence[int], day: Column | None = None) -> Key:
    """Read ``Invoice + Due date``.

    Raises:
        AnswerProblem: there is no such column, or the columns identify no call.
    """
    names = [column.name for column in sample.columns if cell_of(column.name)]
    found = [named_column(part, names, OPTION) for part in text.split(" + " if " + " in text else "+")]
    key = Key(tuple(column for name in found for column in sample.columns if column.name == name), day)
    problem = key.problem(sample, rows)
    if problem is not None:
        raise AnswerProblem(f"{OPTION}: {problem}", f"add a column that differs: {text.strip()} + COLUMN")
    return key


def guess_key(
    identifiers: Sequence[Column],
    others: Sequence[Column],
    sample: Sample,
    rows: Sequence[int],
    day: Column | None = None,
) -> Key | None:
    """The first identifier that, with as few of ``others`` as possible but at least one, identifies each call."""
    for first in identifiers:
        for count in range(min(1, len(others)), len(others) + 1):
            key = Key((first, *others[:count]), day)
            if key.problem(sample, rows) is None:
                return key
    return None


def is_row_number(column: Column, rows: Sequence[int]) -> bool:
    """Whether the column only counts the rows: if rows move, their calls would be new ones."""
    return [column.cells[index].strip() for index in rows] == list(map(str, range(1, len(rows) + 1)))


def _part(column: Column) -> str:
    cell, function = cell_of(column.name), _function(column)
    return f"{function}({cell})" if function else cell


def _function(column: Column) -> str:
    """The function that makes keys of the cells of a column; empty if they are keys already."""
    if all(ROW_KEY.fullmatch(text) for text in column.values):
        return ""
    return "trim" if all(ROW_KEY.fullmatch(text.strip()) for text in column.values) else "slug"


_FUNCTIONS: dict[str, Callable[[str], str]] = {"": str, "trim": str.strip, "slug": slug}
