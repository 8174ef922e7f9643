"""PyYAML's own parser, brought in line with libyaml."""

from __future__ import annotations

import re

import yaml

BAD_ESCAPE = "found invalid Unicode character escape code"

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLOCK_TEXT = re.compile(r"(?:[^\0 \t\r\n:]++|:(?![\0 \t\r\n]))*+")
_FLOW_TEXT = re.compile(r"(?:[^\0 \t\r\n:,\[\]{}]++|:(?![\0 \t\r\n,?\[\]{}]))*+")
_FLOW_ENDS = (yaml.FlowEntryToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class PureParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's parser without its composer and constructor, for text that is decoded already.

    What differs from PyYAML 6.0.3 is what libyaml 0.2.5 does: a ``?`` may stand inside a plain text in ``{ }`` and
    ``[ ]``, a ``:`` before one of ``, ? [ ] { }`` may not; an omitted value there stands where the next sign does;
    escapes that are no character are syntax errors. What differs from both is YAML 1.2: a ``?`` with a text
    right after it begins that text in ``{ }`` and ``[ ]`` too.
    """

    buffer: str

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)

    def check_key(self) -> bool:
        """Whether a ``?`` marks a key: only what separates it from a text, or ends it, may follow."""
        return self.peek(1) in ("\0 \t\r\n,[]{}" if self.flow_level else "\0 \t\r\n")

    def check_plain(self) -> bool:
        """Whether a text without quotes begins here; a ``?`` that begins none is a mark, and was taken before."""
        return self.peek() == "?" or bool(yaml.scanner.Scanner.check_plain(self))

    def scan_plain(self) -> yaml.ScalarToken:
        """A text without quotes, over one or more lines."""
        chunks: list[str] = []
        start = end = self.get_mark()
        spaces: list[str] = []
        pattern = _FLOW_TEXT if self.flow_level else _BLOCK_TEXT
        while self.peek() != "#":
            match = pattern.match(self.buffer, self.pointer)
            length = match.end() - match.start() if match else 0
            if self.flow_level and self.peek(length) == ":" and self.peek(length + 1) in ",?[]{}":
                raise yaml.scanner.ScannerError(
                    "while scanning a plain scalar", start, "found unexpected ':'", self.get_mark()
                )
            if not length:
                break
            self.allow_simple_key = False
            chunks += [*spaces, self.prefix(length)]
            self.forward(length)
            end = self.get_mark()
            spaces = self.scan_plain_spaces(self.indent + 1, start) or []
            if not spaces or (not self.flow_level and self.column < self.indent + 1):
                break
        return yaml.ScalarToken("".join(chunks), True, start, end)

    def scan_flow_scalar(self, style: str) -> yaml.ScalarToken:
        """As PyYAML does, but an escape beyond Unicode is no ``OverflowError``, and half of a pair is refused."""
        start = self.get_mark()
        token: yaml.ScalarToken | None
        try:
            token = yaml.scanner.Scanner.scan_flow_scalar(self, style)
        except (ValueError, OverflowError):
            token = None
        if token is None or _SURROGATE.search(token.value):
            raise yaml.scanner.ScannerError("while parsing a quoted scalar", start, BAD_ESCAPE, self.get_mark())
        return token

    def scan_directive(self) -> yaml.DirectiveToken:
        """As PyYAML does, but a version number of thousands of digits is no ``ValueError``."""
        start = self.get_mark()
        try:
            return yaml.scanner.Scanner.scan_directive(self)
        except ValueError:
            raise yaml.scanner.ScannerError("while scanning a directive", start, "bad version", start) from None

    def process_empty_scalar(self, mark: yaml.Mark) -> yaml.ScalarEvent:
        """An omitted value."""
        if self.buffer[mark.index - 1] == ":" and self.check_token(*_FLOW_ENDS):
            mark = self.tokens[0].start_mark
        return yaml.parser.Parser.process_empty_scalar(self, mark)
