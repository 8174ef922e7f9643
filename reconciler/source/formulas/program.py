"""One formula, compiled once and run for each row. The only module that touches the CEL engine.

The engine is ``common-expression-language`` (Rust, about 8 µs a run). Each ``row.name`` becomes a variable of its
own before the formula is compiled, so that a run is given the cells it reads and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

from reconciler.source.formulas.functions import Function
from reconciler.source.formulas.problem import FormulaProblem
from reconciler.source.formulas.result import to_text
from reconciler.source.formulas.tokens import Read, scan

if TYPE_CHECKING:
    import cel

_BUILTIN = (
    "size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes",
    "timestamp", "duration", "dyn", "type", "has", "getFullYear", "getMonth", "getDate", "getDayOfMonth",
    "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
)  # fmt: skip
_REMEMBERED = 4096  # results of a formula: cells such as dates and currencies repeat
_CLOCKS = frozenset({"now", "today", "time"})
_SYNTAX = re.compile(r"ERROR: <input>:\d+:(\d+): (?:Syntax error: )?([^\n]*)")
_SAID_BY_FUNCTION = re.compile(r"Function '(\w+)' error: (.*?)(?:\. Check function arguments.*)?", re.DOTALL)


class Engine:
    """The functions that formulas share, and the problem that one of them met last.

    ``prepare`` is told each table that a formula looks up in; it raises ``FormulaProblem`` where there is none.

    The engine turns what a Python function raises into a text of its own; ``raised`` knows the problem itself.
    """

    def __init__(self, functions: Mapping[str, Function], prepare: Callable[[str], None]) -> None:
        import logging  # noqa: PLC0415 - only where formulas are

        import cel  # noqa: PLC0415 - it brings its own command line along: 100 ms

        logging.getLogger("cel").disabled = True  # it logs what functions raise, with the values of cells
        self._cel = cel
        self._prepare = prepare
        self._raised: FormulaProblem | None = None
        self.names = frozenset(functions)
        self.context = cel.Context(functions={name: self._watched(name, item) for name, item in functions.items()})

    def compile(self, formula: str, names: Mapping[str, str]) -> Program:
        """The program of a formula without its ``=``. ``names`` are the values of ``plan.name``.

        Raises:
            FormulaProblem: it cannot be read, is over a limit, or names something unknown.
        """
        scanned = scan(formula)
        for read in scanned.plan_names:
            if read.name not in names:
                raise FormulaProblem("E703", f"no plan.{read.name}", f"known: {', '.join(names)}")
        self._check_syntax(formula)
        chains = sorted((*scanned.reads, *scanned.plan_names), key=lambda read: read.start)
        variables = {read: f"__{index}" for index, read in enumerate(chains)}
        program = self._cel.compile(_renamed(formula, variables))
        self._check_names(program, scanned.bound | set(variables.values()))
        for table in scanned.tables:
            self._prepare(table)
        constants = {variables[read]: names[read.name] for read in scanned.plan_names}
        reads = {variables[read]: read.name for read in scanned.reads}
        required = dict.fromkeys(read.name for read in scanned.reads if not read.optional)
        return Program(self, program, reads, constants, tuple(required), tuple(dict.fromkeys(scanned.tables)))

    def raised(self) -> FormulaProblem | None:
        """What a function raised since ``forget``."""
        return self._raised

    def forget(self) -> None:
        """Before a run: what an earlier one met is no longer of interest."""
        self._raised = None

    def _check_syntax(self, formula: str) -> None:
        try:
            self._cel.compile(formula)
        except ValueError as error:
            match = _SYNTAX.search(str(error))
            detail = f" at character {match[1]}: {_wording(match[2])}" if match else ""
            raise FormulaProblem("E701", f"the formula cannot be read{detail}") from None

    def _check_names(self, program: cel.Program, bound: set[str]) -> None:
        used = program.references()
        for name in used["functions"]:
            if name[0].isalpha() and name not in self.names and name not in _BUILTIN:
                if name in _CLOCKS:
                    raise FormulaProblem("E703", f"no function {name}: a formula sees no clock")
                raise FormulaProblem("E703", f"no function {name}", _near(name, (*self.names, *_BUILTIN)))
        for name in used["variables"]:
            if name not in bound:
                hint = f"write row.{name} for a cell, or quote a text"
                raise FormulaProblem("E703", f"no name {name}", hint)

    def _watched(self, name: str, function: Function) -> Function:
        def watched(*args: object) -> object:
            try:
                return function(*args)
            except FormulaProblem as error:
                self._raised = error
                raise
            except TypeError:
                self._raised = FormulaProblem("E705", f"{name}: another number of arguments is expected")
                raise

        return watched


@dataclass(slots=True)
class Program:
    """A compiled formula. ``reads`` maps the engine's variables to the names of cells, each with what it needs.

    ``required`` are the cells read outside of ``coalesce``, ``tables`` the names of those it looks up in.
    """

    engine: Engine
    compiled: cel.Program
    reads: Mapping[str, str]
    constants: Mapping[str, str]
    required: tuple[str, ...]
    tables: tuple[str, ...] = ()
    _result: Callable[[tuple[str, ...]], str] = field(init=False)

    def __post_init__(self) -> None:
        self._result = lru_cache(_REMEMBERED)(self._evaluate)

    def run(self, values: Mapping[str, str]) -> str:
        """The result as text, empty for nothing. A cell that is not in ``values`` is empty.

        Raises:
            FormulaProblem: the formula fails on these values.
        """
        return self._result(tuple([values.get(name, "") for name in self.reads.values()]))

    def _evaluate(self, texts: tuple[str, ...]) -> str:
        engine = self.engine
        engine.forget()
        engine.context.update({**dict(zip(self.reads, texts, strict=True)), **self.constants})
        try:
            result = self.compiled.execute(engine.context)
        except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
            raise engine.raised() or _explained(error) from None
        return to_text(result)


def _renamed(formula: str, variables: Mapping[Read, str]) -> str:
    pieces, at = [], 0
    for read, variable in variables.items():
        pieces += [formula[at : read.start], variable]
        at = read.end
    return "".join((*pieces, formula[at:]))


def _wording(detail: str) -> str:
    """The parser's complaint, without the list of everything that could stand there."""
    if "<EOF>' expecting" in detail or "input at '<EOF>'" in detail:
        return "it ends too early"
    return detail.partition(" expecting ")[0][:120]


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"


