"""Cells that no spreadsheet takes for a formula, and back again exactly (OWASP, CSV injection)."""

from __future__ import annotations

_RISKY = ("=", "+", "-", "@", "\t", "\r", "'")


def guarded(text: str) -> str:
    """``+14155552678`` as ``'+14155552678``; a text that starts with an apostrophe gets a second one."""
    return f"'{text}" if text.startswith(_RISKY) else text


def unguarded(text: str) -> str:
    """What ``guarded`` was given; any other text as it is."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_RISKY) else text
