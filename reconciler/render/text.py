"""A plan and its diagnostics as text, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from msgspec import structs

from reconciler.bulk.spool import MappedView, filtered, in_parts
from reconciler.domain.diagnostics import DiagnosticGroup, describe_places, grouped
from reconciler.domain.masking import mask_diagnostic, mask_plan, mask_to_stop
from reconciler.domain.model import Diagnostic, Location
from reconciler.domain.plan import Action, Base, CallToStop, CellDiff, Change, Lifted, Plan
from reconciler.domain.sensitive import MASK
from reconciler.domain.settings import PROJECT_FILE
from reconciler.render import formats, to_stop
from reconciler.render.console import Console, OutputStyle, StyledLine, capture, print_indented, wrap
from reconciler.render.escape import for_terminal, in_place
from reconciler.render.formats import shorten, written_time
from reconciler.render.labels import ACTION_WORDS, blocked_groups, count_line, lifted_line, state_line
from reconciler.render.origins import Origins, mask_origins, print_fields, print_origin
from reconciler.render.text_layout import SHOWN, Columns, fold
from reconciler.render.text_overview import print_overview
from reconciler.source.provenance import Provenance

Excerpt: TypeAlias = Callable[[Location], str | None]

_LOOK = {
    Action.BLOCKED: ("!", "bold red"),
    Action.FORBIDDEN: ("#", "bold red"),
    Action.UNCERTAIN: ("?", "bold magenta"),
    Action.CONFLICT: ("&", "bold magenta"),
    Action.CHANGED: ("~", "yellow"),
    Action.REMOVED: ("-", "red"),
    Action.EXPIRED: ("x", "red"),
    Action.CREATE: ("+", "green"),
    Action.WAITING: (".", "cyan"),
    Action.HELD: ("o", "dim"),
    Action.UNCHANGED: ("=", "dim"),
}
_WIDE = 120
_PLAIN = 1000
_MAX_PLACES = 10  # cells or ranges of cells, of problems with one cause
_TALL = 30  # lines after which the counts are repeated


@dataclass(frozen=True, slots=True)
class _View:
    """How a plan is shown, and the origins of its values."""

    look: OutputStyle
    origins: Origins


def render_plan(plan: Plan, look: OutputStyle, origins: Origins | None = None) -> str:
    """The plan: one line of counts, then what needs attention, then what will be placed.

    With ``origins``, each new cell and each field of a call to place shows its origin.
    """
    return capture(look, lambda console: _draw_plan(console, plan, look, origins or {}))


def write_plan(
    plan: Plan, look: OutputStyle, write: Callable[[str], object], origins: Origins | None = None
) -> None:
    """The same, written part by part."""
    console = Console(look, write)
    _draw_plan(console, plan, look, origins or {})
    console.end()


def _draw_plan(console: Console, plan: Plan, look: OutputStyle, origins: Origins) -> None:
    shown, origins = (mask_plan(plan, whole=False), mask_origins(origins)) if look.masked else (plan, origins)
    _print_plan(console, shown, _View(look, origins))
    if console.height > _TALL:
        console.print(f"Plan: {count_line(plan)}.")


def render_diagnostics(items: Iterable[Diagnostic], excerpt: Excerpt, look: OutputStyle) -> str:
    """Each problem with its location, its source line and a caret, and a hint; problems of one cause as one, with
    their places.
    """

    def draw(console: Console) -> None:
        shown = map(mask_diagnostic, items) if look.masked else items
        for group in grouped(shown):
            _print_diagnostics(console, group, excerpt)

    return capture(look, draw)


def _print_plan(console: Console, plan: Plan, view: _View) -> None:
    if plan.snapshot_at is not None:
        console.print(f"{for_terminal(state_line(plan))}\n")
    if plan.base is not None:
        _print_settings(console, plan.base)
    print_overview(console, plan, view.look.now)
    _print_lifted(console, plan.lifted)
    _print_to_stop(console, plan.to_stop, view.look)
    for action in Action:
        if action is not Action.UNCHANGED:
            for words, changes in _groups(plan, action):
                _print_group(console, action, words, changes, view)
    for old, new in plan.moves:
        console.print(f"  > {for_terminal(str(old))} is now {for_terminal(str(new))}")
    if plan.moves:
        console.print()


def _print_lifted(console: Console, lifted: Sequence[Lifted]) -> None:
    """Print the guards that were overridden for this plan, and why."""
    for item in lifted:
        console.print(StyledLine(for_terminal(lifted_line(item)), "bold yellow"))
    if lifted:
        console.print()


def render_to_stop(calls: Sequence[CallToStop], look: OutputStyle) -> str:
    """Only the calls to stop by hand, all of them."""
    if not calls:
        return "No calls to stop by hand.\n"
    shown = [mask_to_stop(call) for call in calls] if look.masked else calls
    return capture(look, lambda console: _print_to_stop(console, shown, replace(look, full=True)))


def _print_to_stop(console: Console, calls: Sequence[CallToStop], look: OutputStyle) -> None:
    """Print the calls to stop by hand, before everything less urgent; a long list is shortened on a terminal."""
    if not calls:
        return
    console.print(StyledLine(to_stop.heading(calls), "bold red"))
    shown = calls if look.full or look.now is None or len(calls) <= SHOWN else calls[:SHOWN]
    for call, (first, second) in zip(shown, to_stop.text_lines(shown, look.now), strict=True):
        symbol, style = _LOOK[call.action]
        line = StyledLine(f"  {symbol} ", style)
        line.append(for_terminal(first), style="bold")
        console.print(line)
        print_indented(console, for_terminal(second), 6)
    if len(shown) < len(calls):
        console.print(f"    and {len(calls) - len(shown):,} more: reconciler status --to-stop lists them all")
    console.print()


def _print_settings(console: Console, base: Base) -> None:
    """Print the branch's changes to the operator's settings first, because they can change every row."""
    if not base.settings:
        return
    many = "s" if len(base.settings) > 1 else ""
    console.print(StyledLine(f"{len(base.settings)} setting{many} changed in {PROJECT_FILE}", "bold yellow"))
    for cell in base.settings:
        console.print(cell_line(cell))
    console.print()


def _groups(plan: Plan, action: Action) -> Iterable[tuple[str, Sequence[Change]]]:
    """The changes of an action by heading: the blocked ones by reason; those to place by whether the branch
    introduces them, if known.
    """
    if action is Action.BLOCKED:
        return blocked_groups(plan.with_action(action))
    changes = to_stop.elsewhere(plan, action, plan.with_action(action))
    if plan.base is None or action is not Action.CREATE:
        return [(ACTION_WORDS[action], changes)]
    return [
        (f"{ACTION_WORDS[action]}, introduced here", filtered(changes, lambda change: bool(change.introduced))),
        (
            f"{ACTION_WORDS[action]}, already on {for_terminal(plan.base.ref)}",
            filtered(changes, lambda change: not change.introduced),
        ),
    ]


def _print_group(console: Console, action: Action, words: str, changes: Sequence[Change], view: _View) -> None:
    if not changes:
        return
    current = changes
    if action is Action.CHANGED:
        current = filtered(changes, lambda change: "past" not in change.reasons)
    shown, rest = fold(current, full=view.look.full or view.look.now is None)
    columns = Columns.for_changes(shown, view.look.now)
    heading = f"{len(changes)} {columns.heading(words)}"
    console.print(StyledLine(heading, f"bold {_LOOK[action][1]}"))
    alike = current if action is Action.BLOCKED and len(current) > 1 else ()
    shared = {formats.sentence(change, columns.now) for change in alike}
    if len(shared) == 1:
        print_indented(console, for_terminal(shared.pop()), 2)
        shown = MappedView(shown, lambda change: structs.replace(change, message=None))

    def draw(part: Sequence[Change]) -> str:
        return capture(view.look, lambda console: _print_changes(console, part, columns, view))

    for drawn in in_parts(shown, draw):
        console.take(drawn)
    if rest is not None:
        console.print(f"    {for_terminal(rest)}")
    if len(current) < len(changes):
        console.print(f"  {len(changes) - len(current)} edited after the call rang: nothing to do")
    console.print()


def _print_changes(console: Console, changes: Iterable[Change], columns: Columns, view: _View) -> None:
    plain = not (view.look.color or view.origins or view.look.now) and console.width > _PLAIN
    for change in changes:
        line = _plain_line(change) if plain else None
        if line is None:
            _print_change(console, change, columns, view.origins.get(change.address))
        else:
            console.print(line)


def _plain_line(change: Change) -> str | None:
    """The line that ``_print_change`` prints to a file, for a change that is one short line of plain characters
    there.
    """
    address, call, where = change.address, change.call, change.source
    if where is None or where.cell is not None or address.revision != 1:
        return None
    if change.diff or change.message is not None:
        return None
    shown = "" if call is None else f"  {call.target}  {written_time(call)}"
    line = f"  {_LOOK[change.action][0]} {address.plan}/{address.key}{shown}  {where.file}:{where.line}"
    return line if len(line) < _PLAIN and for_terminal(line) is line else None


def _print_change(console: Console, change: Change, columns: Columns, row: Provenance | None) -> None:
    symbol, style = _LOOK[change.action]
    line = StyledLine(f"  {symbol} ", style)
    line.append(f"{for_terminal(str(change.address)):<{columns.address}}", style="bold")
    if change.call is not None:
        target = for_terminal(change.call.target)
        line.append(f"  {shorten(target) if console.width < _WIDE else target}", style="cyan")
        line.append(f"  {columns.when(change, console.width - line.width - 2)}")
    if change.source is not None:
        where = change.source if change.source.cell is not None else f"{change.source.file}:{change.source.line}"
        source = f"  {for_terminal(str(where))}"
        if line.width + len(source) <= console.width:
            line.append(source, style="dim")
    console.print(line)
    for cell in change.diff:
        console.print(cell_line(cell))
        if row is not None and change.call is None and (origin := row.origin(cell.field)) is not None:
            print_origin(console, origin, 8)
    if row is not None and change.call is not None:
        print_fields(console, row, 6)
    if change.message is not None:
        print_indented(console, for_terminal(formats.sentence(change, columns.now)), 6)


def cell_line(cell: CellDiff) -> StyledLine:
    """A cell that differs, in one line."""
    line = StyledLine(f"      {for_terminal(cell.field)}: ")
    line.append(_side(cell.before), style="red")
    line.append(" → ")
    line.append(_side(cell.after), style="green")
    if cell.before == cell.after and cell.after is not None and MASK in cell.after:
        line.append("  (differs; masked)", style="dim")
    return line


def _side(value: str | None) -> str:
    return "(none)" if value is None else for_terminal(value)


def _print_diagnostics(console: Console, group: DiagnosticGroup, excerpt: Excerpt) -> None:
    item = group.first
    place = "" if item.location is None else f"{for_terminal(str(item.location))}: "
    kind = f"{item.severity.value} {item.code}"
    first, *rest = wrap(f"{place}{kind}: {for_terminal(item.message)}", console.width, len(place) + len(kind))
    line = StyledLine(place, "bold").append(kind, "bold red" if item.is_error else "bold yellow")
    console.print(line.append(first.removeprefix(f"{place}{kind}")))
    for text in rest:
        console.print(text)
    source = excerpt(item.location) if item.location is not None else None
    if source is not None:
        for row in source.splitlines():
            console.print(StyledLine(f"    {in_place(row)}", "dim"))
    if item.hint is not None:
        print_indented(console, f"hint: {for_terminal(item.hint)}", 4)
    total = len(group.places) + group.omitted
    if group.places and total > 1:
        places = describe_places(group.places, _MAX_PLACES, group.omitted)
        print_indented(console, for_terminal(f"{total:,} times in {places}"), 4)
