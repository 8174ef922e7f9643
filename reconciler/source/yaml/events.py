"""The events of one YAML document, from libyaml.

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

import yaml

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


def refused_directive(text: str) -> tuple[int, str] | None:
    """The first directive of a file that is not ``%YAML 1.2``.

    Directives must be refused, because libyaml takes quadratic time in the number of ``%TAG`` lines.

    Returns:
        Its index in ``text`` and the line, or None.
    """
    match = _REFUSED_DIRECTIVE.match(text)
    return None if match is None else (match.start(1), match[1])


def events(text: str) -> Iterator[yaml.Event]:
    """The events of the first document, and the start of a second one if there is one.

    The second document is not read, because it is an error in any case.

    Raises:
        yaml.MarkedYAMLError: ``text`` is not valid YAML, or has another meaning in YAML 1.2.
    """
    text = text if text.endswith(("\n", "\r")) else f"{text}\n"
    parsed: Iterable[yaml.Event] = _parsed(text)
    if "#" in text and _TOUCHING_COMMENT.search(text):
        parsed = _checked(parsed, text)
    for event in parsed:
        yield event
        if isinstance(event, yaml.DocumentEndEvent) and (second := _second_document(text, event)) is not None:
            yield second
            return


def _parsed(text: str) -> Iterator[yaml.Event]:
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
