"""The rows of a long sheet, made by several processes: each reads all records, and makes rows of its share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from reconciler import spool
from reconciler.model import Diagnostic, Row
from reconciler.parallel import spread
from reconciler.source.gathering import Rows
from reconciler.source.report import Report
from reconciler.source.sheets.grid import Record, SheetProblem

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


def shared(
    records: Iterator[Record], make: Callable[[Record], Row | None], report: Report, dates: Dates
) -> Iterator[Rows]:
    """The rows that ``make`` makes of records, many at a time, each with its date told to ``dates``.

    What ``make`` tells ``report``, that is told in the order of the records. Raises ``SheetProblem`` where reading
    ends.
    """
    groups = _Groups(records)

    def part(number: int) -> _Part | None:
        group = groups.at(number)
        if not group.records and group.problem is None:
            return None
        made = _Part(group.problem)
        report.elsewhere = made.told
        try:
            rows = [row for row in map(make, group.records) if row is not None]
        finally:
            report.elsewhere = None
        for row in rows:
            made.dates.add(row)
        made.rows = Rows.of(rows)
        return made

    for made in spread(part):
        for item in made.told:
            report.retell(item)
        dates.add_all(made.dates)
        if made.rows is not None:
            yield made.rows
        if made.problem is not None:
            raise made.problem


@dataclass(slots=True)
class _Part:
    """What a process made of some records. ``told`` are their problems, ``problem`` is what ended the reading."""

    problem: SheetProblem | None
    told: list[Diagnostic] = field(default_factory=list)
    dates: Dates = field(default_factory=Dates)
    rows: Rows | None = None


@dataclass(slots=True)
class _Group:
    """Some records, and what ended the reading after them."""

    records: list[Record] = field(default_factory=list)
    problem: SheetProblem | None = None


class _Groups:
    """Records, so many at a time."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._next = 0

    def at(self, number: int) -> _Group:
        """The group of a number. Those before it are passed over."""
        while True:
            mine = self._next == number
            self._next += 1
            group = self._read()
            if mine:
                return group

    def _read(self) -> _Group:
        group = _Group()
        try:
            for record in islice(self._records, spool.PART):
                group.records.append(record)
        except SheetProblem as problem:
            group.problem = problem
        return group
