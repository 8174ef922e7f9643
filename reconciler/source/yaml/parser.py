"""Parse one YAML document with libyaml and build nodes, with a diagnostic for each feature that is not supported.

libyaml reads YAML 1.1. According to the YAML test suite (https://github.com/yaml/yaml-test-suite), libyaml 0.2.5
and 0.2.6 silently drop:

- ``?`` directly before a text in ``{ }`` and ``[ ]``, as a key indicator. In YAML 1.2 it is part of the text
  (section 7.3.3, rule 126), so libyaml gets another character in its place;
- ``#`` and the rest of its line, as a comment, directly after a quote, a bracket, a comma, a colon, or a ``|``. In
  YAML 1.2 a comment must be separated (section 6.6, rule 75), so such text is refused.

A line break is added to a file without a final one, because it would change the value of a text block at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from sys import intern

import yaml

from reconciler.source.report import FileReport
from reconciler.source.yaml.nodes import NULLS, ListNode, MapNode, Node, Scalar

MAX_DEPTH = 32
MISPLACED_COMMENT = "found a comment with no space before it"

_REFUSED_DIRECTIVE = re.compile(
    r"(?:(?: *+(?:#[^\r\n]*+)?|%YAML +1\.2 *+(?:(?<= )#[^\r\n]*+)?)(?:\r\n?|\n))*+(%[^\r\n]*+)"
)
_BETWEEN_DOCUMENTS = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+|(?<![^\r\n])\.\.\.(?=\s))*+")
_DOCUMENT_START = re.compile(r"(?<![^\r\n])(?:---(?=\s)|%)")
_QUESTION_MARK = re.compile(r"(?<![^\s,:\[\]{}\"'])\?(?=[^\s,\[\]{}])")  # at the start of a text
_STAND_INS = range(0xE000, 0xF900)  # characters for private use
_TOUCHING_COMMENT = re.compile(r"""[|>\[\]{},:"'][-+0-9]*+#""")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*+#")
_BETWEEN_VALUES = re.compile(r"(?:[^#]|(?<!\S)#[^\r\n]*+)*+")


class _TooDeep(Exception):  # noqa: N818 - a signal between two functions, not an error
    """The file is nested too deeply, which has been reported."""


def parse(text: str, report: FileReport) -> Node | None:
    """The root of a document; None if it is empty, nested too deeply or not a map, which is reported.

    Raises:
        yaml.MarkedYAMLError: ``text`` is not valid YAML, or has another meaning in YAML 1.2.
    """
    builder = _Builder(report)
    try:
        builder.build(_events(text))
    except _TooDeep:
        return None
    return builder.finish()


class _Builder:
    """Builds nodes from events. Problems are added to ``report``, and building continues if possible."""

    def __init__(self, report: FileReport) -> None:
        self._report = report
        self._root: Node | None = None
        self._documents = 0
        self._parent: MapNode | ListNode | None = None
        self._key: Scalar | None = None  # the key in the current map whose value comes next
        self._outer: list[tuple[MapNode | ListNode | None, Scalar | None]] = []
        self._joined: set[int] = set()  # the ids of maps that duplicate fields were added to

    def build(self, events: Iterable[yaml.Event]) -> None:
        """Process all events. Most are scalars, so these are checked first."""
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event))
            else:
                self._structure(event)

    def _structure(self, event: yaml.Event) -> None:
        """Process an event that is not a scalar."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._check_properties(event)
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._parent, self._key = self._outer.pop()
        elif isinstance(event, yaml.AliasEvent):
            message = f"alias *{event.anchor}: aliases are not supported"
            self._report.add_problem("E109", message, *_place(event), "write the value, or use defaults")
            self._add(Scalar("", True, *_place(event)))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents == 2:
                hint = "split the file: it must contain one document"
                self._report.add_problem("E105", "a second document starts here", *_place(event), hint)

    def finish(self) -> Node | None:
        """The file's root, or None if there is none or it is not a map; both are reported."""
        root = self._root
        if root is None or (isinstance(root, Scalar) and root.is_null):
            self._report.add_problem("E104", "the file is empty", 1, 1, "add fields, such as version: 1")
            return None
        if not isinstance(root, MapNode):
            kind = "a list" if isinstance(root, ListNode) else "a single value"
            message = f"expected a map of fields, got {kind}"
            self._report.add_problem("E106", message, root.line, root.column, "start the file with version: 1")
            return None
        return root

    def _check_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            message = f"anchor &{event.anchor}: anchors are not supported"
            self._report.add_problem("E109", message, *_place(event), "use defaults to share values")
        if event.tag is not None:
            message = f"tag {event.tag.replace('tag:yaml.org,2002:', '!!')}: tags are not supported"
            hint = 'remove it; to make a value text, put it in quotes, such as "0042"'
            self._report.add_problem("E108", message, *_place(event), hint)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event)
        text, mark = event.value, event.start_mark
        if "\0" in text:
            message = "the value contains a NUL character, written as an escape"
            self._report.add_problem("E102", message, *_place(event), "remove it")
            text = text.replace("\0", "")
        if mark is None:
            return Scalar(text, not event.style, 1, 1)
        return Scalar(text, not event.style, mark.line + 1, mark.column + 1)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._outer) >= MAX_DEPTH:
            hint = "reduce the nesting: plan files are flat"
            self._report.add_problem("E111", f"nested deeper than {MAX_DEPTH}", *_place(event), hint)
            raise _TooDeep
        is_map = isinstance(event, yaml.MappingStartEvent)
        node: MapNode | ListNode = MapNode(*_place(event)) if is_map else ListNode(*_place(event))
        parent, key = self._parent, self._key
        self._add(node)
        if isinstance(parent, MapNode) and key is not None:
            node = self._join(node, parent.get(key.text))
        self._outer.append((parent, self._key))
        self._parent, self._key = node, None

    def _join(self, node: MapNode | ListNode, stored: Node | None) -> MapNode | ListNode:
        """The node to fill: after a duplicate field the earlier one, so that nothing is missed in other places."""
        if stored is node or not isinstance(stored, MapNode | ListNode) or type(stored) is not type(node):
            return node
        self._joined.add(id(stored))
        return stored

    def _add(self, node: Node) -> None:
        parent = self._parent
        if isinstance(parent, MapNode):
            key = self._key
            if key is None:
                self._key = self._as_key(node)
            else:
                self._key = None
                self._set(parent, key, node)
        elif parent is not None:
            parent.items.append(node)
        else:
            self._root = node

    def _as_key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar) and node.text and not (node.plain and node.text in NULLS):
            node.text = intern(node.text)  # rows repeat the same few names
            return node
        kind = "empty or null" if isinstance(node, Scalar) else "a list or a map"
        message = f"expected a field name, but it is {kind}"
        self._report.add_problem("E112", message, node.line, node.column, "write name: value")
        return Scalar("", True, node.line, node.column)

    def _set(self, parent: MapNode, key: Scalar, node: Node) -> None:
        name = key.text
        if name == "<<" and key.plain:
            hint = "use defaults to share values"
            self._report.add_problem("E110", "merge keys are not supported", key.line, key.column, hint)
        elif name and name not in parent.items:
            parent.items[name] = (key, node)
        elif name and id(parent) not in self._joined:
            line = parent.items[name][0].line
            message = f"duplicate field {name!r}, first used in line {line}"
            hint = "keep one of them" if isinstance(node, Scalar) else f"join it with the one in line {line}"
            self._report.add_problem("E107", message, key.line, key.column, hint)


