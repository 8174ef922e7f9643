"""The context that all rows of one plan file share, and how a row is made from its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler.domain.masking import is_private
from reconciler.domain.model import Location, Row
from reconciler.domain.settings import Project
from reconciler.source.formulas.columns import Column, Failure, compute
from reconciler.source.formulas.tokens import literals
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import Layer, over
from reconciler.source.rows.ordinary import Ordinary
from reconciler.source.rows.reading import Place, Reading
from reconciler.source.rows.repeat import Occurrence
from reconciler.source.rows.rows import Identity, read_row
from reconciler.source.schema.wording import quoted, revealing_names

_SHOWN_READS = 3
_SHOWN_FORMULA = 120
Locate: TypeAlias = Callable[[str], Location | None]


@dataclass(frozen=True, slots=True)
class Trace:
    """How one row was made. ``row`` is None if it has an error.

    ``own`` holds the row's values, ``computed`` those of its columns. ``values`` are the texts that formulas could
    read, and ``locate`` returns the location of one of them.
    """

    reading: Reading
    row: Row | None
    identity: Identity
    own: Layer
    computed: Layer
    defaults: Layer
    values: Mapping[str, str]
    locate: Locate


Watch: TypeAlias = Callable[[Trace], None]
NOTHING = Layer()


@dataclass(frozen=True, slots=True)
class Frame:
    """One plan file: its identity and defaults, the project, and the report for problems.

    ``watch``, if set, is called with the trace of each row; ``ordinary`` makes the rows without problems.
    """

    identity: Identity
    defaults: Layer
    project: Project
    report: FileReport
    watch: Watch | None = None
    ordinary: Ordinary = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ordinary", Ordinary(self.identity, self.defaults, self.project))

    def row(
        self,
        place: Place,
        own: Layer,
        columns: Sequence[Column],
        values: dict[str, str],
        locate: Locate,
        occurrence: Occurrence | None = None,
    ) -> Row | None:
        """Make one row from ``own``, then the results of ``columns``, then the defaults; None if it has an error.

        ``values`` are the texts that formulas may read, ``locate`` returns the location of one of them. The date
        of an ``occurrence`` is appended to the key.
        """
        made = NOTHING
        if columns:
            made, failures = compute(columns, own, values)
            for failure in failures:
                self._report_failure(failure, place, values, locate)
        if self.watch is None and occurrence is None:
            ordinary = self.ordinary.row(place, own, made)
            if ordinary is not None:
                return ordinary
        merged = over(own, over(made, self.defaults))
        reading = Reading(place, merged, self.report, own.schedule, occurrence)
        row = read_row(reading, self.identity, self.project)
        if self.watch is not None:
            self.watch(Trace(reading, row, self.identity, own, made, self.defaults, values, locate))
        return row

    def _report_failure(self, failure: Failure, place: Place, values: dict[str, str], locate: Locate) -> None:
        """Report a formula's failure at the cell it is about, else at the first cell that the formula reads."""
        column, problem = failure.column, failure.problem
        inputs, private = [], [*problem.private, *revealing_names((column.name, *column.reads))]
        where: Location | None = None
        exact = False
        for name in dict.fromkeys(column.reads):
            found, shown = locate(name), quoted(values.get(name, ""))
            if where is None or (shown in problem.private and not exact):
                where = found or where
                exact = shown in problem.private
            if name in column.context and not values.get(name):
                continue
            if is_private(name) and values.get(name):
                private.append(shown)
            inputs.append(f"{name} is {shown}" + (f" in {found.cell}" if found and found.cell else ""))
        text = column.scalar.text
        private += literals(text)
        formula = text if len(text) <= _SHOWN_FORMULA else f"{text[:_SHOWN_FORMULA]}..."
        message = f"{column.name}: {problem.message}; {formula}"
        if inputs:
            message += f", where {', '.join(inputs[:_SHOWN_READS])}"
        self.report.add_problem_at(
            problem.code, message, where or place.row(), problem.hint, private=tuple(private), cause=column.name
        )