def _explained(error: Exception) -> FormulaProblem:
    """The engine's error in a few words, without the values that it may quote."""
    text = str(error)
    if isinstance(error, KeyError):
        return FormulaProblem("E705", f"no column {text} in what was found")
    if isinstance(error, TypeError):
        hint = "a cell is text: write int(row.n), double(row.n), or string(n)"
        return FormulaProblem("E705", text.split(". ", maxsplit=1)[0].splitlines()[0][:160], hint)
    if isinstance(error, ZeroDivisionError):
        return FormulaProblem("E705", "a division by zero")
    if isinstance(error, OverflowError):
        return FormulaProblem("E705", "a number or a date is out of range")
    if isinstance(error, IndexError):
        return FormulaProblem("E705", "a list has no such item")
    match = _SAID_BY_FUNCTION.fullmatch(text)
    if match is not None and match[1] in {"int", "double", "uint"}:
        return FormulaProblem(
            "E705", f"{match[1]}: not a number of that kind", "double(row.x) reads 902.50, money(row.x) $1,234.50"
        )
    if match is not None:
        return FormulaProblem("E705", f"{match[1]}: cannot read its argument")
    if text.startswith("Undefined variable or function: '"):
        name = text.split("'")[1]
        hint = "a cell is text: write int(row.n) or double(row.n) where a number is needed"
        return FormulaProblem("E705", f"{name} is used on another type than it takes", hint)
    return FormulaProblem("E705", "the formula fails")