def _place(event: yaml.Event) -> tuple[int, int]:
    """The line and column of an event, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def refused_directive(text: str) -> tuple[int, str] | None:
    """The first directive of a file that is not ``%YAML 1.2``.

    Directives must be refused, because libyaml takes quadratic time in the number of ``%TAG`` lines.

    Returns:
        Its index in ``text`` and the line, or None.
    """
    match = _REFUSED_DIRECTIVE.match(text)
    return None if match is None else (match.start(1), match[1])


def _events(text: str) -> Iterator[yaml.Event]:
    """The events of the first document, and the start of a second one if there is one.

    The second document is not read, because it is an error in any case.

    Raises:
        yaml.MarkedYAMLError: ``text`` is not valid YAML, or has another meaning in YAML 1.2.
    """
    text = text if text.endswith(("\n", "\r")) else f"{text}\n"
    parsed: Iterable[yaml.Event] = _raw_events(text)
    if "#" in text and _TOUCHING_COMMENT.search(text):
        parsed = _checked(parsed, text)
    for event in parsed:
        yield event
        if isinstance(event, yaml.DocumentEndEvent) and (second := _second_document(text, event)) is not None:
            yield second
            return


def _raw_events(text: str) -> Iterator[yaml.Event]:
    if "?" not in text or not _QUESTION_MARK.search(text):
        yield from iter(yaml.CSafeLoader(text).get_event, None)
        return
    stand_in = next(char for char in map(chr, _STAND_INS) if char not in text)
    for event in iter(yaml.CSafeLoader(_QUESTION_MARK.sub(stand_in, text)).get_event, None):
        if isinstance(event, yaml.ScalarEvent):
            event.value = event.value.replace(stand_in, "?")
        yield event


def _second_document(text: str, end: yaml.DocumentEndEvent) -> yaml.DocumentStartEvent | None:
    """The start of a second document, searched in the text because libyaml would read all its directives first."""
    between = _BETWEEN_DOCUMENTS.match(text, _span(end)[1])
    at = between.end() if between else len(text)
    if at >= len(text) or not (end.explicit or _DOCUMENT_START.match(text, at)):
        return None
    mark = _mark(text, at)
    return yaml.DocumentStartEvent(mark, mark)


def _checked(parsed: Iterable[yaml.Event], text: str) -> Iterator[yaml.Event]:
    """Check the events for comments that libyaml drops: between two values, or in the header of a text block."""
    read = 0
    for event in parsed:
        start, end = _span(event)
        between = _BETWEEN_VALUES.match(text, read, start)
        if between is not None and between.end() < start:
            raise _refusal(text, between.end())
        if isinstance(event, yaml.ScalarEvent):
            header = _BLOCK_HEADER.match(text, start) if event.style in {"|", ">"} else None
            if header is not None:
                raise _refusal(text, header.end() - 1)
            start = end
        yield event
        read = max(read, start)  # use the start of a collection: the start event of a map in [ ] ends after its ?


def _refusal(text: str, at: int) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=MISPLACED_COMMENT, problem_mark=_mark(text, at))


def _span(event: yaml.Event) -> tuple[int, int]:
    """The start and end index of an event in the text; libyaml sets both for every event."""
    start, end = event.start_mark, event.end_mark
    return (start.index if start else 0, end.index if end else 0)


def place(text: str, index: int) -> tuple[int, int]:
    """The line and column of a character, from 1; CRLF, CR and LF each end a line."""
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _mark(text: str, index: int) -> yaml.Mark:
    line, column = place(text, index)
    return yaml.Mark("", index, line - 1, column - 1, None, 0)
