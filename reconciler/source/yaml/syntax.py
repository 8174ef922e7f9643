"""Explain the parser's errors to people who do not know YAML's grammar."""

from __future__ import annotations

import yaml

from reconciler.domain.model import Diagnostic, Location, Severity

_GENERAL = "check the indentation and the quotes of this line and the one above"

# A part of the parser's message, our message, and the hint. The first match is used.
_KNOWN = (
    (
        "escape",
        "unknown escape in double quotes",
        r"write \\ for a backslash, or use single quotes",
    ),
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


def explain_syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    """The diagnostic for a parser error."""
    whole = any(word in (error.context or "") for word in ("quoted scalar", "flow", "directive"))
    mark = (whole and error.context_mark) or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    source = lines[line - 1] if line <= len(lines) else ""
    message, hint = _words(error, source, column)
    return Diagnostic(Severity.ERROR, "E103", message, Location(file, line, column), hint)


def _words(error: yaml.MarkedYAMLError, source: str, column: int) -> tuple[str, str]:
    at = source[column - 1 : column]
    if "\t" in source[: len(source) - len(source.lstrip())] or at == "\t":
        return "tabs are not allowed for indentation", "indent with spaces"
    detail = f"{error.context or ''} {error.problem or ''}".strip()
    for words, message, hint in _KNOWN:
        if words in detail:
            return message.replace("{at}", at or "this"), hint
    return f"invalid YAML: {detail or 'no reason given'}", _GENERAL
