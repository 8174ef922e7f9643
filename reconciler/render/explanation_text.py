"""An explanation as text, for a terminal or a log."""

from __future__ import annotations

from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.model import Entry
from reconciler.domain.plan import Moment, Plan
from reconciler.domain.times import UNKNOWN_TIME, format_ring_time
from reconciler.render import moments
from reconciler.render.console import Console, OutputStyle, StyledLine, capture, print_indented
from reconciler.render.escape import for_terminal
from reconciler.render.explanation import Explanation, mask_explanation
from reconciler.render.origins import print_fields
from reconciler.render.text import Excerpt, cell_line, render_diagnostics
from reconciler.render.words import place, standing, word
from reconciler.source.provenance import TAG, Provenance


def render_explanation(item: Explanation, plan: Plan, excerpt: Excerpt, look: OutputStyle) -> str:
    """One address: the planned action, the state's entry, the row's problems, and the origin of each field."""
    shown = mask_explanation(item, plan.public_metadata) if look.masked else item
    head = capture(look, lambda console: _print_head(console, shown, plan, look.now))
    problems = render_diagnostics(item.diagnostics, excerpt, look)
    fields = capture(look, lambda console: _print_fields(console, shown))
    return "\n".join(part for part in (head, problems, fields) if part)


def _print_head(console: Console, item: Explanation, plan: Plan, now: datetime | None) -> None:
    line = StyledLine(for_terminal(str(item.address)), "bold")
    if item.provenance is not None:
        line.append(f"  {for_terminal(place(item.provenance.source))}", style="dim")
    console.print(line)
    print_indented(console, f"Plan: {for_terminal(_planned(item, now))}", 2)
    for cell in item.change.diff if item.change is not None else ():
        console.print(cell_line(cell))
    print_indented(console, f"State: {for_terminal(_state_text(item, plan, now))}", 2)


def _planned(item: Explanation, now: datetime | None) -> str:
    change = item.change
    if change is not None:
        said = f"{word(change.action)}. {moments.sentence(change, now)}".rstrip()
        return said if said.endswith(".") else f"{said}."
    if item.failed:
        return "nothing, the row has errors."
    return "nothing. No plan file has this row, and its call is no longer pending."


def _state_text(item: Explanation, plan: Plan, now: datetime | None) -> str:
    if item.entry is None:
        return "there is none yet." if plan.serial is None else "nothing is recorded at this address."
    said = _recorded(item.entry, now)
    if item.recorded_as is not None:
        said += f" It is recorded as {item.recorded_as}, and the next apply moves it."
    return said


def _recorded(entry: Entry, now: datetime | None) -> str:
    zone = entry.call.schedule.timezone if entry.call.schedule is not None else "UTC"

    def describe_time(at: datetime) -> str:
        return format_ring_time(at) if at == UNKNOWN_TIME else moments.format_moment(Moment(at, zone), now)

    named = f" as {entry.call_id}" if entry.call_id else ""
    rings = f"; its time: {describe_time(entry.rings_at)}" if entry.placed or entry.unknown else ""
    stopped = f"; stopped by hand at {describe_time(entry.stopped_at)}" if entry.stopped_at is not None else ""
    error = f". {entry.error}" if entry.error else ""
    return f"{standing(entry)}{named}, attempted at {describe_time(entry.attempted_at)}{rings}{stopped}{error}."


def _print_fields(console: Console, item: Explanation) -> None:
    if item.provenance is not None:
        _print_row(console, item.provenance)
    elif item.entry is not None and not item.blind:
        print_indented(console, "The placed call, as recorded in the state:", 2)
        for name, text in identity.cells(item.entry.call).items():
            console.print(StyledLine(f"  {for_terminal(name)}: {for_terminal(text)}"))


def _print_row(console: Console, row: Provenance) -> None:
    if not row.complete:
        print_indented(console, "Fields that could be read:", 2)
    tags = [field.path.removeprefix("metadata.") for field in row.fields if field.origin.kind == TAG]
    print_fields(console, row, 2)
    if tags:
        print_indented(console, f"metadata added by reconciler: {', '.join(tags)}", 2)
