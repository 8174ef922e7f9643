"""Cells that no spreadsheet takes for a formula, and back again exactly (OWASP, CSV injection).

A formula starts with ``= + - @`` in some spreadsheet, also in the full width of East Asian keyboards, and also
after white space. A tab or a line break may start a cell of its own, and an apostrophe is the guard itself.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_RISKY = (*FORMULA_STARTS, "'")
_BREAKS = ("\t", "\r", "\n")


def guarded(text: str) -> str:
    """``+14155552678`` as ``'+14155552678``; a text that starts with an apostrophe gets a second one."""
    return f"'{text}" if risky(text) else text


def unguarded(text: str) -> str:
    """What ``guarded`` was given; any other text as it is."""
    return text[1:] if text[:1] == "'" and risky(text[1:]) else text


def risky(text: str) -> bool:
    """Whether a spreadsheet could take the text for something else than text."""
    if text[:1].isalnum():
        return False
    return text.startswith(_BREAKS) or text.lstrip().startswith(_RISKY)
