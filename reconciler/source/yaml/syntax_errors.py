"""Explain the parser's errors to people who do not know YAML's grammar.

Common mistakes are recognised by libyaml's message and the surrounding lines. All other errors are explained by
libyaml's message alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from reconciler.source.yaml.parser import MISPLACED_COMMENT

_BAD_ESCAPE = "found invalid Unicode character escape code"
_MAX_NAME = 1024  # libyaml's limit for the length of ``name:``
_NO_SPACE = re.compile(r"""[ ]*(?:- +)*([^\W\d][\w.-]*):(?!//)[^\s:]""")
_OPEN_VALUE = re.compile(r"""[ ]*(?:- +)*[^\s#'"{\[][^:'"{\[]*: +[^\s#|>'"{\[]""")
_HEX_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)
_HANDLE = re.compile(r"![\w-]*!?", re.ASCII)
_SIGNS = {"alias": "*", "anchor": "&"}
_GENERAL = "check the indentation and the quotes of this line and the one above"

# A part of the parser's message, our message, and the hint. The first match is used.
_BY_MESSAGE = (
    ("escape", "unknown escape in double quotes", r"write \\ for a backslash, or use single quotes"),
    ("quoted scalar", "missing closing quote", "close the quote, or double a quote that is part of the text"),
    ("cannot start any token", "a value must not start with {at} unless it is quoted", "quote the value"),
    (
        "mapping values are not allowed",
        "a second ': ' in a line, or wrong indentation",
        "quote a value that contains ': '",
    ),
    ("could not find expected ':'", "expected name: value", "write a space after the colon"),
    ("simple key", "expected name: value", "write a space after the colon"),
    ("flow", "missing closing bracket or comma in { } or [ ]", "add it, and quote values that contain , [ ] { }"),
    ("alias", "a value must not start with * unless it is quoted", "quote the value"),
    ("anchor", "a value must not start with & unless it is quoted", "quote the value"),
    ("directive", "a line must not start with % unless it is quoted", "quote the value"),
    ("block", "the indentation differs from the lines above", "align this line with the lines above"),
)


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
class Mistake:
    """What is wrong in a file. ``line`` and ``column`` count from 0."""

    message: str
    hint: str
    line: int
    column: int
    code: str = "E103"


