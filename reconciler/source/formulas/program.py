"""Compile a formula once and run it for each row, with the CEL engine.

The engine is ``cel-expr-python``, the CEL project's own runtime (C++, 4-9 us a run). Before compilation each
``row.name`` is replaced by its own variable, so that a run gets only the cells it reads. The engine checks types
at compile time: cells are texts, and functions return the types of their annotations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING

from reconciler.source.formulas.inputs import (
    NO_INPUTS,
    NO_SOURCES,
    REGION_FIELDS,
    ColumnSources,
    Derivation,
    Inputs,
)
from reconciler.source.formulas.problem import FormulaProblem, Function
from reconciler.source.formulas.result import to_text
from reconciler.source.formulas.signatures import extension
from reconciler.source.formulas.tokens import MAX_DEPTH, Read, scan

if TYPE_CHECKING:
    from cel_expr_python import cel

_BUILTIN = (
    "size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes",
    "timestamp", "duration", "dyn", "type", "has", "getFullYear", "getMonth", "getDate", "getDayOfMonth",
    "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
)  # fmt: skip
_CACHED = 4096  # results per formula: cells such as dates and currencies repeat
_CLOCKS = frozenset({"now", "today", "time"})
_COMPILE_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_INSTANT = re.compile(r"\btimestamp\s*\(")  # the result is an instant, even at midnight
_DATE = re.compile(r"\s*(?:date|workdays)\s*\(")  # the result of the whole formula is a day
_TYPES_HINT = "cells are text: convert with int(row.n), double(row.n) or string(n)"


class Engine:
    """The functions that formulas share, and the last problem that one of them raised.

    ``prepare`` is called with each table that a formula uses; it raises ``FormulaProblem`` for an unknown one.

    The engine converts an exception of a Python function to a text; ``raised`` returns the original problem. A
    function with the keyword argument ``inputs`` gets the texts that the running formula reads.
    """

    def __init__(self, functions: Mapping[str, Function], prepare: Callable[[str], None]) -> None:
        from cel_expr_python import cel  # noqa: PLC0415 - 14 MB, only where formulas are

        self._cel = cel
        self._prepare = prepare
        self._raised: FormulaProblem | None = None
        self._inputs = NO_INPUTS
        self._names = frozenset(functions)
        self._extension = extension(functions, self._watched)

    def compile(self, formula: str, names: Mapping[str, str]) -> Program:
        """Compile a formula without its ``=``. ``names`` are the values of ``plan.name``.

        Raises:
            FormulaProblem: it is invalid, exceeds a limit, or uses an unknown name.
        """
        scanned = scan(formula)
        for read in scanned.plan_names:
            if read.name not in names:
                raise FormulaProblem("E703", f"unknown name plan.{read.name}", f"use one of: {', '.join(names)}")
        chains = sorted((*scanned.reads, *scanned.plan_names), key=lambda read: read.start)
        variables = {read: f"__{index}" for index, read in enumerate(chains)}
        expression = self._compile(_renamed(formula, variables), variables.values())
        for table in scanned.tables:
            self._prepare(table)
        constants = {variables[read]: names[read.name] for read in scanned.plan_names}
        reads = {variables[read]: read.name for read in scanned.reads}
        required = dict.fromkeys(read.name for read in scanned.reads if not read.optional)
        tables = tuple(dict.fromkeys(scanned.tables))
        context = REGION_FIELDS if scanned.uses_region else ()
        derivation = Derivation(
            reads=tuple(dict.fromkeys(read.name for read in scanned.reads if not read.checked)),
            tables=tuple(dict.fromkeys(scanned.unchecked_tables)),
            literals=frozenset(scanned.literals),
        )
        return Program(self, formula, expression, reads, constants, tuple(required), derivation, tables, context)

    def raised(self) -> FormulaProblem | None:
        """The problem that a function raised since ``begin``, or None."""
        return self._raised

    def begin(self, inputs: Inputs) -> None:
        """Set what functions can look up during the next run."""
        self._raised = None
        self._inputs = inputs

    def failure(self, result: cel.Value) -> str | None:
        """The engine's message if ``result`` is an error, or None."""
        return str(result.plain_value()) if result.type() == self._cel.Type.ERROR else None

    def _compile(self, formula: str, variables: Iterable[str]) -> cel.Expression:
        types = dict.fromkeys(variables, self._cel.Type.STRING)
        try:
            return self._cel.NewEnv(variables=types, extensions=[self._extension]).compile(formula)
        except RuntimeError as error:
            raise self._unreadable(formula, str(error)) from None

    def _unreadable(self, formula: str, text: str) -> FormulaProblem:
        """Convert the engine's first compile error to a problem."""
        match = _COMPILE_ERROR.search(text)
        if "recursion" in text:
            message = f"the formula has more than {MAX_DEPTH} operators in a row, or nested parts"
            return FormulaProblem("E702", message, "compute a part in a separate column: part: '=...', row.part")
        if match is None:
            return FormulaProblem("E701", "invalid formula")
        line, column, message = int(match[1]), int(match[2]), match[3]
        unknown = _UNDECLARED.search(message)
        if unknown is not None:
            called = formula.splitlines()[line - 1][column - 1 : column] == "("
            return self._unknown(unknown[1].partition(".")[0], called=called)
        place = f" at character {column}"
        if message.startswith("Syntax error: "):
            detail = _wording(message.removeprefix("Syntax error: "))
            return FormulaProblem("E701", f"invalid formula{place}: {detail}")
        return FormulaProblem("E701", f"type mismatch{place}: {_type_error(message)}", _TYPES_HINT)

    def _unknown(self, name: str, *, called: bool) -> FormulaProblem:
        if not called:
            return FormulaProblem(
                "E703", f"unknown name {name}", f"write row.{name} for a cell, or put a text in quotes"
            )
        if name in self._names or name in _BUILTIN:
            return FormulaProblem("E701", f"{name}: wrong number of arguments")
        if name in _CLOCKS:
            return FormulaProblem("E703", f"unknown function {name}: formulas have no access to the clock")
        return FormulaProblem("E703", f"unknown function {name}", _near(name, (*self._names, *_BUILTIN)))

    def _watched(self, name: str, function: Function) -> Function:
        takes_inputs = "inputs" in signature(function).parameters

        def watched(*args: object) -> object:
            try:
                return _whole(name, function(*args, inputs=self._inputs) if takes_inputs else function(*args))
            except FormulaProblem as error:
                self._raised = error
                raise

        return watched


