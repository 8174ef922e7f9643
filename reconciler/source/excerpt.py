"""The source line of a problem with a caret under it, masked if required."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from reconciler.domain.masking import is_private
from reconciler.domain.model import Location
from reconciler.domain.sensitive import FIELD_NAMES, MASK, is_harmless
from reconciler.source.yaml.loader import Document
from reconciler.source.yaml.nodes import ListNode, MapNode, Node, Scalar

_WIDTH = 70  # with an indent of 4 and an ellipsis on both sides, 80 columns


class Excerpts:
    """The lines of a document, for any number of excerpts. Its tree is walked once."""

    def __init__(self, document: Document, *, masked: bool) -> None:
        self._lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if document.text else []
        self._masked = masked
        self._readable = _readable(document.root) if masked and document.root is not None else None

    def excerpt(self, location: Location) -> str | None:
        """Two lines: the source line, shortened around the column if it is long, and a caret; None past the end.

        If masked, only field names and values without personal data stay readable; everything else on the line,
        including comments, becomes ``***``. Text that is not known to be harmless is hidden.
        """
        if location.line > len(self._lines):
            return None
        line, column = self._lines[location.line - 1], location.column - 1
        if self._masked:
            line, column = _mask(line, column, self._spans(line, location.line))
        return caret(line, column)

    def _spans(self, line: str, number: int) -> list[tuple[int, int]]:
        """The readable parts of the line. A field that is not in the tree, as in a file that could not be parsed,
        has a readable name.
        """
        spans = sorted(_places((self._readable or {}).get(number, ()), line))
        name, colon, _ = line.partition(":")
        indent = len(line) - len(line.lstrip(" -"))
        if not spans or spans[0][0] > len(name):
            named = colon and is_harmless(name[indent:])
            spans.insert(0, (0, len(name) + 1 if named else indent))
        return spans


def caret(line: str, column: int) -> str:
    """A line and a caret under its column (from 0), shortened around it if it is long."""
    start = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
    head = "..." if start else ""
    tail = "..." if start + _WIDTH < len(line) else ""
    before = head + _shown(line[start:column])
    return f"{before}{_shown(line[column : start + _WIDTH])}{tail}\n{' ' * _columns(before)}^"


def _mask(line: str, column: int, spans: Sequence[tuple[int, int]]) -> tuple[str, int]:
    """The line with everything outside of ``spans`` masked, and the new position of the column."""
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
    """Keep punctuation and spaces; replace everything else in the gap with one mask."""
    inner = gap.strip(" ,{}[]:-\t")
    return gap if not inner else gap.replace(inner, MASK, 1)


def _readable(root: Node) -> dict[int, list[Scalar]]:
    """The readable scalars by line: harmless names and values, but no value of a private or unknown field."""
    scalars: dict[int, list[Scalar]] = {}
    stack: list[tuple[Node, tuple[str, ...]]] = [(root, ())]
    while stack:
        node, path = stack.pop()
        if isinstance(node, MapNode):
            for name, (key, value) in node.items.items():
                if is_harmless(name):
                    scalars.setdefault(key.line, []).append(key)
                stack.append((value, (*path, name)))
        elif isinstance(node, ListNode):
            stack += [(item, path) for item in node.items]
        elif is_harmless(node.text) and all(part in FIELD_NAMES and not is_private(part) for part in path):
            scalars.setdefault(node.line, []).append(node)
    return scalars


def _places(scalars: Iterable[Scalar], line: str) -> Iterator[tuple[int, int]]:
    """Their positions in the line, including quotes."""
    for scalar in scalars:
        start = scalar.column - 1
        quoted = 0 if scalar.plain else 1
        if line[start + quoted : start + quoted + len(scalar.text)] == scalar.text:
            yield start, start + len(scalar.text) + 2 * quoted


def _shown(text: str) -> str:
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    return char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _columns(text: str) -> int:
    """The width of the text on a terminal."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    combining = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - combining
