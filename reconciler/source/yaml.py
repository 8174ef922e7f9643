"""Strict YAML: from the parser's event stream straight to nodes, with a diagnostic for everything else.

libyaml's parser is used where PyYAML was built with it, PyYAML's own otherwise, with the same nodes. Both read
YAML 1.1's syntax; what differs between 1.1 and 1.2, or between the two parsers, is refused beforehand: raw line
separators other than LF, CR and CRLF, and control characters. Types are not the parser's business: a scalar
keeps its text (``nodes.Scalar``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import yaml

from reconciler.model import Diagnostic, Location, Severity
from reconciler.source.builder import Builder, SurrogateEscape, TooDeep
from reconciler.source.nodes import Node
from reconciler.source.syntax import bad_escape, explain_syntax

_BOMS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe\x00\x00": "UTF-32",
}
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One file as read. ``root`` is None where it is unusable, ``text`` is empty where it could not be decoded."""

    file: str
    text: str
    root: Node | None
    diagnostics: tuple[Diagnostic, ...]


def load(data: bytes, file: str, *, pure: bool = False) -> Document:
    """Read one YAML file; never raises for any bytes. ``pure`` asks for PyYAML's own parser."""
    text, problem = _decode(data, file)
    if problem is not None:
        return Document(file, text, None, (problem,))
    forbidden = [_forbidden(match, text, file) for match in _FORBIDDEN.finditer(text)]
    if forbidden:
        return Document(file, text, None, tuple(forbidden[:20]))
    builder = Builder(file)
    try:
        for event in _events(text, pure=pure):
            builder.feed(event)
    except TooDeep:
        return Document(file, text, None, tuple(builder.diagnostics))
    except SurrogateEscape as found:
        builder.diagnostics.append(bad_escape(Location(file, found.line, found.column)))
        return Document(file, text, None, tuple(builder.diagnostics))
    except yaml.MarkedYAMLError as error:
        builder.diagnostics.append(explain_syntax(error, text, file))
        return Document(file, text, None, tuple(builder.diagnostics))
    root = builder.finish()
    return Document(file, text, root, tuple(builder.diagnostics))


def _decode(data: bytes, file: str) -> tuple[str, Diagnostic | None]:
    for mark, name in _BOMS.items():
        if data.startswith(mark):
            return "", _error("E101", f"the file is {name}; plan files are UTF-8", file, 1, 1, "save it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8")
        line, column = place(good, len(good))
        byte = data[error.start]
        return "", _error("E101", f"byte 0x{byte:02x} is not UTF-8", file, line, column, "save the file as UTF-8")
    return text.removeprefix("\ufeff"), None


def _forbidden(match: re.Match[str], text: str, file: str) -> Diagnostic:
    char = ord(match[0])
    line, column = place(text, match.start())
    escape = f"\\x{char:02x}" if char < 0x100 else f"\\u{char:04x}"
    if char == 0:
        return _error("E102", "NUL character", file, line, column, "remove it; is this a text file?")
    hint = f'remove it, or write it as "{escape}" in double quotes'
    return _error("E102", f"character U+{char:04X} may not stand in a YAML file", file, line, column, hint)


def place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character; CRLF, CR and LF each end a line."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Parser(Protocol):
    def check_event(self) -> bool: ...
    def get_event(self) -> yaml.Event: ...


class _PureParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's parser without its composer and constructor."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


def _libyaml(text: str) -> _Parser:
    from yaml._yaml import CParser  # noqa: PLC0415 - PyYAML may have been built without it

    return cast("_Parser", CParser(text))


def _events(text: str, *, pure: bool) -> Iterator[yaml.Event]:
    # libyaml takes tabs in places where PyYAML's own parser refuses them, and ends a file without a last line
    # break one line later: so that both always agree, files with tabs have one reader, and all end alike.
    pure = pure or "\t" in text or not yaml.__with_libyaml__
    text = text if text.endswith(("\n", "\r")) else f"{text}\n"
    parser = cast("_Parser", _PureParser(text)) if pure else _libyaml(text)
    while parser.check_event():
        yield parser.get_event()


def _error(code: str, message: str, file: str, line: int, column: int, hint: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Location(file, line, column), hint)
