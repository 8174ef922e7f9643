"""Build nodes from parser events, with a diagnostic for each YAML feature that is not supported."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern

import yaml

from reconciler.domain.model import Diagnostic, Location, Severity
from reconciler.source.report import ProblemCounts, ProblemKind
from reconciler.source.yaml.nodes import NULLS, ListNode, MapNode, Node, Scalar

MAX_DEPTH = 32


class TooDeep(Exception):  # noqa: N818 - a signal between two functions, not an error
    """The file is nested too deeply. Its diagnostic has been added."""


class Builder:
    """Builds the nodes of one file from events. Problems are added to ``diagnostics``, limited by ``tally``, and
    building continues if possible."""

    def __init__(self, file: str) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.tally = ProblemCounts()
        self._file = file
        self._root: Node | None = None
        self._documents = 0
        self._inside: MapNode | ListNode | None = None
        self._key: Scalar | None = None  # the key in the current map whose value comes next
        self._outside: list[tuple[MapNode | ListNode | None, Scalar | None]] = []

    def build(self, events: Iterable[yaml.Event]) -> None:
        """Process all events. Most are scalars, so these are checked first.

        Raises:
            TooDeep: nesting is deeper than ``MAX_DEPTH``.
        """
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._add(self._scalar(event))
            else:
                self._structure(event)

    def _structure(self, event: yaml.Event) -> None:
        """Process an event that is not a scalar."""
        if isinstance(event, yaml.CollectionStartEvent):
            if event.anchor is not None or event.tag is not None:
                self._check_properties(event)
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._report(
                "E109",
                f"alias *{event.anchor}: aliases are not supported",
                event,
                "write the value, or use defaults",
            )
            self._add(self._placeholder(event))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event)

    def finish(self) -> Node | None:
        """The file's root, or None if there is none or it is not a map; both are reported."""
        root = self._root
        if root is None or (isinstance(root, Scalar) and root.is_null):
            hint = "add fields, such as version: 1"
            self._add_problem("E104", "the file is empty", Location(self._file, 1, 1), hint)
            return None
        if not isinstance(root, MapNode):
            what = "a list" if isinstance(root, ListNode) else "a single value"
            where = Location(self._file, root.line, root.column)
            self._add_problem(
                "E106", f"expected a map of fields, got {what}", where, "start the file with version: 1"
            )
            return None
        return root

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents == 2:
            self._report(
                "E105", "a second document starts here", event, "split the file: it must contain one document"
            )

    def _check_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._report(
                "E109", f"anchor &{event.anchor}: anchors are not supported", event, "use defaults to share values"
            )
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            hint = 'remove it; to make a value text, put it in quotes, such as "0042"'
            self._report("E108", f"tag {shown}: tags are not supported", event, hint)

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        if event.anchor is not None or event.tag is not None:
            self._check_properties(event)
        text, mark = event.value, event.start_mark
        if "\0" in text:
            self._report("E102", "the value contains a NUL character, written as an escape", event, "remove it")
            text = text.replace("\0", "")
        if mark is None:
            return Scalar(text, not event.style, 1, 1)
        return Scalar(text, not event.style, mark.line + 1, mark.column + 1)

    def _placeholder(self, event: yaml.Event) -> Scalar:
        return Scalar("", True, *_place(event))

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._outside) >= MAX_DEPTH:
            self._report(
                "E111", f"nested deeper than {MAX_DEPTH}", event, "reduce the nesting: plan files are flat"
            )
            raise TooDeep
        is_map = isinstance(event, yaml.MappingStartEvent)
        node: MapNode | ListNode = MapNode(*_place(event)) if is_map else ListNode(*_place(event))
        self._add(node)
        self._outside.append((self._inside, self._key))
        self._inside, self._key = node, None

    def _close(self) -> None:
        self._inside, self._key = self._outside.pop()

    def _add(self, node: Node) -> None:
        parent = self._inside
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
        what = "empty or null" if isinstance(node, Scalar) else "a list or a map"
        where = Location(self._file, node.line, node.column)
        self._add_problem("E112", f"expected a field name, but it is {what}", where, "write name: value")
        return Scalar("", True, node.line, node.column)

    def _set(self, parent: MapNode, key: Scalar, node: Node) -> None:
        if key.text and key.text != "<<" and key.text not in parent.items:
            parent.items[key.text] = (key, node)
        else:
            self._set_odd(parent, key, node)

    def _set_odd(self, parent: MapNode, key: Scalar, node: Node) -> None:
        if not key.text:
            return
        where = Location(self._file, key.line, key.column)
        if key.plain and key.text == "<<":
            self._add_problem("E110", "merge keys are not supported", where, "use defaults to share values")
            return
        first = parent.items.setdefault(key.text, (key, node))[0]
        if first is not key:
            message = f"duplicate field {key.text!r}, first used in line {first.line}"
            self._add_problem("E107", message, where, "keep one of them")

    def _report(self, code: str, message: str, event: yaml.Event, hint: str) -> None:
        self._add_problem(code, message, Location(self._file, *_place(event)), hint)

    def _add_problem(self, code: str, message: str, where: Location, hint: str) -> None:
        item = Diagnostic(Severity.ERROR, code, message, where, hint)
        if self.tally.admits(ProblemKind(self._file, code), item):
            self.diagnostics.append(item)


def _place(event: yaml.Event) -> tuple[int, int]:
    """The line and column of an event, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
