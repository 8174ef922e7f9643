"""What all rows of one plan file share, and the one way in which a row is made of what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.model import Location, Row
from reconciler.settings import Project
from reconciler.source.cells import Layer, over
from reconciler.source.formulas.columns import Column, Failure, compute
from reconciler.source.reading import Place, Reading
from reconciler.source.repeat import Occurrence
from reconciler.source.report import Report, is_public
from reconciler.source.rows import Identity, read_row
from reconciler.source.wording import quoted

_SHOWN_READS = 3
_SHOWN_FORMULA = 120


@dataclass(frozen=True, slots=True)
class Frame:
    """One plan file: its identity and defaults, the project, and where problems go."""

    identity: Identity
    defaults: Layer
    project: Project
    report: Report

    def row(
        self,
        place: Place,
        own: Layer,
        columns: Sequence[Column],
        values: dict[str, str],
        locate: Callable[[str], Location | None],
        occurrence: Occurrence | None = None,
    ) -> Row | None:
        """One row: ``own`` over what ``columns`` compute over the defaults; None where anything is wrong.

        ``values`` are the texts that formulas may read, ``locate`` knows the place of one of them. The date of an
        ``occurrence`` becomes the end of the key.
        """
        lower = self.defaults
        if columns:
            made, failures = compute(columns, own, values)
            for failure in failures:
                self._tell(failure, place, values, locate)
            lower = over(made, lower)
        reading = Reading(place, over(own, lower), self.report, own.schedule, occurrence)
        return read_row(reading, self.identity, self.project)

    def _tell(
        self, failure: Failure, place: Place, values: dict[str, str], locate: Callable[[str], Location | None]
    ) -> None:
        """A formula's failure: at the first cell it reads, with the formula and what it read."""
        column, problem = failure.column, failure.problem
        told, private = [], list(problem.private)
        where: Location | None = None
        for name in dict.fromkeys(column.reads):
            found, shown = locate(name), quoted(values.get(name, ""))
            where = where or found
            if values.get(name) and not is_public(name.split(".")):
                private.append(shown)
            told.append(f"{name} is {shown}" + (f" in {found.cell}" if found and found.cell else ""))
        text = column.scalar.text
        formula = text if len(text) <= _SHOWN_FORMULA else f"{text[:_SHOWN_FORMULA]}..."
        message = f"{column.name}: {problem.message}; {formula}"
        if told:
            message += f", where {', '.join(told[:_SHOWN_READS])}"
        self.report.tell(problem.code, message, where or place.row(), problem.hint, private=tuple(private))
