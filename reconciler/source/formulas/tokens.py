"""Analyse a formula before it is compiled: which cells it reads, and whether it could run long or use much memory.

CEL itself has no limits: three nested ``map`` over 100 items run for 14 s. So length, depth, macros and their
inputs are limited here, on tokens. Tokens follow the grammar of the CEL specification.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

from reconciler.domain.sensitive import MASK, is_harmless
from reconciler.source.formulas.problem import FormulaProblem

MAX_LENGTH = 1000
MAX_DEPTH = 32
MAX_MACROS = 2
MAX_COMMAS_WITH_MACROS = 30
MAX_READS = 30
# Functions that check how dates and times are written.
CHECKING = frozenset({"date", "datetime", "at", "workdays", "weekday"})
_MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})
_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>(?:[bB]?[rR]|[rR][bB])(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n\r]*"|'[^'\n\r]*')
        |[bB]?(?:\"{3}(?:\\[\s\S]|[^\\])*?\"{3}|'{3}(?:\\[\s\S]|[^\\])*?'{3}
            |"(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*'))
    |(?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)[uU]?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<mark>&&|\|\||[=!<>]=|[\[\](){}.,?:!<>+\-*/%])""",
    re.VERBOSE,
)
_PLAIN_TEXT = re.compile(r"""(["'])([^\\]*)\1""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a formula. ``kind`` is text, number, name or mark; ``at`` is its position, from 0."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Read:
    """``row.name`` or ``row["name"]`` from ``start`` to ``end``. ``optional``: inside a ``coalesce``. ``checked``:
    only a function such as ``date`` reads the text."""

    name: str
    start: int
    end: int
    optional: bool
    checked: bool


@dataclass(slots=True)
class Scanned:
    """The names in a formula. ``tables`` are those of ``lookup``, ``bound`` the variables of macros.

    ``unchecked_tables`` are those with a call of ``lookup`` outside of functions such as ``date``. ``literals``
    are the texts in quotes. ``uses_region``: a call of ``e164`` does not name the region.
    """

    reads: list[Read] = field(default_factory=list)
    plan_names: list[Read] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    unchecked_tables: list[str] = field(default_factory=list)
    literals: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    uses_region: bool = False


def scan(formula: str) -> Scanned:
    """Check the tokens of the formula (without its ``=``), and collect its names.

    Raises:
        FormulaProblem: over a limit (E702), not a CEL token (E701), or an unknown name (E703).
    """
    if len(formula) > MAX_LENGTH:
        raise FormulaProblem(
            "E702", f"the formula has {len(formula):,} characters; at most {MAX_LENGTH:,} are allowed"
        )
    return _Scanner(_tokens(formula)).run()


def _tokens(formula: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(formula):
        match = _TOKEN.match(formula, at)
        if match is None:
            raise FormulaProblem("E701", f"{formula[at]!r} at character {at + 1} is not part of a formula")
        if match.lastgroup not in {None, "space"}:
            found.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return found


@lru_cache(maxsize=1024)
def without_literals(formula: str) -> str:
    """A valid formula (without its ``=``) as it may be published: without comments, and with ``***`` for each text
    and number. Names of cells and functions stay.
    """
    tokens = _tokens(formula)
    reads = _Scanner(tokens).run().reads
    pieces, at = [], 0
    for token in tokens:
        gap = formula[at : token.at]
        at = token.at + len(token.text)
        named = token.kind not in {"text", "number"} or any(read.start <= token.at < read.end for read in reads)
        pieces += [" " if gap else "", token.text if named else MASK]
    return "".join(pieces)


_LITERAL = re.compile(r"""'((?:[^'\\]|\\.)*)'?|"((?:[^"\\]|\\.)*)"?""")


def literals(formula: str) -> tuple[str, ...]:
    """The string literals in a formula, which may be invalid."""
    return tuple(text for pair in _LITERAL.findall(formula) for text in pair if text and not is_harmless(text))


