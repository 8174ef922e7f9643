"""Help texts that fit the terminal: also the lines that click prints as they are are wrapped between words."""

from __future__ import annotations

from collections.abc import Iterator

import click

from reconciler.render.console import wrap

_HELD = "\N{NO-BREAK SPACE}"
_CONTINUED = " \\"


class WrappingFormatter(click.HelpFormatter):
    """A comment that does not fit behind its example stands above it. A command goes on after a backslash."""

    def write_text(self, text: str) -> None:
        width = self.width - self.current_indent
        paragraphs = text.split("\n\n")
        super().write_text("\n\n".join(_fitted(paragraph, width) for paragraph in paragraphs))


def _fitted(paragraph: str, width: int) -> str:
    if not paragraph.startswith("\b\n"):
        return paragraph
    return "\n".join(part for line in paragraph.split("\n") for part in _lines(line, width))


def _lines(line: str, width: int) -> Iterator[str]:
    if len(line) <= width:
        yield line
        return
    command, _, comment = line.partition("  # ")
    margin = " " * (len(line) - len(line.lstrip(" ")))
    if comment:
        yield from wrap(f"{margin}# {comment.strip()}", width)
    if not command.lstrip(" ").startswith("reconciler "):
        yield from wrap(command.rstrip(), width)
        return
    words = command.strip()
    for before in (" --", " && ", " | "):  # not between the words of a quoted text
        words = words.replace(before, f"\n{before[1:]}")
    held = words if "\n" not in words else words.replace(" ", _HELD).replace("\n", " ")
    parts = wrap(margin + held, width - 4)
    for number, part in enumerate(parts):
        shown = part.replace(_HELD, " ")
        yield f"{'  ' if number else ''}{shown}{'' if part is parts[-1] else _CONTINUED}"
