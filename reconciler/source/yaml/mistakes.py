"""Recognise common YAML mistakes, by libyaml's message and the surrounding lines.

If ``recognise`` finds no common mistake, ``syntax.explain_syntax`` explains the error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.source.yaml.events import MISPLACED_COMMENT

_BAD_ESCAPE = "found invalid Unicode character escape code"
_MAX_NAME = 1024  # libyaml's limit for the length of ``name:``
_NO_SPACE = re.compile(r"""[ ]*(?:- +)*([^\W\d][\w.-]*):(?!//)[^\s:]""")
_OPEN_VALUE = re.compile(r"""[ ]*(?:- +)*[^\s#'"{\[][^:'"{\[]*: +[^\s#|>'"{\[]""")
_HEX_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)
_HANDLE = re.compile(r"![\w-]*!?", re.ASCII)
_SIGNS = {"alias": "*", "anchor": "&"}


@dataclass(frozen=True, slots=True)
class _ParserError:
    """A parser error in ``text``. Marks are ``(index, line, column)`` from 0: the start of the construct, and the
    position of the error."""

    text: str
    lines: list[str]
    context: str
    problem: str
    start: tuple[int, int, int]
    end: tuple[int, int, int]

    @property
    def line(self) -> str:
        """The line of the error."""
        return self.lines[self.end[1]] if self.end[1] < len(self.lines) else ""

    @property
    def before(self) -> str:
        return self.line[: self.end[2]]

    @property
    def at(self) -> str:
        return self.line[self.end[2] : self.end[2] + 1]

    def above(self) -> tuple[int, str]:
        """The nearest line above that is not empty or a comment, with its number from 0; ``(-1, "")`` if none."""
        for number in range(self.end[1] - 1, -1, -1):
            if self.lines[number].strip() and not self.lines[number].lstrip().startswith("#"):
                return number, self.lines[number]
        return -1, ""


@dataclass(frozen=True, slots=True)
class _Mistake:
    """A recognised mistake. ``line`` and ``column`` count from 0."""

    message: str
    hint: str
    line: int
    column: int
    code: str = "E103"


