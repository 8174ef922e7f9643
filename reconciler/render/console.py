"""Text for a person: how it looks, and the few shapes it is made of."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_NARROWEST = 60
_MOST_WAITING = 1000
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Look:
    """How wide (a file or a pipe has no width: nothing is wrapped there), in colour or not, and whether private
    values are masked.

    ``now`` is set for a person at a terminal, who is told how far ahead things are; elsewhere the text depends on
    nothing but the plan. Long lists are folded there too, unless ``full``.
    """

    width: int = 1_000_000
    color: bool = False
    masked: bool = True
    now: datetime | None = None
    full: bool = False


class Line:
    """One line, of parts in a style each: words of ``_CODES``, such as ``bold red``.

    ``width`` is in cells of a terminal: some characters take two.
    """

    def __init__(self, text: str = "", style: str = "") -> None:
        self.width = 0
        self._texts: list[str] = []
        self._styles: list[str] = []
        self.append(text, style)

    def append(self, text: str, style: str = "") -> Line:
        """Go on with a part; the result is the same line."""
        self._texts.append(text)
        self._styles.append(style)
        self.width += len(text) if text.isascii() else _cells(text)
        return self

    def drawn(self, *, color: bool) -> str:
        """The line as a terminal takes it."""
        if not color:
            return "".join(self._texts)
        return "".join(map(_painted, self._texts, self._styles))


class Console:
    """Gives lines as they look to ``write``, many at a time; ``height`` is how many there are.

    Long ones are left to the terminal to break: so they can be copied whole.
    """

    def __init__(self, look: Look, write: Callable[[str], object]) -> None:
        self.width = max(look.width, _NARROWEST)
        self.height = 0
        self._color = look.color
        self._write = write
        self._lines: list[str] = []

    def print(self, line: Line | str = "") -> None:
        drawn = line.drawn(color=self._color) if isinstance(line, Line) else line
        self.height += 1 + drawn.count("\n")
        self._lines.append(drawn)
        if len(self._lines) >= _MOST_WAITING:
            self.end()

    def take(self, drawn: str) -> None:
        """Go on with what another console of this look gave."""
        self.end()
        self.height += drawn.count("\n")
        self._write(drawn)

    def end(self) -> None:
        """Write what is left."""
        self._write("".join(f"{line}\n" for line in self._lines))
        self._lines.clear()


def capture(look: Look, draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints, looking like ``look``."""
    parts: list[str] = []
    console = Console(look, parts.append)
    draw(console)
    console.end()
    return "".join(parts)


def print_indented(console: Console, text: str, indent: int) -> None:
    """A paragraph, wrapped to the console's width."""
    margin = " " * indent
    for line in textwrap.wrap(text, console.width - indent, break_long_words=False, break_on_hyphens=False):
        console.print(margin + line)


def _painted(text: str, style: str) -> str:
    codes = ";".join(_CODES[word] for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m" if codes and text else text


def _cells(text: str) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 - its tables are only needed beyond ASCII

    return cell_len(text)
