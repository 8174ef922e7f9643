"""An explanation for a person at a terminal, or in a log."""

from __future__ import annotations

from rich.console import Console

from reconciler import identity
from reconciler.model import Entry, Plan
from reconciler.render.console import Look, capture, print_indented, styled
from reconciler.render.escape import for_terminal
from reconciler.render.explanation import Explanation, mask_explanation
from reconciler.render.origins import print_fields
from reconciler.render.text import Excerpt, cell_line, render_diagnostics
from reconciler.render.words import place, standing, word
from reconciler.source.provenance import TAG, Provenance
from reconciler.times import tell_instant, tell_ring


def render_explanation(item: Explanation, plan: Plan, excerpt: Excerpt, look: Look) -> str:
    """One address: what a plan would do, what the state knows, the row's problems, and each field's origin."""
    shown = mask_explanation(item) if look.masked else item
    head = capture(look, lambda console: _print_head(console, shown, plan))
    problems = render_diagnostics(item.diagnostics, excerpt, look)
    fields = capture(look, lambda console: _print_fields(console, shown))
    return "\n".join(part for part in (head, problems, fields) if part)


def _print_head(console: Console, item: Explanation, plan: Plan) -> None:
    line = styled(for_terminal(str(item.address)), "bold")
    if item.provenance is not None:
        line.append(f"  {for_terminal(place(item.provenance.source))}", style="dim")
    console.print(line, soft_wrap=True)
    print_indented(console, f"Plan: {for_terminal(_planned(item))}", 2)
    for cell in item.change.diff if item.change is not None else ():
        console.print(cell_line(cell), soft_wrap=True)
    print_indented(console, f"State: {for_terminal(_known(item, plan))}", 2)


def _planned(item: Explanation) -> str:
    change = item.change
    if change is not None:
        said = f"{word(change.action)}. {change.message or ''}".rstrip()
        return said if said.endswith(".") else f"{said}."
    if item.failed:
        return "nothing, the row has errors."
    return "nothing. No plan file has this row, and its call is no longer ahead."


def _known(item: Explanation, plan: Plan) -> str:
    if item.entry is None:
        return "there is none yet." if plan.serial is None else "nothing is recorded at this address."
    said = _recorded(item.entry)
    if item.recorded_as is not None:
        said += f" It is recorded as {item.recorded_as}, and the next apply moves it."
    return said


def _recorded(entry: Entry) -> str:
    named = f" as {entry.call_id}" if entry.call_id else ""
    rings = f"; its time: {tell_ring(entry.rings_at)}" if entry.placed or entry.unknown else ""
    stopped = f"; stopped by hand at {tell_instant(entry.stopped_at)}" if entry.stopped_at is not None else ""
    error = f". {entry.error}" if entry.error else ""
    return f"{standing(entry)}{named}, attempt of {tell_instant(entry.attempted_at)}{rings}{stopped}{error}."


def _print_fields(console: Console, item: Explanation) -> None:
    if item.provenance is not None:
        _print_row(console, item.provenance)
    elif item.entry is not None and not item.blind:
        print_indented(console, "What was placed, as the state has it:", 2)
        for name, text in identity.cells(item.entry.call).items():
            console.print(styled(f"  {for_terminal(name)}: {for_terminal(text)}", ""), soft_wrap=True)


def _print_row(console: Console, row: Provenance) -> None:
    if not row.complete:
        print_indented(console, "What could be read of it:", 2)
    tags = [field.path.removeprefix("metadata.") for field in row.fields if field.origin.kind == TAG]
    print_fields(console, row, 2)
    if tags:
        print_indented(console, f"and in metadata what reconciler adds: {', '.join(tags)}", 2)
