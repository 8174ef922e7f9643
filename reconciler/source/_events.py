"""The events of one YAML document, the same from both parsers.

Where libyaml and PyYAML's own parser read a text differently (found by comparing 0.2.5 with 6.0.3), it is refused
beforehand (``refused_directive``), or read as libyaml does (``_pure``), or always given to PyYAML's parser:

- tabs outside quotes: libyaml takes them as space in and between values, PyYAML refuses them;
- a line that starts with ``%`` below the head of the file: libyaml judges the directive at once, PyYAML later;
- tags other than ``!word`` and ``!!word``: they end at other characters, and are errors of other kinds;
- a comment that touches ``|`` or ``>``: libyaml takes it, PyYAML refuses it;
- ``?`` with nothing after it: libyaml refuses some of these in ``[ ]``, PyYAML takes them;
- ``?`` with a text right after it: in ``{ }`` and ``[ ]`` libyaml takes it for the mark of a key, as YAML 1.1
  does. In YAML 1.2 it begins the text, as ``_pure`` reads it.

A file without a last line break gets one: libyaml puts the end of such a file one line lower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol, cast

import yaml

from reconciler.source._pure import PureParser
from reconciler.source.builder import MAX_DEPTH

_MAX_DIRECTIVES = 8  # both parsers take quadratic time in them
_HEAD = re.compile(r"(?: *+(?:#[^\r\n]*+)?(?:\r\n?|\n))*+(%[^\r\n]*+(?:\r\n?|\n)?)")
_DIRECTIVE = re.compile(r"%(?:YAML +1\.[12]|TAG +\S+ +\S+)(?: *| +#.*)", re.ASCII)
_LATE_DIRECTIVE = re.compile(r"[\r\n]%")
_ODD_TAG = re.compile(r"(?<![^\s\[\]{},:?-])!(?!!?[a-zA-Z0-9_-]+[ \r\n]|[ \r\n])")
_TOUCHING_COMMENT = re.compile(r"[|>][-+0-9]*#")
_EMPTY_KEY = re.compile(r"(?<![^\s,\[{])\?\s++[,:\]}#]")
_TEXT_AFTER_MARK = re.compile(r"(?<![^\s,:\[\]{}\"'])\?[^\s,\[\]{}]")
_DOUBTFUL = {
    "%": _LATE_DIRECTIVE,
    "!": _ODD_TAG,
    "#": _TOUCHING_COMMENT,
    "?": re.compile(f"{_EMPTY_KEY.pattern}|{_TEXT_AFTER_MARK.pattern}"),
}
_BETWEEN = re.compile(r"(?:[ \r\n]++|#[^\r\n]*+|(?<![^\r\n])\.\.\.(?=[ \r\n]))*+")
_NEW_DOCUMENT = re.compile(r"(?<![^\r\n])---(?=\s)")
_TAB_OR_COMMENT_LINE = re.compile(r"\t|(?<![^\r\n]) *+#[^\r\n]*+")
_OF_DOCUMENTS = frozenset({yaml.DocumentStartEvent, yaml.DocumentEndEvent})


class _Parser(Protocol):
    def get_event(self) -> yaml.Event | None: ...


def refused_directive(text: str) -> tuple[int, str] | None:
    """The first line at a file's head that starts with ``%`` and is not ``%YAML 1.1``, ``%YAML 1.2`` or ``%TAG``.

    Returns:
        Its index in ``text`` and the line, or None. Too many directives are refused like an unknown one.
    """
    at, count = 0, 0
    while match := _HEAD.match(text, at):
        at, count = match.end(), count + 1
        line = match[1].rstrip("\r\n")
        if count > _MAX_DIRECTIVES or not _DIRECTIVE.fullmatch(line):
            return match.start(1), line
    return None


def events(text: str, *, pure: bool) -> Iterator[yaml.Event]:
    """The first document's events, and the start of a second one where there is one.

    What follows that start is not read: a second document is an error whatever it holds.

    Raises:
        yaml.MarkedYAMLError: ``text`` is no YAML.
    """
    text = text if text.endswith(("\n", "\r")) else f"{text}\n"
    parser = _pure(text) if pure or _differs(text) else _libyaml(text)
    started = False
    for event in iter(parser.get_event, None):
        yield event
        if type(event) not in _OF_DOCUMENTS:
            continue
        if isinstance(event, yaml.DocumentStartEvent):
            if started:
                return
            started = True
        elif isinstance(event, yaml.DocumentEndEvent) and (second := _second(text, event)) is not None:
            yield yaml.DocumentStartEvent(second, second)
            return


def _second(text: str, end: yaml.DocumentEndEvent) -> yaml.Mark | None:
    """Where a second document starts, judged by the text: the parsers scan different lengths ahead."""
    mark = end.end_mark
    if mark is None:
        return None
    between = _BETWEEN.match(text, mark.index)
    at = between.end() if between else mark.index
    if at >= len(text) or text[at] == "\t":
        return None  # nothing more, or a syntax error
    if not end.explicit and not _NEW_DOCUMENT.match(text, at):
        return None
    skipped = text[mark.index : at].replace("\r\n", "\n").replace("\r", "\n")
    lines = skipped.count("\n")
    column = mark.column + len(skipped) if not lines else len(skipped) - skipped.rfind("\n") - 1
    return yaml.Mark("", at, mark.line + lines, column, None, 0)


def _differs(text: str) -> bool:
    """Whether the two parsers may read it differently, or there is only one."""
    if not yaml.__with_libyaml__ or any(
        sign in text and pattern.search(text) for sign, pattern in _DOUBTFUL.items()
    ):
        return True
    return "\t" in text and not _tabs_are_text(text)


def _tabs_are_text(text: str) -> bool:
    """Whether every tab stands in a comment's line or in quotes, where both parsers read it alike."""
    tabs = [match.start() for match in _TAB_OR_COMMENT_LINE.finditer(text) if match[0] == "\t"]
    if not tabs:
        return True
    tabs.reverse()
    depth, parser = 0, _libyaml(text)
    try:
        for event in iter(parser.get_event, None):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.DocumentEndEvent):
                break
            if isinstance(event, yaml.ScalarEvent) and not _pass_quoted(tabs, event):
                return False
            if not tabs or depth > MAX_DEPTH:
                break
    except yaml.YAMLError:
        return False
    return not tabs


def _pass_quoted(tabs: list[int], event: yaml.ScalarEvent) -> bool:
    """Drop the tabs in this scalar from the end of ``tabs``; false where one stands before it, or in no quotes."""
    start, end = event.start_mark, event.end_mark
    if not tabs or start is None or end is None or tabs[-1] >= end.index:
        return True
    if tabs[-1] < start.index or event.style not in {"'", '"'}:
        return False
    while tabs and tabs[-1] < end.index:
        tabs.pop()
    return True


def _libyaml(text: str) -> _Parser:
    from yaml._yaml import CParser  # noqa: PLC0415 - PyYAML may have been built without it

    return cast("_Parser", CParser(text))


def _pure(text: str) -> _Parser:
    return cast("_Parser", PureParser(text))
