"""Choose what identifies a call, so that next month's export makes new calls and changes no old ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.domain.model import ROW_KEY
from reconciler.source.import_sheet.answers import AnswerProblem, named_column
from reconciler.source.import_sheet.draft import cell_of
from reconciler.source.import_sheet.sample import Column, Sample

OPTION = "--key"


@dataclass(frozen=True, slots=True)
class Key:
    """The columns whose values, joined by ``/``, are the key of a row."""

    columns: tuple[Column, ...]

    @property
    def text(self) -> str:
        """As a person writes it: ``Invoice + Due date``."""
        return " + ".join(column.name for column in self.columns)

    def formula(self, day: Column | None, helper: str) -> str:
        """The formula. ``helper`` is the computed column with the date of the column ``day``."""
        return "=" + ' + "/" + '.join(
            f"row.{helper}" if column is day else _part(column) for column in self.columns
        )

    def problem(self, sample: Sample, rows: Iterable[int]) -> str | None:
        """Why the columns identify no call; None if they do."""
        seen: dict[tuple[str, ...], int] = {}
        for index in rows:
            cells = tuple(column.cells[index].strip() for column in self.columns)
            if not all(cells):
                name = self.columns[cells.index("")].name
                return f"column {name!r} is empty in row {sample.numbers[index]}"
            first = seen.setdefault(cells, index)
            if first != index:
                return f"rows {sample.numbers[first]} and {sample.numbers[index]} have the same {self.text}"
        return None


def parse_key(text: str, sample: Sample, rows: Sequence[int]) -> Key:
    """Read ``Invoice + Due date``.

    Raises:
        AnswerProblem: there is no such column, or the columns identify no call.
    """
    names = [column.name for column in sample.columns if cell_of(column.name)]
    found = [named_column(part, names, OPTION) for part in text.split(" + " if " + " in text else "+")]
    key = Key(tuple(column for name in found for column in sample.columns if column.name == name))
    problem = key.problem(sample, rows)
    if problem is not None:
        raise AnswerProblem(f"{OPTION}: {problem}", f"add a column that differs: {text.strip()} + COLUMN")
    return key


def guess_key(
    identifiers: Sequence[Column], others: Sequence[Column], sample: Sample, rows: Sequence[int]
) -> Key | None:
    """The first identifier that, with as few of ``others`` as possible but at least one, identifies each call."""
    for first in identifiers:
        for count in range(min(1, len(others)), len(others) + 1):
            key = Key((first, *others[:count]))
            if key.problem(sample, rows) is None:
                return key
    return None


def is_row_number(column: Column, rows: Sequence[int]) -> bool:
    """Whether the column only counts the rows: if rows move, their calls would be new ones."""
    return [column.cells[index].strip() for index in rows] == list(map(str, range(1, len(rows) + 1)))


def _part(column: Column) -> str:
    cell = cell_of(column.name)
    return cell if all(ROW_KEY.fullmatch(text.strip()) for text in column.values) else f"slug({cell})"
