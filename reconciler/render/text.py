"""A plan and its diagnostics for a person at a terminal, or in a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from rich.console import Console
from rich.text import Text

from reconciler.masking import MASK, mask_diagnostic, mask_plan
from reconciler.model import Action, Base, CellDiff, Change, Diagnostic, Lifted, Location, Plan, Severity
from reconciler.render.console import Look, capture, print_indented, styled
from reconciler.render.escape import for_terminal, in_place
from reconciler.render.origins import Origins, mask_origins, print_fields, print_origin
from reconciler.render.words import ACTION_WORDS, blocked_groups, count_line, lifted_line, short, state_line, when
from reconciler.settings import PROJECT_FILE
from reconciler.source.provenance import Provenance
from reconciler.times import tell_instant

Excerpt: TypeAlias = Callable[[Location], str | None]

_LOOK = {
    Action.BLOCKED: ("!", "bold red"),
    Action.UNCERTAIN: ("?", "bold magenta"),
    Action.CHANGED: ("~", "yellow"),
    Action.REMOVED: ("-", "red"),
    Action.EXPIRED: ("x", "red"),
    Action.CREATE: ("+", "green"),
    Action.WAITING: (".", "cyan"),
    Action.HELD: ("o", "dim"),
    Action.UNCHANGED: ("=", "dim"),
}
_WIDE = 120


def render_plan(plan: Plan, look: Look, origins: Origins | None = None) -> str:
    """The plan: what needs a person first, then what will be placed, then one line of counts.

    With ``origins``, each new cell and each field of a call to place says where it came from.
    """
    shown, told = (mask_plan(plan), mask_origins(origins or {})) if look.masked else (plan, origins or {})
    return capture(look, lambda console: _print_plan(console, shown, told))


def render_diagnostics(items: Iterable[Diagnostic], excerpt: Excerpt, look: Look) -> str:
    """Each problem with its place, its source line and a caret, and a hint."""

    def draw(console: Console) -> None:
        for item in items:
            _print_diagnostic(console, mask_diagnostic(item) if look.masked else item, excerpt)

    return capture(look, draw)


def _print_plan(console: Console, plan: Plan, origins: Origins) -> None:
    if plan.snapshot_at is not None:
        console.print(f"{for_terminal(state_line(plan))}\n", soft_wrap=True)
    if plan.base is not None:
        _print_settings(console, plan.base)
    _print_lifted(console, plan.lifted)
    for action in Action:
        if action is not Action.UNCHANGED:
            for words, changes in _groups(plan, action):
                _print_group(console, action, words, changes, origins)
    for old, new in plan.moves:
        console.print(f"  > {for_terminal(str(old))} is now {for_terminal(str(new))}", soft_wrap=True)
    if plan.moves:
        console.print()
    if not plan.count(Action.CREATE) and not plan.errors:
        console.print("Nothing to place.")
    console.print(f"Plan: {count_line(plan)}.{_span(plan)}")
    if plan.next_apply_by is not None:
        console.print(f"Apply again before {tell_instant(plan.next_apply_by)}, or the first waiting call is lost.")


def _print_lifted(console: Console, lifted: Sequence[Lifted]) -> None:
    """What somebody lifted for this plan, and why."""
    for item in lifted:
        console.print(styled(for_terminal(lifted_line(item)), "bold yellow"), soft_wrap=True)
    if lifted:
        console.print()


def _print_settings(console: Console, base: Base) -> None:
    """What the branch changes in the operator's settings: before all else, since it can change every row."""
    if not base.settings:
        return
    many = "s" if len(base.settings) > 1 else ""
    console.print(styled(f"{len(base.settings)} setting{many} changed in {PROJECT_FILE}", "bold yellow"))
    for cell in base.settings:
        console.print(cell_line(cell), soft_wrap=True)
    console.print()


