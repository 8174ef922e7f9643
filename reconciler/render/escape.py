"""Make untrusted text safe for the format in which it is printed.

Every format starts from ``for_terminal``, which leaves one line of visible characters. Each format then escapes
its own syntax.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from reconciler.source.sheets.formula_escape import FORMULA_STARTS, escape_formula

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})
# Letters and marks with Unicode's Default_Ignorable_Code_Point property: they are invisible.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
# CI runners read commands from a log. GitHub's: "::name ...::" at the start of a line, white space before it
# or not, and "##[name ...]" anywhere in it (actions/runner, ActionCommand.cs). Azure's: "##vso[...]" anywhere.
# Wrapped text may start a line at any word, so no word may start with "::" either.
_COMMAND = re.compile(r"(?<![!-~])::|##(?=\w*\[)")
_NOT_PLAIN = re.compile("[^\n -~]+")
_BACKTICKS = re.compile("`+")
# In locales with a semicolon as list separator, a spreadsheet starts a new cell after each one.
_NEXT_CELL = re.compile(rf""";(?=[\s"']*[{re.escape("".join(FORMULA_STARTS))}])""")
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def for_terminal(text: str) -> str:
    """One line with invisible characters (control, bidirectional, zero-width) as visible escapes, and without
    commands for a terminal or a CI runner.
    """
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text  # the most frequent case
    if not text.isprintable() or _BLANK.search(text):
        text = "".join(_visible(char) for char in text)
    return _COMMAND.sub(lambda found: r"\x3a:" if found[0] == "::" else r"#\x23", text)


def in_place(line: str) -> str:
    """A safe line of visible characters in which each character keeps its column."""
    seen = _BLANK.sub("\N{REPLACEMENT CHARACTER}", line)
    return _COMMAND.sub(lambda found: f"{found[0][0]}\N{REPLACEMENT CHARACTER}", seen)


def for_json(document: str) -> str:
    """The same JSON, safe to print: invisible characters are escaped, and CI runners find no command in it.

    Such characters, and ``#``, occur only in strings.
    """
    if not document.isascii() or "\x7f" in document:
        document = _NOT_PLAIN.sub(_escaped, document)
    return document.replace("##", r"#\u0023")


def inert_json(document: bytes) -> bytes:
    """The same for complete tokens of UTF-8 JSON."""
    if document.isascii() and b"\x7f" not in document and b"##" not in document:
        return document
    return for_json(document.decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    return "".join(char if _visible(char) == char else _escape(char) for char in found[0])


def _escape(char: str) -> str:
    """JSON's escape for a character (RFC 8259, 7); that of a lone surrogate is one half of a pair."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def for_markdown(text: str, limit: int = 200) -> str:
    """``text``, cut after ``limit`` characters, as a code span.

    A code span is inert: it contains no link, image, entity, HTML, footnote or backslash escape (GitHub Flavored
    Markdown Spec 6.3), and GitHub finds mentions, references, emoji, commits and formulas only outside of code.
    The fence is longer than any run of backticks in the text. An empty text becomes a span of one space.
    """
    shown = cut(text, limit)
    longest = max(map(len, _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if not shown.strip(" ") or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{space}{shown}{space}{fence}"


def for_markdown_cell(text: str, limit: int = 200) -> str:
    """The same for a table cell, where a pipe ends even a code span unless a backslash precedes it (GitHub
    Flavored Markdown Spec 4.10). A backslash of the text before a pipe is shown as an escape.
    """
    return for_markdown(re.sub(r"\\(?=\|)", r"\\x5c", text), limit).replace("|", r"\|")


def for_html(text: str, limit: int = 200) -> str:
    """``text``, cut after ``limit`` characters, for the content or a quoted attribute of an HTML element."""
    return html.escape(cut(text, limit))


@lru_cache(maxsize=1024)  # most columns repeat a few values
def for_csv(text: str) -> str:
    """``text`` for a cell of delimited text: one line, without a formula (see ``sheets.formula_escape``)."""
    shown = for_terminal(text)
    return escape_formula(_NEXT_CELL.sub(r"\\x3b", shown) if ";" in shown else shown)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` visible characters of ``text``, with an ellipsis if it was cut."""
    shown = for_terminal(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + ELLIPSIS


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE and not _BLANK.match(char):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
