"""Load strict YAML: nodes from the parser's event stream, with a diagnostic for everything that is not supported.

libyaml reads YAML 1.1. Differences from YAML 1.2 are refused: line separators other than LF, CR and CRLF, and
control characters in this module, the others in ``parser``. The parser does not convert types: a scalar keeps its
text (``nodes.Scalar``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

import yaml

from reconciler.bulk.garbage import collection_paused
from reconciler.domain.model import Diagnostic
from reconciler.errors import ReconcilerError
from reconciler.source.report import FileReport
from reconciler.source.yaml.nodes import Node
from reconciler.source.yaml.parser import parse, place, refused_directive
from reconciler.source.yaml.syntax_errors import explain

_BOMS = (  # the longer ones first, because a UTF-32 mark can start like a UTF-16 mark
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_DIRECTIVES = {"%YAML ": "files are read as YAML 1.2", "%TAG ": "tags are not supported"}
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
    report = FileReport(file)
    text = _decode(data, report)
    root = None if text is None or _is_refused(text, report) else _parse(text, report)
    report.finish()
    return Document(file, text or "", root, tuple(report.diagnostics))


def _parse(text: str, report: FileReport) -> Node | None:
    """The root, or None if the file is invalid, which is reported."""
    try:
        with collection_paused():
            return parse(text, report)
    except yaml.MarkedYAMLError as error:
        mistake = explain(error, text)
        line, column = mistake.line + 1, mistake.column + 1
        report.add_problem(mistake.code, mistake.message, line, column, mistake.hint)
        return None


def _decode(data: bytes, report: FileReport) -> str | None:
    """The text, or None if it is not UTF-8, which is reported."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            message = f"the file is {name}; plan files must be UTF-8"
            report.add_problem("E101", message, 1, 1, "save it as UTF-8")
            return None
    data = data.removeprefix(_UTF8_BOM)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        valid = data[: error.start].decode("utf-8")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        report.add_problem("E101", message, *place(valid, len(valid)), "save the file as UTF-8")
        return None


def _is_refused(text: str, report: FileReport) -> bool:
    """Report a directive, or else characters that are not allowed."""
    if (refused := refused_directive(text)) is not None:
        index, line = refused
        code, message, hint = "E103", "a line must not start with % unless it is quoted", "quote the value"
        for name, reason in _DIRECTIVES.items():
            if line.startswith(name):
                code, message, hint = "E108", f"{line[:40].rstrip()}: {reason}", "remove the directive"
        report.add_problem(code, message, *place(text, index), hint)
        return True
    forbidden = list(islice(_FORBIDDEN.finditer(text), _MAX_FORBIDDEN))
    for match in forbidden:
        char = ord(match[0])
        escape = f"\\x{char:02x}" if char < 0x100 else f"\\u{char:04x}"
        message = f"character U+{char:04X} is not allowed in a YAML file"
        hint = f'remove it, or write it as "{escape}" in double quotes'
        if char == 0:
            message, hint = "NUL character", "remove it, and check that this is a text file"
        report.add_problem("E102", message, *place(text, match.start()), hint)
    return bool(forbidden)