class _Scanner:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._found = Scanned()
        self._open: list[str] = []  # for each open bracket: the function it belongs to, or the bracket
        self._macros = 0

    def run(self) -> Scanned:
        skip = 0
        for index, token in enumerate(self._tokens):
            if index < skip:
                continue
            if token.kind == "mark":
                self._mark(index, token)
            elif token.kind == "text" and (text := _PLAIN_TEXT.fullmatch(token.text)) is not None:
                self._found.literals.add(text[2])
            elif token.kind == "name" and self._text(index - 1) != ".":
                skip = self._name(index, token)
            if token.kind == "name" and self._text(index + 1) == "(":
                self._call(index, token)
        self._check_totals()
        return self._found

    def _check_totals(self) -> None:
        found = self._found
        if len(found.reads) > MAX_READS:
            raise FormulaProblem(
                "E702", f"the formula reads {len(found.reads)} cells; at most {MAX_READS} are allowed"
            )
        commas = sum(token.text == "," for token in self._tokens)
        if self._macros > MAX_MACROS or (self._macros and commas > MAX_COMMAS_WITH_MACROS):
            raise FormulaProblem("E702", f"at most {MAX_MACROS} macros, over short lists, in one formula")

    def _mark(self, index: int, token: Token) -> None:
        if token.text in "([{":
            before = self._tokens[index - 1] if index else None
            self._open.append(before.text if token.text == "(" and before and before.kind == "name" else "")
            if len(self._open) > MAX_DEPTH:
                raise FormulaProblem("E702", f"the formula is nested deeper than {MAX_DEPTH}")
        elif token.text in ")]}" and self._open:
            self._open.pop()

    def _call(self, index: int, token: Token) -> None:
        argument = self._tokens[index + 2] if index + 2 < len(self._tokens) else None
        if token.text in _MACROS:
            self._macros += 1
            if any(name in _MACROS for name in self._open):
                raise FormulaProblem("E702", f"{token.text} inside another macro could run for a long time")
            if argument is not None:
                self._found.bound.add(argument.text)
        elif token.text == "has" and argument is not None and argument.text == "row":
            raise FormulaProblem(
                "E703", "has cannot be used: an empty cell is an empty text", 'write row.name != ""'
            )
        elif token.text == "matches":
            self._check_pattern(index)
        elif token.text == "lookup":
            name = None if argument is None or argument.kind != "text" else _PLAIN_TEXT.fullmatch(argument.text)
            if name is None:
                raise FormulaProblem(
                    "E703", "lookup needs the name of a table in quotes", 'write lookup("contacts", ...)'
                )
            self._found.tables.append(name[2])
            if CHECKING.isdisjoint(self._open):
                self._found.unchecked_tables.append(name[2])
        elif token.text == "e164":
            self._found.uses_region |= self._arguments(index) < 2

    def _arguments(self, index: int) -> int:
        """The number of arguments of the function at ``index``, with the text before a method."""
        depth, commas = 0, 0
        for token in self._tokens[index + 1 :]:
            if token.kind == "mark":
                depth += (token.text in "([{") - (token.text in ")]}")
                commas += token.text == "," and depth == 1
            if depth == 0:
                break
        empty = self._text(index + 2) == ")"
        return commas + (not empty) + (self._text(index - 1) == ".")

    def _check_pattern(self, index: int) -> None:
        """Accept only a literal pattern without counted repeats: others may be slow to compile for each row."""
        inside = self._tokens[index + 2 : index + 4]
        literal = len(inside) == 2 and inside[0].kind == "text" and inside[1].text == ")"
        if not literal or "{" in inside[0].text or "\\p" in inside[0].text.lower():
            raise FormulaProblem("E702", "matches needs a pattern in quotes, without {} and \\p")

    def _name(self, index: int, token: Token) -> int:
        """Read ``row.name`` or ``plan.name``. Returns the index of the next token."""
        if token.text not in {"row", "plan"}:
            return 0
        parts: list[str] = []
        end, position = token, index + 1
        while (step := self._step(position)) is not None:
            part, position = step
            parts.append(part)
            end = self._tokens[position - 1]
        if not parts:
            hint = f"write {token.text}.name" + (' or row["Name with spaces"]' if token.text == "row" else "")
            raise FormulaProblem("E703", f"{token.text} alone is not a value", hint)
        read = Read(
            name=".".join(parts),
            start=token.at,
            end=end.at + len(end.text),
            optional="coalesce" in self._open,
            checked=not CHECKING.isdisjoint(self._open) or self._is_method(position, CHECKING),
        )
        (self._found.reads if token.text == "row" else self._found.plan_names).append(read)
        return position

    def _step(self, at: int) -> tuple[str, int] | None:
        """``.name`` (unless it is a method) or ``["name"]`` at a token, and the index after it."""
        mark, inner = self._text(at), self._text(at + 1)
        if mark == "." and self._kind(at + 1) == "name" and self._text(at + 2) != "(":
            return inner, at + 2
        if mark == "[" and self._kind(at + 1) == "text" and self._text(at + 2) == "]":
            match = _PLAIN_TEXT.fullmatch(inner)
            if match is None:
                raise FormulaProblem("E701", f"{inner}: write the header in plain quotes, without escapes")
            return match[2], at + 3
        return None

    def _is_method(self, at: int, names: Set[str]) -> bool:
        """Whether a method with one of these names is called at a token: ``.date(``."""
        return self._text(at) == "." and self._text(at + 1) in names and self._text(at + 2) == "("

    def _text(self, index: int) -> str:
        return self._tokens[index].text if 0 <= index < len(self._tokens) else ""

    def _kind(self, index: int) -> str:
        return self._tokens[index].kind if 0 <= index < len(self._tokens) else ""
