"""The lines of the comment on a pull request: calls, changes with their cells, problems, and calls to stop."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.domain.model import Diagnostic
from reconciler.domain.plan import CallToStop, CellDiff, Change
from reconciler.render import to_stop
from reconciler.render.escape import for_markdown, for_markdown_cell
from reconciler.render.formats import shorten, written_time
from reconciler.render.labels import word
from reconciler.render.origins import for_cell
from reconciler.source.provenance import Provenance

CELLS = "| field | before | after |\n|---|---|---|\n"
_ORIGIN_CELLS = "| field | before | after | from |\n|---|---|---|---|\n"
_MOST_CELLS = 20
_MESSAGE = 600
TO_STOP = "| call | rings | person | why | what to do |\n|---|---|---|---|---|\n"


def row_line(change: Change) -> str:
    """A call to place, as a table row."""
    cells = [for_markdown_cell(str(change.address)), "", ""]
    if change.call is not None:
        cells[1:] = [for_markdown_cell(written_time(change.call)), for_markdown_cell(shorten(change.call.target))]
    notes = [for_markdown_cell(text) for text in (_place(change), change.message) if text]
    return f"| {' | '.join([*cells, '<br>'.join(notes)])} |\n"


def entry_item(change: Change, row: Provenance | None, *, named: bool = False) -> str:
    """An address with its location, its message and its cells, as a list item."""
    parts = [for_markdown(str(change.address))]
    if named:
        parts.append(word(change.action))
    if change.call is not None:
        parts.append(f"{for_markdown(written_time(change.call))} to {for_markdown(shorten(change.call.target))}")
    if change.source is not None:
        parts.append(for_markdown(_place(change)))
    lines = [f"- {', '.join(parts)}"]
    if change.message is not None:
        lines.append(f"  {for_markdown(change.message, _MESSAGE)}")
    return "<br>\n".join(lines) + f"\n{_diff(change.diff, row)}"


def _diff(cells: Sequence[CellDiff], row: Provenance | None) -> str:
    """The cells that differ, as a table inside a list item."""
    if not cells:
        return ""
    head = CELLS if row is None else _ORIGIN_CELLS
    lines = [*head.splitlines(keepends=True), *(cell_line(cell, row) for cell in cells[:_MOST_CELLS])]
    more = len(cells) - _MOST_CELLS
    rest = f"\n  \N{HORIZONTAL ELLIPSIS} and {more:,} more fields\n" if more > 0 else ""
    return "\n" + "".join(f"  {line}" for line in lines) + rest + "\n"


def cell_line(cell: CellDiff, row: Provenance | None = None) -> str:
    sides = (_side(cell.before), _side(cell.after))
    note = " (differs)" if sides[0] == sides[1] else ""
    origin = "" if row is None else f" {for_cell(row.origin(cell.field))} |"
    return f"| {for_markdown_cell(cell.field)} | {sides[0]} | {sides[1]}{note} |{origin}\n"


def _side(value: str | None) -> str:
    return "(none)" if value is None else for_markdown_cell(value)


def problem_item(item: Diagnostic) -> str:
    place = f"{for_markdown(str(item.location))} " if item.location is not None else ""
    hint = f"<br>\n  hint: {for_markdown(item.hint, _MESSAGE)}" if item.hint is not None else ""
    return f"- {place}{for_markdown(item.code)}<br>\n  {for_markdown(item.message, _MESSAGE)}{hint}\n"


def _place(change: Change) -> str:
    return f"{change.source.file}:{change.source.line}" if change.source is not None else ""


def to_stop_line(call: CallToStop) -> str:
    """A call to stop by hand, as a table row."""
    texts = (str(call.address), to_stop.rings(call), call.target or "", f"{call.action}: {call.why}")
    cells = " | ".join(for_markdown_cell(text, _MESSAGE) for text in (*texts, to_stop.to_do(call)))
    return f"| {cells} |\n"
