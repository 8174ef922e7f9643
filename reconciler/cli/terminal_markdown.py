"""Markdown as text for a terminal."""

from __future__ import annotations

import io
import re

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown
from rich.text import Text

_LINK = re.compile(r"\[([^\]]*)\]\(([a-z-]+)\.md(?:#[a-z0-9-]+)?\)")


class _LeftHeading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.tag != "h1":
            yield Text()
        self.text.justify = "left"
        yield self.text


class _Guide(Markdown):
    elements = Markdown.elements | {"heading_open": _LeftHeading}


def rendered(markdown: str, width: int, *, color: bool) -> str:
    """A guide as text of at most ``width`` columns. A link to another guide becomes the command that shows it."""
    text = _LINK.sub(r"\1 (`reconciler help \2`)", markdown)
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=color, no_color=not color, highlight=False)
    console.print(_Guide(text, hyperlinks=False))
    lines = "\n".join(line.rstrip() for line in output.getvalue().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"
