"""Text output for people: its style, and the few building blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from unicodedata import combining, east_asian_width

_KEPT = "\N{NO-BREAK SPACE}"
_SETTING = re.compile(r"moved: \[\{[^]{}]*\}\]")
_NARROWEST = 60
_MOST_WAITING = 1000
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class OutputStyle:
    """Width (None for a file or a pipe, where text is not wrapped), colour, and whether private values are masked.

    ``now`` is set for a person at a terminal, who sees relative times. Otherwise the text depends only on the
    plan. Long lists are shortened on a terminal, unless ``full``. ``brief``: show only the counts and what needs a
    person, shortened.
    """

    width: int = 1_000_000
    color: bool = False
    masked: bool = True
    now: datetime | None = None
    full: bool = False
    brief: bool = False

    @property
    def shortened(self) -> bool:
        return not self.full and (self.brief or self.now is not None)


class StyledLine:
    """One line of parts, each with a style: words of ``_CODES``, such as ``bold red``.

    ``width`` is in terminal cells: some characters take two.
    """

    def __init__(self, text: str = "", style: str = "") -> None:
        self.width = 0
        self._texts: list[str] = []
        self._styles: list[str] = []
        self.append(text, style)

    def append(self, text: str, style: str = "") -> StyledLine:
        """Add a part and return the same line."""
        self._texts.append(text)
        self._styles.append(style)
        self.width += cell_width(text)
        return self

    def drawn(self, *, color: bool) -> str:
        """The line with its terminal codes."""
        if not color:
            return "".join(self._texts)
        return "".join(map(_painted, self._texts, self._styles))


class Console:
    """Passes styled lines to ``write``, many at a time; ``height`` is the number of lines.

    Long lines are wrapped by the terminal, so that they can be copied as one line.
    """

    def __init__(self, look: OutputStyle, write: Callable[[str], object]) -> None:
        self.width = max(look.width, _NARROWEST)
        self.height = 0
        self._color = look.color
        self._write = write
        self._lines: list[str] = []

    def print(self, line: StyledLine | str = "") -> None:
        drawn = line.drawn(color=self._color) if isinstance(line, StyledLine) else line
        self.height += 1 + drawn.count("\n")
        self._lines.append(drawn)
        if len(self._lines) >= _MOST_WAITING:
            self.end()

    def take(self, drawn: str) -> None:
        """Add text that another console with the same settings produced."""
        self.end()
        self.height += drawn.count("\n")
        self._write(drawn)

    def end(self) -> None:
        """Write the remaining lines."""
        self._write("".join(f"{line}\n" for line in self._lines))
        self._lines.clear()


def capture(look: OutputStyle, draw: Callable[[Console], None]) -> str:
    """The text that ``draw`` prints with these settings."""
    parts: list[str] = []
    console = Console(look, parts.append)
    draw(console)
    console.end()
    return "".join(parts)


def print_indented(console: Console, text: str, indent: int) -> None:
    """Print a paragraph, wrapped to the console's width."""
    for line in wrap(" " * indent + text, console.width):
        console.print(line)


def wrap(line: str, width: int) -> list[str]:
    """The line in lines of at most ``width`` terminal cells, broken at spaces only and indented alike. A word that
    is longer than a line is not broken, nor is a setting to copy: ``moved: [{from: a, to: b}]``.
    """
    if cell_width(line) <= width:
        return [line]
    text = line.lstrip(" ")
    margin = " " * min(len(line) - len(text), width // 2)
    lines, current = [], margin
    for kept in _SETTING.sub(lambda match: match[0].replace(" ", _KEPT), text).split(" "):
        word = kept.replace(_KEPT, " ")
        longer = f"{current}{word}" if current == margin else f"{current} {word}"
        if current != margin and cell_width(longer) > width:
            lines.append(current)
            longer = margin + word
        current = longer
    return [*lines, current]


def wrap_hanging(text: str, width: int, head: int) -> list[str]:
    """The same with the later lines indented. The first ``head`` characters stay in one line: if they are too
    long, the text is one line.
    """
    if cell_width(text) <= width or head >= width:
        return [text]
    kept = text[:head].replace(" ", _KEPT) + text[head:]
    first, *rest = (line.replace(_KEPT, " ") for line in wrap(kept, width - 4))
    return [first, *(f"    {line}" for line in rest)]


def _painted(text: str, style: str) -> str:
    codes = ";".join(_CODES[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def cell_width(text: str) -> int:
    """Terminal cells. Wide characters (UAX #11) take two, marks on another character none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "FW" else 1 for char in text)
