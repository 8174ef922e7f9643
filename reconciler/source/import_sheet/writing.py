"""A draft as the YAML of a plan file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.source.import_sheet.draft import Draft, Entry
from reconciler.source.sheets.options import Options

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./ -]*[A-Za-z0-9]", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_TODO, _NO_FORMULA = "TODO", "=TODO"
_WIDEST = 115


def to_yaml(draft: Draft, plan: str, options: Options) -> str:
    """The whole file. What a person has to say is ``TODO``, which ``validate`` refuses there."""
    return "\n".join(_lines(draft, plan, options)) + "\n"


def _lines(draft: Draft, plan: str, options: Options) -> Iterator[str]:
    yield "# A draft, made of the headers of the sheet and its first rows: check every line of it."
    if draft.missing:
        yield "# What a person has to say is a TODO, and reconciler validate refuses it until it is said."
    yield from (f"# Note: {note}" for note in draft.notes)
    yield from ("version: 1", f"plan: {scalar(plan)}", "")
    if draft.defaults:
        yield "defaults:"
        yield from _defaults(draft.defaults)
        yield ""
    yield from ("sheets:", f"  - file: {scalar(options.file.text)}")
    for name in ("sheet", "encoding", "delimiter", "hidden"):
        value = getattr(options, name)
        if value is not None:
            yield f"    {name}: {scalar(value)}"
    if any(entry.live for entry in draft.columns):
        yield "    columns:"
    for entry in draft.columns:
        value = quoted(_NO_FORMULA if entry.value is None else entry.value)
        text = f"{entry.field}: {value}" if entry.live else f"# {entry.field}: {value}"
        yield from _noted("      ", text, entry)


def _defaults(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        value = _TODO if entry.value is None else scalar(entry.value)
        head, dot, rest = entry.field.partition(".")
        yield from _noted("  ", f"{head}: {{{rest}: {value}}}" if dot else f"{head}: {value}", entry)


def _noted(margin: str, text: str, entry: Entry) -> Iterator[str]:
    """The line with its note behind it, or before it where both find no room on one."""
    note = f"# {'TODO: ' if entry.value is None else ''}{entry.note}"
    whole = f"{margin}{text}  {note}"
    yield from [whole] if len(whole) <= _WIDEST else [margin + note, margin + text]


def scalar(text: str) -> str:
    """A text as it may stand in a file; in quotes where anything in it could mean something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def quoted(text: str) -> str:
    """In single quotes, or in double ones where something in it cannot be seen."""
    if text.isprintable():
        return "'{}'".format(text.replace("'", "''"))
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'