def _groups(plan: Plan, action: Action) -> Iterable[tuple[str, Sequence[Change]]]:
    """The changes of an action by heading: the blocked by what blocks them, those to place apart by who brings
    them, where that is known."""
    if action is Action.BLOCKED:
        return blocked_groups(plan.changes)
    changes = [change for change in plan.changes if change.action is action]
    if plan.base is None or action is not Action.CREATE:
        return [(ACTION_WORDS[action], changes)]
    return [
        (f"{ACTION_WORDS[action]}, introduced here", [change for change in changes if change.introduced]),
        (
            f"{ACTION_WORDS[action]}, already on {for_terminal(plan.base.ref)}",
            [change for change in changes if not change.introduced],
        ),
    ]


def _print_group(
    console: Console, action: Action, words: str, changes: Sequence[Change], origins: Origins
) -> None:
    if not changes:
        return
    told = [change for change in changes if "past" not in change.reasons]
    console.print(styled(f"{len(changes)} {words}", f"bold {_LOOK[action][1]}"), soft_wrap=True)
    shared = {change.message for change in told} if action is Action.BLOCKED and len(told) > 1 else set()
    if len(shared) == 1:
        print_indented(console, for_terminal(shared.pop() or ""), 2)
        told = [replace(change, message=None) for change in told]
    for change in told:
        _print_change(console, change, origins.get(change.address))
    if len(told) < len(changes):
        console.print(f"  {len(changes) - len(told)} edited after the call rang: nothing to do")
    console.print()


def _print_change(console: Console, change: Change, told: Provenance | None) -> None:
    symbol, style = _LOOK[change.action]
    line = styled(f"  {symbol} ", style)
    line.append(for_terminal(str(change.address)), style="bold")
    if change.call is not None:
        target = for_terminal(change.call.target)
        line.append(f"  {short(target) if console.width < _WIDE else target}", style="cyan")
        line.append(f"  {for_terminal(when(change.call))}")
    if change.source is not None:
        where = change.source if change.source.cell is not None else f"{change.source.file}:{change.source.line}"
        source = f"  {for_terminal(str(where))}"
        if line.cell_len + len(source) <= console.width:
            line.append(source, style="dim")
    console.print(line, soft_wrap=True)
    for cell in change.diff:
        console.print(cell_line(cell), soft_wrap=True)
        if told is not None and change.call is None and (origin := told.origin(cell.field)) is not None:
            print_origin(console, origin, 8)
    if told is not None and change.call is not None:
        print_fields(console, told, 6)
    if change.message is not None:
        print_indented(console, for_terminal(change.message), 6)


def cell_line(cell: CellDiff) -> Text:
    """A cell that differs, in one line."""
    line = styled(f"      {for_terminal(cell.field)}: ", "")
    line.append(_side(cell.before), style="red")
    line.append(" → ")
    line.append(_side(cell.after), style="green")
    if cell.before == cell.after and cell.after is not None and MASK in cell.after:
        line.append("  (differs; masked)", style="dim")
    return line


def _side(value: str | None) -> str:
    return "(none)" if value is None else for_terminal(value)


def _print_diagnostic(console: Console, item: Diagnostic, excerpt: Excerpt) -> None:
    style = "bold red" if item.severity is Severity.ERROR else "bold yellow"
    line = styled("", "")
    if item.location is not None:
        line.append(f"{for_terminal(str(item.location))}: ", style="bold")
    line.append(f"{item.severity.value} {item.code}", style=style)
    line.append(f": {for_terminal(item.message)}")
    console.print(line, soft_wrap=True)
    source = excerpt(item.location) if item.location is not None else None
    if source is not None:
        for row in source.splitlines():
            console.print(styled(f"    {in_place(row)}", "dim"), soft_wrap=True)
    if item.hint is not None:
        print_indented(console, f"hint: {for_terminal(item.hint)}", 4)


def _span(plan: Plan) -> str:
    moments = [item.scheduled_at for item in plan.changes if item.action is Action.CREATE and item.scheduled_at]
    if not moments:
        return ""
    first, last = tell_instant(min(moments)), tell_instant(max(moments))
    return f" Scheduled at {first}." if first == last else f" Scheduled from {first} to {last}."
