"""What a running formula knows of its cells: their texts, and the columns of sheets that these come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeAlias

from reconciler.source.formulas.notations import MARKS, ORDERS, Examples, Notation

# The fields that set the region of a phone number.
REGION_FIELDS = ("country", "schedule.timezone")
_ANY: frozenset[Notation] = frozenset()


class ColumnExamples(Protocol):
    """The examples in a column of a sheet, by its name. Reading may stop at a cell that shows one of ``until``."""

    def __call__(self, column: str, until: Set[Notation] = _ANY, /) -> Examples: ...


# The examples of each column of a table that ``lookup`` reads, by the table's name.
TableExamples: TypeAlias = Callable[[str], tuple[Sequence[str], ColumnExamples]]


def no_examples(_column: str, _until: Set[Notation] = _ANY, /) -> Examples:
    """The notations of columns that are not those of a sheet."""
    return {}


def no_tables(_name: str) -> tuple[Sequence[str], ColumnExamples]:
    """For formulas without tables."""
    return (), no_examples


@dataclass(frozen=True, slots=True)
class Derivation:
    """What the result of a formula may be made of: cells, rows of tables, and texts in the formula.

    Cells and tables that only ``date``, ``at`` and the like read are left out: these functions check them.
    """

    reads: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    literals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ColumnSources:
    """The columns of a sheet, and for each computed column what it is made of."""

    examples: ColumnExamples = no_examples
    computed: Mapping[str, Derivation] | None = None
    tables: TableExamples = no_tables

    def of_column(self, name: str, until: Set[Notation]) -> Iterator[Examples]:
        """The examples of each column of a sheet or a table that the texts of a column may come from."""
        yield self.examples(name, until)
        if (derivation := self._derivation(name)) is not None:
            for read in derivation.reads:
                yield from self.of_column(read, until)
            for table in derivation.tables:
                names, examples = self.tables(table)
                yield from (examples(column, until) for column in names)

    def is_made(self, name: str) -> bool:
        """Whether a formula makes the texts of a column from cells that nothing has checked."""
        derivation = self._derivation(name)
        return derivation is not None and bool(derivation.reads or derivation.tables)

    def has_literal(self, name: str, text: str) -> bool:
        """Whether a text stands in the formula of a column, or in one that it reads."""
        derivation = self._derivation(name)
        return derivation is not None and (
            text in derivation.literals or any(self.has_literal(read, text) for read in derivation.reads)
        )

    def _derivation(self, name: str) -> Derivation | None:
        return None if self.computed is None else self.computed.get(name)


NO_SOURCES = ColumnSources()


class Inputs:
    """The texts that a running formula reads, with their names, and the columns that they come from.

    ``literals`` are the texts in the formula itself.
    """

    __slots__ = ("_columns", "_literals", "_names", "_rows", "_settled", "_texts")

    def __init__(
        self,
        names: Sequence[str] = (),
        texts: Sequence[str] = (),
        columns: ColumnSources = NO_SOURCES,
        literals: Set[str] = frozenset(),
    ) -> None:
        self._names = names
        self._texts = texts
        self._columns = columns
        self._literals = literals
        self._rows: list[tuple[Mapping[str, str], ColumnExamples]] = []
        self._settled: set[str] = set()

    def text(self, name: str) -> str:
        """The text with a name; empty if the formula does not read it."""
        return self._texts[self._names.index(name)] if name in self._names else ""

    def add_row(self, row: Mapping[str, str], examples: ColumnExamples) -> None:
        """Add the row of a table that ``lookup`` found, with the examples of the table's columns."""
        self._rows.append((row, examples))

    def settle(self, text: str) -> None:
        """Remember a text that has been read in a format of the formula, so that nothing in it is in doubt."""
        self._settled.add(text)

    def is_settled(self, text: str) -> bool:
        return text in self._settled

    def is_literal(self, text: str) -> bool:
        """Whether the formula contains the text, or the formula of a column that holds it does."""
        return text in self._literals or any(self._columns.has_literal(name, text) for name in self._holding(text))

    def is_made(self, text: str) -> bool:
        """Whether a formula made the text: no cell holds it, or only a computed column."""
        has_cells = bool(self._names or self._rows)
        made = all(self._columns.is_made(name) for name in self._holding(text))
        return has_cells and made and not self._in_tables(text, _ANY)

    def examples(self, text: str) -> Examples:
        """The notations in the columns of the cells that hold ``text``; none if a formula made it.

        If several columns hold it, an order or a mark counts only if each of them shows one.
        """
        columns = [self._columns.examples(name) for name in self._holding(text)] + self._in_tables(text, _ANY)
        merged = {note: cell for column in reversed(columns) for note, cell in column.items()}
        decided = [kind for kind in (ORDERS, MARKS) if all(kind & set(column) for column in columns)]
        return {note: cell for note, cell in merged.items() if any(note in kind for kind in decided)}

    def sources(
        self, text: str, until: Set[Notation] = _ANY, *, like: Callable[[str], bool] | None = None
    ) -> list[Examples]:
        """The examples of each column that ``text`` may come from.

        A text that a formula made may come from any cell that it reads, or from those that are ``like`` it.
        """
        names = self._holding(text)
        tables = self._in_tables(text, until)
        if not names and not tables:
            cells = zip(self._names, self._texts, strict=True)
            names = [name for name, cell in cells if like is None or like(cell)]
            tables = [
                examples(name, until)
                for row, examples in self._rows
                for name, cell in row.items()
                if like is None or like(cell)
            ]
        return [*chain.from_iterable(self._columns.of_column(name, until) for name in names), *tables]

    def _holding(self, text: str) -> list[str]:
        cells = zip(self._names, self._texts, strict=True)
        return [name for name, cell in cells if cell.strip() == text.strip()]

    def _in_tables(self, text: str, until: Set[Notation]) -> list[Examples]:
        return [
            examples(name, until)
            for row, examples in self._rows
            for name, cell in row.items()
            if cell.strip() == text.strip()
        ]

    def cell_of(self, text: str) -> str:
        """The cell with ``text`` as a formula names it; ``row.x`` if there is none, or more than one."""
        cells = zip(self._names, self._texts, strict=True)
        names = {name for name, cell in cells if cell == text and name not in REGION_FIELDS}
        name = names.pop() if len(names) == 1 else "x"
        return f"row.{name}" if name.isascii() and name.isidentifier() else f'row["{name}"]'


class _NoInputs(Inputs):
    """For functions outside of a formula. It is shared, so it keeps nothing."""

    def add_row(self, row: Mapping[str, str], examples: ColumnExamples) -> None:
        """Keep nothing."""

    def settle(self, text: str) -> None:
        """Keep nothing."""


NO_INPUTS: Inputs = _NoInputs()
