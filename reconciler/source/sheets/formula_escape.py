"""Protect cells against being read as formulas, and remove the protection again (OWASP, CSV injection).

In some spreadsheet programs a formula starts with ``= + - @``, also in their full-width forms, and also after
white space. A tab or a line break may start a new cell. The protection is an apostrophe, so that needs it, too.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_RISKY = (*FORMULA_STARTS, "'")
_BREAKS = ("\t", "\r", "\n")


def escape_formula(text: str) -> str:
    """``+14155552678`` as ``'+14155552678``; a text that starts with an apostrophe gets a second one."""
    return f"'{text}" if risky(text) else text


def unescape_formula(text: str) -> str:
    """The inverse of ``escape_formula``; any other text is not changed."""
    return text[1:] if text[:1] == "'" and risky(text[1:]) else text


def risky(text: str) -> bool:
    """Whether a spreadsheet program could read the text as something other than text."""
    if text[:1].isalnum():
        return False
    return text.startswith(_BREAKS) or text.lstrip().startswith(_RISKY)
