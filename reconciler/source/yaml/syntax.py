"""The parser's complaints in words for people who do not know YAML's grammar."""

from __future__ import annotations

import yaml

from reconciler.domain.model import Diagnostic, Location, Severity

_GENERAL = "check the indentation and the quotes of this line and the one above"

# What the parser's words hold, what that means, and what usually mends it. The first that fits is told.
_KNOWN = (
    (
        "escape",
        "an escape that YAML does not know in double quotes",
        r"write \\ for a backslash, or use single quotes",
    ),
    ("quoted scalar", "a quoted text does not end", "close the quote, or double a quote that is part of the text"),
    ("cannot start any token", "a value may not start with {at} unless it is quoted", "quote the value"),
    (
        "mapping values are not allowed",
        "a second ': ' in a line, or wrong indentation",
        "quote a value that holds ': '",
    ),
    ("could not find expected ':'", "expected name: value", "is there a space after the colon?"),
    ("simple key", "expected name: value", "is there a space after the colon?"),
    ("flow", "a { } or [ ] does not end, or lacks a comma", "close it, and quote values that hold , [ ] { }"),
    ("alias", "a value may not start with * unless it is quoted", "quote the value"),
    ("anchor", "a value may not start with & unless it is quoted", "quote the value"),
    ("directive", "a line may not start with % unless it is quoted", "quote the value"),
    ("block", "this line is not indented like the ones above", "align it with its neighbours"),
)


def explain_syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Diagnostic:
    """What is wrong, where, and what usually mends it."""
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
        return "a tab stands where YAML wants spaces", "indent with spaces"
    told = f"{error.context or ''} {error.problem or ''}".strip()
    for words, message, hint in _KNOWN:
        if words in told:
            return message.replace("{at}", at or "this"), hint
    return f"not YAML: {told or 'no reason given'}", _GENERAL