def _whole(name: str, result: object) -> object:
    """Refuse NUL characters: the engine would cut a text from Python at its first NUL."""
    texts = (result,) if isinstance(result, str) else result.values() if isinstance(result, Mapping) else ()
    if any("\0" in text for text in texts):
        raise FormulaProblem("E705", f"{name}: the result contains a NUL character")
    return result


@dataclass(slots=True)
class Program:
    """A compiled formula. ``variables`` maps the engine's variables to the names of cells.

    ``required`` are the cells read outside of ``coalesce``, ``tables`` the names of the lookup tables it uses.
    ``derivation`` is what the result may be made of, ``context`` further cells that its functions read.
    ``columns`` are those of a sheet.
    """

    engine: Engine
    formula: str
    compiled: cel.Expression
    variables: Mapping[str, str]
    constants: Mapping[str, str]
    required: tuple[str, ...]
    derivation: Derivation
    tables: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    columns: ColumnSources = NO_SOURCES
    reads: tuple[str, ...] = field(init=False)
    _instant: bool = field(init=False)
    _result: Callable[[tuple[str, ...]], str] = field(init=False)

    def __post_init__(self) -> None:
        self.reads = (*self.variables.values(), *self.context)
        self._instant = bool(_INSTANT.search(self.formula)) and not _DATE.match(self.formula)
        self._result = lru_cache(_CACHED)(self._evaluate)

    def in_sheet(self, columns: ColumnSources) -> Program:
        """The same formula for the rows of one sheet."""
        return replace(self, columns=columns)

    def run(self, values: Mapping[str, str]) -> str:
        """The result as text, empty for null. A cell that is not in ``values`` is empty.

        Raises:
            FormulaProblem: the formula fails on these values.
        """
        return self._result(tuple([values.get(name, "") for name in self.reads]))

    def _evaluate(self, texts: tuple[str, ...]) -> str:
        engine = self.engine
        engine.begin(Inputs(self.reads, texts, self.columns, self.derivation.literals))
        if any("\0" in text for text in texts):  # the engine would cut the text there
            raise FormulaProblem("E705", "a cell that the formula reads contains a NUL character")
        try:
            result = self.compiled.eval(data={**dict(zip(self.variables, texts, strict=False)), **self.constants})
        except RuntimeError as error:
            raise engine.raised() or _explained(str(error), self.formula) from None
        failure = engine.failure(result)
        if failure is not None:
            raise engine.raised() or _explained(failure, self.formula) from None
        return to_text(result.plain_value(), instant=self._instant)


def _renamed(formula: str, variables: Mapping[Read, str]) -> str:
    """The formula with a variable for each read, padded to the same width so that error positions stay correct."""
    pieces, at = [], 0
    for read, variable in variables.items():
        pieces += [formula[at : read.start], variable.ljust(read.end - read.start)]
        at = read.end
    return "".join((*pieces, formula[at:]))


def _wording(detail: str) -> str:
    """The parser's message without the list of expected tokens."""
    if "<EOF>' expecting" in detail or "input at '<EOF>'" in detail:
        return "unexpected end"
    return detail.partition(" expecting ")[0][:120]


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"use one of: {', '.join(sorted(names))}"


def _type_error(message: str) -> str:
    """The type checker's message, with operators as they are written in formulas."""
    match = re.fullmatch(r"found no matching overload for '([^']+)' applied to '\((.*?)\)'", message)
    if match is None:
        return message[:160]
    operator = match[1].strip("_").replace("_", " ").replace("?:", "? :")
    return f"{operator} does not take ({match[2]})"


def _explained(text: str, formula: str) -> FormulaProblem:
    """Convert the engine's error (``CODE: message``) to a short message without the values that it may quote."""
    code, _, message = text.partition(": ")
    missing = re.fullmatch(r'Key not found in map : "(.*)"', message, re.DOTALL)
    if missing is not None:
        private = () if missing[1] in formula else (missing[1],)  # a name out of a cell
        return FormulaProblem("E705", f"the matching row has no column {missing[1]}", private=private)
    if "by zero" in message:
        return FormulaProblem("E705", "division by zero")
    if code == "OUT_OF_RANGE" or "Timestamp" in message:
        return FormulaProblem("E705", "a number or a date is out of range")
    if message.startswith("Index error"):
        return FormulaProblem("E705", "list index out of range")
    if "No matching overloads" in message:
        return FormulaProblem("E705", "a value of the wrong type", _TYPES_HINT)
    number = re.fullmatch(r"cannot convert string to (\w+)", message)
    if number is not None:
        hint = "use double(row.x) for 902.50, money(row.x) for $1,234.50"
        return FormulaProblem("E705", f"{number[1]}: not a number of that type", hint)
    made = re.fullmatch(r"String to (\w+) conversion failed", message)
    if made is not None:
        return FormulaProblem("E705", f"{made[1].lower()}: cannot read its argument")
    return FormulaProblem("E705", "the formula fails")
