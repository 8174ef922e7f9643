"""Load strict YAML: nodes from the parser's event stream, with a diagnostic for everything that is not supported.

libyaml reads YAML 1.1. Differences from YAML 1.2 are refused: line separators other than LF, CR and CRLF, and
control characters in this module, the others in ``events``. The parser does not convert types: a scalar keeps its
text (``nodes.Scalar``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

import yaml

from reconciler.bulk.garbage import collection_paused
from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.errors import ReconcilerError
from reconciler.source.yaml.builder import Builder, TooDeep
from reconciler.source.yaml.events import events, place, refused_directive
from reconciler.source.yaml.mistakes import recognise
from reconciler.source.yaml.nodes import Node
from reconciler.source.yaml.syntax import explain_syntax

_BOMS = (  # the longer ones first, because a UTF-32 mark can start like a UTF-16 mark
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_BOM = b"\xef\xbb\xbf"
_MAX_FORBIDDEN = 20  # reported per file
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """A loaded file. ``root`` is None if the file is invalid; ``text`` is empty if it could not be decoded."""

    file: str
    text: str
    root: Node | None
    diagnostics: tuple[Diagnostic, ...]


def require_libyaml() -> None:
    """Check that PyYAML includes libyaml, as its wheels do.

    Raises:
        ReconcilerError: it was built without libyaml.
    """
    if not yaml.__with_libyaml__:
        raise ReconcilerError(
            "PyYAML is installed without libyaml, so YAML files cannot be read",
            hint="reinstall it from a wheel: pip install --force-reinstall --only-binary pyyaml pyyaml; "
            "if there is no wheel for your system, install libyaml and its headers first",
        )


def load(data: bytes, file: str) -> Document:
    """Load one YAML file from any bytes.

    All diagnostics are errors: a file with diagnostics must not be used, even if it has a ``root``.

    Raises:
        ReconcilerError: PyYAML was built without libyaml.
    """
    require_libyaml()
    text, problem = _decode(data, file)
    if problem is None:
        problem = _directive(text, file)
    if problem is not None:
        return Document(file, text, None, (problem,))
    forbidden = islice(_FORBIDDEN.finditer(text), _MAX_FORBIDDEN)
    if found := tuple(_forbidden(match, text, file) for match in forbidden):
        return Document(file, text, None, found)
    builder = Builder(file)
    with collection_paused():
        root = _build(builder, text, file)
    return Document(file, text, root, (*builder.diagnostics, *builder.tally.summaries()))


def _build(builder: Builder, text: str, file: str) -> Node | None:
    """The root, or None if the file is invalid. Problems are added to the builder's diagnostics."""
    try:
        builder.build(events(text))
    except TooDeep:
        return None
    except yaml.MarkedYAMLError as error:
        builder.diagnostics.append(recognise(error, text, file) or explain_syntax(error, text, file))
        return None
    return builder.finish()


def _decode(data: bytes, file: str) -> tuple[str, Diagnostic | None]:
    for mark, name in _BOMS:
        if data.startswith(mark):
            return "", _error(
                "E101", f"the file is {name}; plan files must be UTF-8", file, 1, 1, "save it as UTF-8"
            )
    data = data.removeprefix(_UTF8_BOM)
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8")
        line, column = place(good, len(good))
        byte = data[error.start]
        return "", _error("E101", f"byte 0x{byte:02x} is not UTF-8", file, line, column, "save the file as UTF-8")


def _directive(text: str, file: str) -> Diagnostic | None:
    refused = refused_directive(text)
    if refused is None:
        return None
    index, line = refused
    where = place(text, index)
    for name, reason in (("%YAML ", "files are read as YAML 1.2"), ("%TAG ", "tags are not supported")):
        if line.startswith(name):
            return _error("E108", f"{line[:40].rstrip()}: {reason}", file, *where, "remove the directive")
    return _error("E103", "a line must not start with % unless it is quoted", file, *where, "quote the value")


def _forbidden(match: re.Match[str], text: str, file: str) -> Diagnostic:
    char = ord(match[0])
    line, column = place(text, match.start())
    escape = f"\\x{char:02x}" if char < 0x100 else f"\\u{char:04x}"
    if char == 0:
        return _error("E102", "NUL character", file, line, column, "remove it, and check that this is a text file")
    hint = f'remove it, or write it as "{escape}" in double quotes'
    return _error("E102", f"character U+{char:04X} is not allowed in a YAML file", file, line, column, hint)


def _error(code: str, message: str, file: str, line: int, column: int, hint: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Location(file, line, column), hint)
