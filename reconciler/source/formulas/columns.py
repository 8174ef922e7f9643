"""The computed columns of a sheet or a file: compiled once, in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from reconciler.source.formulas.inputs import ColumnExamples, ColumnSources, TableExamples
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.program import Engine, Program
from reconciler.source.formulas.tokens import literals
from reconciler.source.report import FileReport
from reconciler.source.rows.cells import TIMING, Cell, Layer, Source
from reconciler.source.rows.fields import Check, check_of, explain, schema_of
from reconciler.source.schema.wording import quoted, revealing_names
from reconciler.source.yaml.nodes import MapNode, Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A computed column: ``name`` is a field's path or a helper's name. ``program`` is None for fixed text.

    ``check`` validates the text of a field; None for a helper.
    """

    name: str
    scalar: Scalar
    program: Program | None
    text: str = ""
    check: Check | None = None

    @property
    def reads(self) -> Iterable[str]:
        """The names of the cells it reads."""
        return self.program.reads if self.program is not None else ()

    @property
    def context(self) -> Iterable[str]:
        """Those of them that only its functions read."""
        return self.program.context if self.program is not None else ()

    def in_sheet(self, columns: ColumnSources) -> Column:
        """The same column for the rows of one sheet."""
        return self if self.program is None else replace(self, program=self.program.in_sheet(columns))


Columns = Mapping[str, Column]


def read_columns(
    node: MapNode, path: tuple[str | int, ...], engine: Engine, names: Mapping[str, str], report: FileReport
) -> Columns:
    """The columns of one ``columns:`` map. Invalid ones are reported and left out."""
    found: dict[str, Column] = {}
    for name, (_, value) in node.items.items():
        if not isinstance(value, Scalar) or (*path, name) in report.bad:
            continue
        try:
            found[name] = _column(name, value, engine, names)
        except FormulaProblem as problem:
            message = f"{name}: {problem.message}"
            private = (*problem.private, *revealing_names((*path, name)), *literals(value.text))
            report.add_problem(problem.code, message, value.line, value.column, problem.hint, private=private)
            report.bad.add((*path, name))
    return found


def _column(name: str, scalar: Scalar, engine: Engine, names: Mapping[str, str]) -> Column:
    text = scalar.text
    check = check_of(name) if schema_of(name) is not None else None
    if text.startswith("=") and not text.startswith("=="):
        return Column(name, scalar, engine.compile(text[1:], names), check=check)
    return Column(name, scalar, None, text.removeprefix("=") if text.startswith("==") else text, check)


def in_order(columns: Columns, report: FileReport) -> tuple[Column, ...]:
    """The columns, each after those it reads. A cycle is reported, and the result is empty."""
    graph = {name: [read for read in column.reads if read in columns] for name, column in columns.items()}
    try:
        order = tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle = [str(name) for name in reversed(error.args[1])]
        where = columns[cycle[0]].scalar
        message = f"these columns form a cycle: {' reads '.join(cycle)}"
        hint = "change one of them so that it does not read the next"
        report.add_problem("E704", message, where.line, where.column, hint, private=revealing_names(cycle))
        return ()
    return tuple(columns[name] for name in order)


def sources_of(columns: Columns, examples: ColumnExamples, tables: TableExamples) -> ColumnSources:
    """What the columns are made of, in a sheet with these examples."""
    computed = {name: column.program.derivation for name, column in columns.items() if column.program is not None}
    return ColumnSources(examples, computed, tables)


@dataclass(slots=True)
class Failure:
    """A column that failed on a row."""

    column: Column
    problem: FormulaProblem


def compute(columns: Iterable[Column], layer: Layer, values: dict[str, str]) -> tuple[Layer, list[Failure]]:
    """Compute the columns of one row. Values in ``layer``, the row itself, take precedence, including nulls.

    ``values`` holds the texts that formulas read, by name. Computed texts are added to it.
    """
    made = Layer()
    failures: list[Failure] = []
    absent = layer.removed | layer.bad
    for column in columns:
        name = column.name
        if name in layer.cells or name in layer.removed or (absent and name.partition(".")[0] in absent):
            continue
        if made.bad and any(read in made.bad for read in column.reads):
            made.bad.add(name)
            continue
        try:
            text = column.text if column.program is None else _run(column, column.program, values)
            if text and column.check is not None and not column.check(text):
                raise _refused(name, text)
        except FormulaProblem as problem:
            failures.append(Failure(column, problem))
            made.bad.add(name)
            continue
        if text:
            values[name] = text
            made.cells[name] = Cell(text, Source.FORMULA, column)
        elif name in TIMING:
            made.blank |= {name}
    if made.bad:
        made.bad = {name.partition(".")[0] for name in made.bad}
    return made, failures


def _refused(name: str, text: str) -> FormulaProblem:
    code, message, hint = explain(name, text)
    return FormulaProblem(code, message.removeprefix(f"{name}: "), hint, private=(quoted(text),))


def _run(column: Column, program: Program, values: Mapping[str, str]) -> str:
    if column.name == "key":
        blank = next((name for name in program.required if not values.get(name, "").strip()), None)
        if blank is not None:
            hint = "fill it in every row, or give an alternative: coalesce(row.a, row.b)"
            raise FormulaProblem("E706", f"{blank} is empty, but the key needs it", hint)
    return program.run(values)
