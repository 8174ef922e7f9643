"""The source line of a problem with a caret under it, as it may be seen."""

from __future__ import annotations

import unicodedata

from reconciler.masking import MASK
from reconciler.model import Location
from reconciler.source.nodes import ListNode, MapNode, Node, Scalar
from reconciler.source.report import is_public
from reconciler.source.yaml import Document

_WIDTH = 100


def excerpt(document: Document, location: Location, *, masked: bool) -> str | None:
    """Two lines: the source line, cut around the column where it is long, and a caret; None past the file's end.

    Masked, only field names and values that tell nothing of a person stay readable; everything else on the
    line, comments too, becomes ``***``. It fails closed: what is not known to be harmless is hidden.
    """
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if location.line > len(lines) or not document.text:
        return None
    line, column = lines[location.line - 1], location.column - 1
    if masked:
        line, column = _masked(document.root, line, location.line, column)
    return caret(line, column)


def caret(line: str, column: int) -> str:
    """A line and a caret under its column (from 0), cut around it where it is long."""
    start = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    head = "..." if start else ""
    tail = "..." if start + _WIDTH < len(line) else ""
    before = head + _shown(line[start:column])
    return f"{before}{_shown(line[column : start + _WIDTH])}{tail}\n{' ' * _columns(before)}^"


def _masked(root: Node | None, line: str, number: int, column: int) -> tuple[str, int]:
    """The line without private values, and where the column went."""
    spans = sorted(_readable(root, line, number)) if root is not None else []
    if root is None:
        name, colon, _ = line.partition(":")
        indent = len(line) - len(line.lstrip(" -"))
        spans = [(0, len(name) + 1)] if colon and name[indent:].replace("_", "").isalnum() else [(0, indent)]
    text, moved, position = "", 0, 0
    for start, end in [*spans, (len(line), len(line))]:
        gap = line[position:start]
        hidden = _hide(gap)
        if position <= column < start:
            moved = len(text) + (len(gap) - len(gap.lstrip(" ,{[:-\t")) if hidden != gap else column - position)
        elif start <= column < end:
            moved = len(text) + len(hidden) + column - start
        text += hidden + line[start:end]
        position = max(position, end)
    return text, min(moved if column < len(line) else len(text), len(text))


def _hide(gap: str) -> str:
    """Punctuation and space stay; anything else of the gap becomes one mask."""
    inner = gap.strip(" ,{}[]:-\t")
    return gap if not inner else gap.replace(inner, MASK, 1)


def _readable(root: Node, line: str, number: int) -> list[tuple[int, int]]:
    """Spans of the line that may be read: field names, and values of public fields."""
    spans: list[tuple[int, int]] = []
    stack: list[tuple[Node, tuple[str | int, ...]]] = [(root, ())]
    while stack:
        node, path = stack.pop()
        if isinstance(node, MapNode):
            for name, (key, value) in node.items.items():
                if key.line == number:
                    _span(spans, key, line)
                stack.append((value, (*path, name)))
        elif isinstance(node, ListNode):
            stack += [(item, path) for item in node.items]
        elif node.line == number and is_public(path):
            _span(spans, node, line)
    return spans


def _span(spans: list[tuple[int, int]], scalar: Scalar, line: str) -> None:
    start = scalar.column - 1
    quoted = 0 if scalar.plain else 1
    if line[start + quoted : start + quoted + len(scalar.text)] == scalar.text:
        spans.append((start, start + len(scalar.text) + 2 * quoted))


def _shown(text: str) -> str:
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _columns(text: str) -> int:
    """How many columns a terminal gives the text."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    combining = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - combining
