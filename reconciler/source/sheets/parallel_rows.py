"""Make the rows of a long sheet in several processes: each reads all records, and makes the rows of its share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.bulk import spool
from reconciler.bulk.parallel import spread
from reconciler.domain.model import Row
from reconciler.source.report import FileReport, WorkerProblems
from reconciler.source.rows.collector import PackedRows
from reconciler.source.sheets.grid import Grid, SheetProblem, SheetRow, too_many_rows

_DATE = re.compile(r"20\d\d[-_.]?(0[1-9]|1[0-2])([-_.]?([0-2]\d|3[01]))?")


@dataclass(slots=True)
class Dates:
    """Whether a scheduled row has a date in its key, and whether an earlier one has none."""

    dated: bool = False
    undated: bool = False

    def add(self, row: Row) -> None:
        if not self.dated and row.rings_at is not None:
            self.dated = _DATE.search(row.address.key) is not None
            self.undated |= not self.dated

    def add_all(self, later: Dates) -> None:
        """Add the result of the following rows."""
        if not self.dated:
            self.dated = later.dated
            self.undated |= later.undated


class NonBlankRows:
    """The non-blank records of a grid, up to a maximum number."""

    def __init__(self, grid: Grid, records: Iterator[SheetRow], most: int) -> None:
        self._grid = grid
        self._records = records
        self._most = most
        self._count = 0

    def group(self, count: int) -> Group:
        """The non-blank ones of the next ``count`` records."""
        group = Group()
        try:
            for record in self._grid.take(self._records, count):
                count -= 1
                if not record.blank:
                    self._add(record)
                    group.records.append(record)
        except SheetProblem as problem:
            group.problem = problem
        group.last = count > 0 or group.problem is not None
        return group

    def _add(self, record: SheetRow) -> None:
        self._count += 1
        if self._count > self._most:
            raise too_many_rows(self._grid, record, self._most)

    def pass_over(self, count: int) -> bool:
        """Skip the next ``count`` records. Returns whether there may be more after them."""
        try:
            read, filled = self._grid.pass_over(self._records, count)
        except SheetProblem:
            return False
        self._count += filled
        return read == count and self._count <= self._most


@dataclass(slots=True)
class Group:
    """Some records. ``problem`` is the error after them, if any; ``last``: there are no more records."""

    records: list[SheetRow] = field(default_factory=list)
    problem: SheetProblem | None = None
    last: bool = False


def rows_in_parallel(
    records: NonBlankRows, make: Callable[[Sequence[SheetRow]], Sequence[Row]], report: FileReport, dates: Dates
) -> Iterator[PackedRows]:
    """The rows that ``make`` returns for records, in batches. Their dates are added to ``dates``.

    Problems are added to ``report`` in the order of the records. Raises ``SheetProblem`` if the sheet cannot be
    read any further.
    """
    groups = _Groups(records)

    def part(number: int) -> _Part | None:
        group = groups.at(number)
        if group is None:
            return None
        made = _Part(group.problem)
        report.elsewhere = made.sent
        try:
            rows = make(group.records)
        finally:
            report.elsewhere = None
        for row in rows:
            made.dates.add(row)
        made.rows = PackedRows.from_rows(rows)
        return made

    for made in spread(part):
        report.receive(made.sent)
        dates.add_all(made.dates)
        if made.rows is not None:
            yield made.rows
        if made.problem is not None:
            raise made.problem


@dataclass(slots=True)
class _Part:
    """The results of a process for some records. ``sent`` are their problems; ``problem`` ended the reading."""

    problem: SheetProblem | None
    sent: WorkerProblems = field(default_factory=WorkerProblems)
    dates: Dates = field(default_factory=Dates)
    rows: PackedRows | None = None


class _Groups:
    """Groups of records by number. They must be requested in ascending order."""

    def __init__(self, records: NonBlankRows) -> None:
        self._records = records
        self._next = 0
        self._ended = False

    def at(self, number: int) -> Group | None:
        """The group, or None if the records ended before it."""
        while self._next < number and not self._ended:
            self._ended = not self._records.pass_over(spool.PART)
            self._next += 1
        if self._ended:
            return None
        group = self._records.group(spool.PART)
        self._next += 1
        self._ended = group.last
        return group