def recognise(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic | None:
    """The mistake that caused an error, or None if it is not a common one."""
    end = error.problem_mark or error.context_mark
    start = error.context_mark or end
    if end is None or start is None:
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    begins, ends = (start.index, start.line, start.column), (end.index, end.line, end.column)
    complaint = _ParserError(text, lines, error.context or "", error.problem or "", begins, ends)
    if complaint.at == "\t" or "\t" in complaint.before.replace(complaint.before.lstrip(), ""):
        return None  # the tab is the more likely cause
    for look in _MISTAKES:
        if found := look(complaint):
            where = Location(file, found.line + 1, found.column + 1)
            return Diagnostic(Severity.ERROR, found.code, found.message, where, found.hint)
    return None


def _tag(it: _ParserError) -> _Mistake | None:
    if "undefined tag handle" not in it.problem and not it.context.endswith(" tag"):
        return None
    handle = _HANDLE.match(it.text, it.start[0])
    shown = handle[0] if handle else "!"
    hint = "remove it, or quote a value that starts with !"
    return _Mistake(f"tag {shown}: tags are not supported", hint, *it.start[1:], "E108")


def _escape(it: _ParserError) -> _Mistake | None:
    """An escape with too few digits, for half of a surrogate pair, or for a number beyond Unicode."""
    if "quoted scalar" in it.context and "hexdecimal" in it.problem:
        message = "an escape in double quotes has too few digits"
        return _Mistake(message, r"write \\ for a backslash, or use single quotes", *it.start[1:])
    if it.problem != _BAD_ESCAPE:
        return None
    at = it.start[0] + 1
    while match := _HEX_ESCAPE.search(it.text, at):
        number = int(next((digits for digits in match.groups() if digits), "0"), 16)
        at = match.end()
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            continue
        hint = 'write the character itself, or one escape such as "\\U0001F4DE"'
        if number > 0x10FFFF:
            return _Mistake(f"{match[0]} is not a character", hint, *it.start[1:])
        other = _HEX_ESCAPE.match(it.text, at)
        low = int(other[2] or "0", 16) if other else 0
        if number < 0xDC00 <= low <= 0xDFFF:
            whole = 0x10000 + ((number - 0xD800) << 10) + (low - 0xDC00)
            hint = f'write the character itself, or "\\U{whole:08X}"'
        return _Mistake(f"{match[0]} is only half of a character", hint, *it.start[1:])
    return None


def _comment(it: _ParserError) -> _Mistake | None:
    if it.problem != MISPLACED_COMMENT:
        return None
    hint = "write a space before the #, or quote the whole value if # is part of it"
    return _Mistake("missing space before this comment", hint, *it.end[1:])


def _question_mark(it: _ParserError) -> _Mistake | None:
    if not (it.at == "?" and "flow" in it.context):
        return None
    message = "a text in { } or [ ] must not start with ? unless it is quoted"
    return _Mistake(message, "quote the text", *it.end[1:])


def _block_header(it: _ParserError) -> _Mistake | None:
    if "block scalar" not in it.context or it.start[1] != it.end[1]:
        return None
    sign = it.text[it.start[0] : it.start[0] + 1]
    return _Mistake(f"a value must not start with {sign} unless it is quoted", "quote the value", *it.start[1:])


def _sign(it: _ParserError) -> _Mistake | None:
    for word, sign in _SIGNS.items():
        if it.context.endswith(f" {word}"):
            message = f"a value must not start with {sign} unless it is quoted"
            return _Mistake(message, "quote the value", *it.start[1:])
    return None


def _closing_bracket(it: _ParserError) -> _Mistake | None:
    if it.at not in {"]", "}"} or "flow" in it.context or "scalar" in it.context:
        return None
    return _Mistake(
        f"unexpected {it.at} without an opening bracket", "quote a value that contains [ ] { }", *it.end[1:]
    )


def _after_quote(it: _ParserError) -> _Mistake | None:
    before = it.before.rstrip(" ")
    if not before.endswith(("'", '"')) or not it.at or it.at in "#:,]}":
        return None
    if "block" not in it.context and "document start" not in it.problem:
        return None
    quote = before[-1]
    mend = "''" if quote == "'" else '\\"'
    hint = f"put the whole value in quotes, and write {mend} for a {quote} inside it"
    return _Mistake("unexpected text after the closing quote", hint, *it.end[1:])


def _no_space(it: _ParserError) -> _Mistake | None:
    """``name:value`` is read as one text that continues in the next line, where the parser fails at a colon."""
    if "mapping values" not in it.problem and "expected ':'" not in it.problem:
        return None
    for number, line in (it.above(), (it.end[1], it.line)):
        if (match := _NO_SPACE.match(line)) and (number, match.end(1)) < it.end[1:]:
            message = "missing space after this colon"
            return _Mistake(message, "write name: value, with a space", number, match.end(1))
    return None


def _second_colon(it: _ParserError) -> _Mistake | None:
    if "mapping values" not in it.problem:
        return None
    if it.end[2] > _MAX_NAME and ": " not in it.before:
        return _Mistake(f"a field's name is longer than {_MAX_NAME:,} characters", "shorten it", *it.end[1:])
    _, above = it.above()
    if ": " in it.before:
        return _Mistake("a value without quotes contains ': '", "put the whole value in quotes", *it.end[1:])
    indent = len(it.before) - len(it.before.lstrip(" "))
    if _OPEN_VALUE.match(above) and indent > len(above) - len(above.lstrip(" -")):
        message = "this line is indented deeper than the field above it, which already has a value"
        return _Mistake(message, "align it with the line above, or remove the value above", *it.end[1:])
    return None


def _misplaced(it: _ParserError) -> _Mistake | None:
    """A list or a ``?`` in a line that already has other content."""
    if "sequence entries are not allowed" in it.problem:
        return _Mistake("a list starts in the line of a field", "put each - on its own line", *it.end[1:])
    if "mapping keys are not allowed" in it.problem:
        message = "a value must not start with ? and a space unless it is quoted"
        return _Mistake(message, "quote the value", *it.end[1:])
    if "unexpected ':'" in it.problem:
        return _Mistake("a ':' in this text is followed by one of { } [ ] ,", "quote the text", *it.start[1:])
    return None


def _stray(it: _ParserError) -> _Mistake | None:
    if "<document start>" not in it.problem or "flow" in it.context:
        return None
    message = "this does not fit the lines above"
    return _Mistake(message, "check the indentation and the quotes of this line and the one above", *it.end[1:])


_MISTAKES: tuple[Callable[[_ParserError], _Mistake | None], ...] = (
    _tag,
    _escape,
    _comment,
    _question_mark,
    _block_header,
    _sign,
    _closing_bracket,
    _after_quote,
    _no_space,
    _second_colon,
    _misplaced,
    _stray,
)
