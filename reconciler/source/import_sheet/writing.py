"""Write a draft as YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.source.import_sheet.draft import Draft, DraftLine
from reconciler.source.sheets.options import Options

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./ -]*[A-Za-z0-9]", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_TODO, _NO_FORMULA = "TODO", "=TODO"
_WIDEST = 115


def to_yaml(draft: Draft, plan: str, options: Options, *, schema: str | None = None) -> str:
    """The whole file. A person must replace each ``TODO``, which ``validate`` refuses. ``schema`` is the path of
    the schema for editors."""
    return "\n".join(_lines(draft, plan, options, schema)) + "\n"


def _lines(draft: Draft, plan: str, options: Options, schema: str | None) -> Iterator[str]:
    if schema is not None:
        yield f"# yaml-language-server: $schema={schema}"
    yield "# Written by import-sheet from the headers and the rows of the sheet. Check every line."
    if draft.missing:
        yield "# Replace every TODO. reconciler validate reports an error until they are all replaced."
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
    if options.header is not None:
        yield f"    header: {options.header}  # the row with the column names"
    if draft.where:
        yield "    # Rows for which this is false are not calls; every plan counts them."
        yield f"    where: {quoted(draft.where)}"
    if draft.columns:
        yield "    columns:"
    for entry in draft.columns:
        value = quoted(_NO_FORMULA if entry.value is None else entry.value)
        yield from _noted("      ", f"{scalar(entry.field)}: {value}", entry)


def _defaults(entries: Sequence[DraftLine]) -> Iterator[str]:
    for entry in entries:
        value = _TODO if entry.value is None else scalar(entry.value)
        head, dot, rest = entry.field.partition(".")
        yield from _noted("  ", f"{head}: {{{rest}: {value}}}" if dot else f"{head}: {value}", entry)


def _noted(margin: str, text: str, entry: DraftLine) -> Iterator[str]:
    """The line with its note after it, or before it if one line is too short for both."""
    if not entry.note:
        yield margin + text
        return
    shown = "".join(char if char.isprintable() else " " for char in entry.note)
    note = f"# {'TODO: ' if entry.value is None else ''}{shown}"
    whole = f"{margin}{text}  {note}"
    yield from [whole] if len(whole) <= _WIDEST else [margin + note, margin + text]


def scalar(text: str) -> str:
    """A text as a YAML scalar, in quotes if it could be read differently without them."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else quoted(text)


def quoted(text: str) -> str:
    """In single quotes, or in double quotes if it contains unprintable characters."""
    if text.isprintable():
        return "'{}'".format(text.replace("'", "''"))
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'
