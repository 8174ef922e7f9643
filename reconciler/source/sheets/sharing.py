"""The rows of a long sheet, made by several processes: each reads all records, and makes rows of its share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.bulk import spool
from reconciler.bulk.parallel import spread
from reconciler.domain.model import Row
from reconciler.source.report import Report, Sent
from reconciler.source.rows.gathering import Rows
from reconciler.source.sheets.grid import Grid, Record, SheetProblem

_DATE = re.compile(r"20\d\d[-_.]?(0[1-9]|1[0-2])([-_.]?([0-2]\d|3[01]))?")


@dataclass(slots=True)
class Dates:
    """Whether a scheduled row has a key with a date, and whether one before it has a key without."""

    dated: bool = False
    undated: bool = False

    def add(self, row: Row) -> None:
        if not self.dated and row.rings_at is not None:
            self.dated = _DATE.search(row.address.key) is not None
            self.undated |= not self.dated

    def add_all(self, later: Dates) -> None:
        """What is known of the rows that follow."""
        if not self.dated:
            self.dated = later.dated
            self.undated |= later.undated


class Filled:
    """Records of a grid that hold anything, as many as are read."""

    def __init__(self, grid: Grid, records: Iterator[Record], most: int) -> None:
        self._grid = grid
        self._records = records
        self._most = most
        self._count = 0

    def group(self, count: int) -> Group:
        """Those among the next ``count`` records."""
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

    def _add(self, record: Record) -> None:
        self._count += 1
        if self._count > self._most:
            hint = "an operator may raise limits.sheet_rows in reconciler.yaml"
            raise SheetProblem("E603", f"more than {self._most} rows", hint, self._grid.locate(record, None))

    def pass_over(self, count: int) -> bool:
        """Do without the next ``count`` records; whether there may be more after them."""
        try:
            read, filled = self._grid.pass_over(self._records, count)
        except SheetProblem:
            return False
        self._count += filled
        return read == count and self._count <= self._most


@dataclass(slots=True)
class Group:
    """Some records. ``problem`` is what ended the reading after them; ``last`` says whether it has ended."""

    records: list[Record] = field(default_factory=list)
    problem: SheetProblem | None = None
    last: bool = False


def shared(
    records: Filled, make: Callable[[Sequence[Record]], Sequence[Row]], report: Report, dates: Dates
) -> Iterator[Rows]:
    """The rows that ``make`` makes of records, many at a time, each with its date told to ``dates``.

    What ``make`` tells ``report``, that is told in the order of the records. Raises ``SheetProblem`` where reading
    ends.
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
        made.rows = Rows.of(rows)
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
    """What a process made of some records. ``sent`` are their problems, ``problem`` is what ended the reading."""

    problem: SheetProblem | None
    sent: Sent = field(default_factory=Sent)
    dates: Dates = field(default_factory=Dates)
    rows: Rows | None = None


class _Groups:
    """Groups of records by number, asked for in ascending order."""

    def __init__(self, records: Filled) -> None:
        self._records = records
        self._next = 0
        self._ended = False

    def at(self, number: int) -> Group | None:
        """None where reading ended before it."""
        while self._next < number and not self._ended:
            self._ended = not self._records.pass_over(spool.PART)
            self._next += 1
        if self._ended:
            return None
        group = self._records.group(spool.PART)
        self._next += 1
        self._ended = group.last
        return group
