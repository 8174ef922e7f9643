"""``where``: a formula that decides which rows of a sheet are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.domain.model import Location
from reconciler.source.formulas.inputs import ColumnSources
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.program import Engine, Program
from reconciler.source.formulas.tokens import literals
from reconciler.source.report import FileReport
from reconciler.source.schema.wording import quoted
from reconciler.source.yaml.nodes import Scalar

_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A compiled ``where``. ``scalar`` is its text in the plan file."""

    scalar: Scalar
    program: Program

    @property
    def reads(self) -> Iterable[str]:
        """The names of the cells it reads."""
        return self.program.variables.values()

    def in_sheet(self, columns: ColumnSources) -> RowFilter:
        """The same filter for the rows of one sheet."""
        return replace(self, program=self.program.in_sheet(columns))

    def matches(self, values: Mapping[str, str]) -> bool:
        """Whether the row with these cells is read.

        Raises:
            FormulaProblem: the formula fails, or its result is neither true nor false.
        """
        return is_true(self.program, values)

    def report(
        self, problem: FormulaProblem, values: Mapping[str, str], where: Location, report: FileReport
    ) -> None:
        """Report a failure on a row, with the cells that the formula reads."""
        inputs = [f"{name} is {quoted(values.get(name, ''))}" for name in dict.fromkeys(self.reads)]
        shown = f", where {', '.join(inputs[:3])}" if inputs else ""
        cells = tuple(quoted(values[name]) for name in self.reads if values.get(name))
        private = (*problem.private, *cells, *literals(self.scalar.text))
        message = f"where: {problem.message}; {self.scalar.text}{shown}"
        report.add_problem_at(problem.code, message, where, problem.hint, private=private, cause="where")


def is_true(program: Program, values: Mapping[str, str]) -> bool:
    """The result of a condition. Raises ``FormulaProblem`` if it fails, or is neither true nor false."""
    result = program.run(values)
    if result not in _BOOLEANS:
        hint = 'compare something: row.phone != "", or row.status == "open"'
        raise FormulaProblem("E705", f"the result is {quoted(result)}; expected true or false", hint)
    return _BOOLEANS[result]


def read_filter(
    scalar: Scalar, engine: Callable[[], Engine], names: Mapping[str, str], report: FileReport
) -> RowFilter | None:
    """The filter; None if it is invalid, which is reported. A leading ``=``, as in columns, may be left out."""
    try:
        return RowFilter(scalar, engine().compile(scalar.text.removeprefix("="), names))
    except FormulaProblem as problem:
        private = (*problem.private, *literals(scalar.text))
        message = f"where: {problem.message}"
        report.add_problem(problem.code, message, scalar.line, scalar.column, problem.hint, private=private)
        return None
