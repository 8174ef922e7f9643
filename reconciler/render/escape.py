"""Making untrusted text harmless for where it is printed.

Every form starts from ``for_terminal``, which leaves one line of characters that can be seen. What a form could
still take for its own syntax is then taken out by the form's own rule.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from reconciler.source.sheets.guard import FORMULA_STARTS, guarded

_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"})
# Letters and marks that Unicode calls Default_Ignorable_Code_Point: nothing is drawn for them.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
# CI runners take lines of a log for commands. GitHub's: "::name ...::" where a line starts, white space before it
# or not, and "##[name ...]" anywhere in it (actions/runner, ActionCommand.cs). Azure's: "##vso[...]" anywhere.
# Text that is wrapped may start a line after any space, so a word may not start with "::" either.
_COMMAND = re.compile(r"(?<![!-~])::|##(?=\w*\[)")
_NOT_PLAIN = re.compile("[^\n -~]+")
_BACKTICKS = re.compile("`+")
# Where a list separator is a semicolon, a spreadsheet starts a cell after any of them.
_NEXT_CELL = re.compile(rf""";(?=[\s"']*[{re.escape("".join(FORMULA_STARTS))}])""")
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def for_terminal(text: str) -> str:
    """What cannot be seen (control, bidirectional, zero-width characters) as visible escapes, in one line in which
    no terminal and no CI runner finds a command."""
    if text.isascii() and text.isprintable() and "::" not in text and "##" not in text:
        return text  # nearly all texts are like this
    if not text.isprintable() or _BLANK.search(text):
        text = "".join(_visible(char) for char in text)
    return _COMMAND.sub(lambda found: r"\x3a:" if found[0] == "::" else r"#\x23", text)


def in_place(line: str) -> str:
    """A line of printable text, of which all can be seen and nothing acts; each character keeps its column."""
    seen = _BLANK.sub("\N{REPLACEMENT CHARACTER}", line)
    return _COMMAND.sub(lambda found: f"{found[0][0]}\N{REPLACEMENT CHARACTER}", seen)


def for_json(document: str) -> str:
    """The same JSON as it may be printed: what cannot be seen is escaped, and no CI runner finds a command in it.

    Such characters, and ``#``, stand in texts only.
    """
    if not document.isascii() or "\x7f" in document:
        document = _NOT_PLAIN.sub(_escaped, document)
    return document.replace("##", r"#\u0023")


def inert_json(document: bytes) -> bytes:
    """The same for whole tokens of UTF-8 JSON."""
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

    In a code span nothing acts: no link, image, entity, HTML, footnote or backslash (GitHub Flavored Markdown
    Spec 6.3), and GitHub looks for mentions, references, emoji, commits and formulas outside of code only. The
    fence is longer than any run of backticks in the text. An empty text is a span of one space.
    """
    shown = cut(text, limit)
    longest = max(map(len, _BACKTICKS.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if not shown.strip(" ") or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{space}{shown}{space}{fence}"


def for_markdown_cell(text: str, limit: int = 200) -> str:
    """The same for a cell of a table, where a pipe ends even a code span unless a backslash stands before it
    (GitHub Flavored Markdown Spec 4.10). The text's own backslash before a pipe is shown as an escape."""
    return for_markdown(re.sub(r"\\(?=\|)", r"\\x5c", text), limit).replace("|", r"\|")


def for_html(text: str, limit: int = 200) -> str:
    """``text``, cut after ``limit`` characters, for the content or a quoted attribute of an HTML element."""
    return html.escape(cut(text, limit))


@lru_cache(maxsize=1024)  # most cells of most columns hold what others do
def for_csv(text: str) -> str:
    """``text`` for a cell of delimited text: one line, and no spreadsheet finds a formula in it (``guard.py``)."""
    shown = for_terminal(text)
    return guarded(_NEXT_CELL.sub(r"\\x3b", shown) if ";" in shown else shown)


def cut(text: str, limit: int) -> str:
    """At most ``limit`` visible characters of ``text``, with an ellipsis where some are left out."""
    shown = for_terminal(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + ELLIPSIS


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE and not _BLANK.match(char):
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
