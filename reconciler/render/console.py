"""Text for a person: how it looks, and the few shapes it is made of."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Look:
    """How wide (a file or a pipe has no width: nothing is wrapped there), in colour or not, and whether private
    values are masked."""

    width: int = 1_000_000
    color: bool = False
    masked: bool = True


def capture(look: Look, draw: Callable[[Console], None]) -> str:
    """What ``draw`` prints, looking like ``look``."""
    buffer = io.StringIO()
    draw(
        Console(
            file=buffer,
            width=max(look.width, 60),
            force_terminal=look.color,
            color_system="standard" if look.color else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
    )
    return buffer.getvalue()


def print_indented(console: Console, text: str, indent: int) -> None:
    """A paragraph, wrapped to the console's width."""
    margin = " " * indent
    width = console.width
    lines = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False)
    console.print(styled("\n".join(margin + line for line in lines), ""), soft_wrap=True)


def styled(text: str, style: str) -> Text:
    """Text that is taken as it is: nothing in it is markup."""
    return Text(text, style=style)