def explain(error: yaml.MarkedYAMLError, text: str) -> Mistake:
    """The mistake that caused a parser error."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _common_mistake(error, text, lines) or _by_message(error, lines)


def _common_mistake(error: yaml.MarkedYAMLError, text: str, lines: list[str]) -> Mistake | None:
    end = error.problem_mark or error.context_mark
    start = error.context_mark or end
    if end is None or start is None:
        return None
    begins, ends = (start.index, start.line, start.column), (end.index, end.line, end.column)
    details = _ParserError(text, lines, error.context or "", error.problem or "", begins, ends)
    if details.at == "\t" or "\t" in details.before.replace(details.before.lstrip(), ""):
        return None  # the tab is the more likely cause
    return next(filter(None, (recognise(details) for recognise in _COMMON)), None)


def _by_message(error: yaml.MarkedYAMLError, lines: list[str]) -> Mistake:
    whole = any(word in (error.context or "") for word in ("quoted scalar", "flow", "directive"))
    mark = (whole and error.context_mark) or error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    source = lines[line] if line < len(lines) else ""
    at = source[column : column + 1]
    if "\t" in source[: len(source) - len(source.lstrip())] or at == "\t":
        return Mistake("tabs are not allowed for indentation", "indent with spaces", line, column)
    detail = f"{error.context or ''} {error.problem or ''}".strip()
    for part, message, hint in _BY_MESSAGE:
        if part in detail:
            return Mistake(message.replace("{at}", at or "this"), hint, line, column)
    return Mistake(f"invalid YAML: {detail or 'no reason given'}", _GENERAL, line, column)


def _tag(error: _ParserError) -> Mistake | None:
    if "undefined tag handle" not in error.problem and not error.context.endswith(" tag"):
        return None
    handle = _HANDLE.match(error.text, error.start[0])
    shown = handle[0] if handle else "!"
    hint = "remove it, or quote a value that starts with !"
    return Mistake(f"tag {shown}: tags are not supported", hint, *error.start[1:], "E108")


def _escape(error: _ParserError) -> Mistake | None:
    """An escape with too few digits, for half of a surrogate pair, or for a number beyond Unicode."""
    if "quoted scalar" in error.context and "hexdecimal" in error.problem:
        message = "an escape in double quotes has too few digits"
        return Mistake(message, r"write \\ for a backslash, or use single quotes", *error.start[1:])
    if error.problem != _BAD_ESCAPE:
        return None
    at = error.start[0] + 1
    while match := _HEX_ESCAPE.search(error.text, at):
        number = int(next((digits for digits in match.groups() if digits), "0"), 16)
        at = match.end()
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            continue
        hint = 'write the character itself, or one escape such as "\\U0001F4DE"'
        if number > 0x10FFFF:
            return Mistake(f"{match[0]} is not a character", hint, *error.start[1:])
        other = _HEX_ESCAPE.match(error.text, at)
        low = int(other[2] or "0", 16) if other else 0
        if number < 0xDC00 <= low <= 0xDFFF:
            whole = 0x10000 + ((number - 0xD800) << 10) + (low - 0xDC00)
            hint = f'write the character itself, or "\\U{whole:08X}"'
        return Mistake(f"{match[0]} is only half of a character", hint, *error.start[1:])
    return None


def _comment(error: _ParserError) -> Mistake | None:
    if error.problem != MISPLACED_COMMENT:
        return None
    hint = "write a space before the #, or quote the whole value if # is part of it"
    return Mistake("missing space before this comment", hint, *error.end[1:])


def _question_mark(error: _ParserError) -> Mistake | None:
    if not (error.at == "?" and "flow" in error.context):
        return None
    message = "a text in { } or [ ] must not start with ? unless it is quoted"
    return Mistake(message, "quote the text", *error.end[1:])


def _block_header(error: _ParserError) -> Mistake | None:
    if "block scalar" not in error.context or error.start[1] != error.end[1]:
        return None
    sign = error.text[error.start[0] : error.start[0] + 1]
    return Mistake(f"a value must not start with {sign} unless it is quoted", "quote the value", *error.start[1:])


def _sign(error: _ParserError) -> Mistake | None:
    for word, sign in _SIGNS.items():
        if error.context.endswith(f" {word}"):
            message = f"a value must not start with {sign} unless it is quoted"
            return Mistake(message, "quote the value", *error.start[1:])
    return None


def _closing_bracket(error: _ParserError) -> Mistake | None:
    if error.at not in {"]", "}"} or "flow" in error.context or "scalar" in error.context:
        return None
    return Mistake(
        f"unexpected {error.at} without an opening bracket", "quote a value that contains [ ] { }", *error.end[1:]
    )


def _after_quote(error: _ParserError) -> Mistake | None:
    before = error.before.rstrip(" ")
    if not before.endswith(("'", '"')) or not error.at or error.at in "#:,]}":
        return None
    if "block" not in error.context and "document start" not in error.problem:
        return None
    quote = before[-1]
    mend = "''" if quote == "'" else '\\"'
    hint = f"put the whole value in quotes, and write {mend} for a {quote} inside it"
    return Mistake("unexpected text after the closing quote", hint, *error.end[1:])


def _no_space(error: _ParserError) -> Mistake | None:
    """``name:value`` is read as one text that continues in the next line, where the parser fails at a colon."""
    if "mapping values" not in error.problem and "expected ':'" not in error.problem:
        return None
    for number, line in (error.above(), (error.end[1], error.line)):
        if (match := _NO_SPACE.match(line)) and (number, match.end(1)) < error.end[1:]:
            message = "missing space after this colon"
            return Mistake(message, "write name: value, with a space", number, match.end(1))
    return None


def _second_colon(error: _ParserError) -> Mistake | None:
    if "mapping values" not in error.problem:
        return None
    if error.end[2] > _MAX_NAME and ": " not in error.before:
        return Mistake(f"a field's name is longer than {_MAX_NAME:,} characters", "shorten it", *error.end[1:])
    _, above = error.above()
    if ": " in error.before:
        return Mistake("a value without quotes contains ': '", "put the whole value in quotes", *error.end[1:])
    indent = len(error.before) - len(error.before.lstrip(" "))
    if _OPEN_VALUE.match(above) and indent > len(above) - len(above.lstrip(" -")):
        message = "this line is indented deeper than the field above it, which already has a value"
        return Mistake(message, "align it with the line above, or remove the value above", *error.end[1:])
    return None


def _misplaced(error: _ParserError) -> Mistake | None:
    """A list or a ``?`` in a line that already has other content."""
    if "sequence entries are not allowed" in error.problem:
        return Mistake("a list starts in the line of a field", "put each - on its own line", *error.end[1:])
    if "mapping keys are not allowed" in error.problem:
        message = "a value must not start with ? and a space unless it is quoted"
        return Mistake(message, "quote the value", *error.end[1:])
    if "unexpected ':'" in error.problem:
        return Mistake("a ':' in this text is followed by one of { } [ ] ,", "quote the text", *error.start[1:])
    return None


def _stray(error: _ParserError) -> Mistake | None:
    if "<document start>" not in error.problem or "flow" in error.context:
        return None
    message = "this does not fit the lines above"
    return Mistake(message, _GENERAL, *error.end[1:])


_COMMON: tuple[Callable[[_ParserError], Mistake | None], ...] = (
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
