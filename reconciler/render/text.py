"""A plan and its diagnostics as text, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

from reconciler.bulk.spool import filtered, in_parts
from reconciler.domain.diagnostics import DiagnosticGroup, describe_places, grouped
from reconciler.domain.masking import mask_diagnostic, mask_plan, mask_to_stop
from reconciler.domain.model import Address, Diagnostic, Location
from reconciler.domain.plan import Action, Base, CallToStop, CellDiff, Change, Lifted, Plan
from reconciler.domain.sensitive import MASK
from reconciler.domain.settings import PROJECT_FILE
from reconciler.render import formats, to_stop
from reconciler.render.console import Console, OutputStyle, StyledLine, capture, print_indented, wrap_hanging
from reconciler.render.escape import for_terminal, in_place
from reconciler.render.labels import ACTION_WORDS, GLYPHS, blocked_groups, count_line, lifted_line, state_line
from reconciler.render.origins import Origins, mask_origins, print_fields, print_origin
from reconciler.render.subject import Display, Subject, change_subject
from reconciler.render.text_layout import SHOWN, Columns, by_advice, fold, hidden_text
from reconciler.render.text_overview import print_overview

Excerpt: TypeAlias = Callable[[Location], str | None]

_COUNTED = frozenset({Action.UNCHANGED})
_UNIMPORTANT = _COUNTED | {Action.CREATE, Action.WAITING, Action.HELD}
_MAX_PLACES = 10  # cells or ranges of cells, of problems with one cause
_TALL = 30  # lines after which the counts are repeated


@dataclass(frozen=True, slots=True)
class _View:
    """How a plan is shown, and the origins of its values. ``listed`` are the calls to stop by hand."""

    look: OutputStyle
    origins: Origins
    display: Display
    listed: frozenset[Address] = frozenset()


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
    _print_plan(console, shown, _View(look, origins, Display.from_plan(plan), to_stop.addresses(shown)))
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
        console.print(f"{for_terminal(formats.in_words(state_line(plan), plan.created_at))}\n")
    if plan.base is not None:
        _print_settings(console, plan.base)
    print_overview(console, plan, view.look.now)
    _print_lifted(console, plan.lifted)
    _print_to_stop(console, plan.to_stop, view)
    for action in Action:
        if action not in (_UNIMPORTANT if view.look.brief else _COUNTED):
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


def render_to_stop(plan: Plan, look: OutputStyle) -> str:
    """Only the calls to stop by hand, all of them."""
    if not plan.to_stop:
        return "No calls to stop by hand.\n"
    calls = [mask_to_stop(call, plan.public_metadata) for call in plan.to_stop] if look.masked else plan.to_stop
    view = _View(replace(look, full=True), {}, Display.from_plan(plan))
    return capture(look, lambda console: _print_to_stop(console, calls, view))


def _print_to_stop(console: Console, calls: Sequence[CallToStop], view: _View) -> None:
    """Print the calls to stop by hand, before everything less urgent; a long list is shortened."""
    if not calls:
        return
    shown, hidden = fold(calls, full=not view.look.shortened)
    rows = [(to_stop.subject(call, view.display), str(call.address)) for call in shown]
    columns = Columns.for_rows(rows, view.look, view.display.heading)
    console.print(StyledLine(columns.heading(to_stop.heading(calls)), "bold red"))
    print_indented(console, for_terminal(to_stop.advice(calls)), 2)
    _print_header(console, columns, view)
    for call, (subject, address) in zip(shown, rows, strict=True):
        symbol, style = GLYPHS[call.action]
        console.print(columns.line(symbol, style, subject, address))
        lines = [address] if columns.own_line else []
        why = formats.in_words(call.why, view.display.now)
        for line in (*lines, f"{why} ({call.call_id})" if call.call_id else why):
            print_indented(console, for_terminal(line), 6)
    if hidden:
        console.print(f"    and {len(hidden):,} more: reconciler status --to-stop lists them all")
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
        return blocked_groups(plan.by_time(action))
    changes = to_stop.elsewhere(plan, action, plan.by_time(action))
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
    subjects = ((change_subject(change, view.display), str(change.address)) for change in current)
    sample = islice(subjects, SHOWN + 5) if view.look.shortened else subjects
    columns = Columns.for_rows(sample, view.look, view.display.heading)
    style = f"bold {GLYPHS[action][1]}"
    console.print(StyledLine(f"{len(changes):,} {columns.heading(words)}", style))
    for advice, rows in by_advice(current, view.listed) if action is not Action.CREATE else [("", current)]:
        _print_rows(console, rows, advice, columns, view)
    if len(current) < len(changes):
        console.print(f"  {len(changes) - len(current):,} edited after the call rang: nothing to do")
    console.print()


def _print_rows(console: Console, rows: Sequence[Change], advice: str, columns: Columns, view: _View) -> None:
    """Print rows that need the same action, after what is true of all of them."""
    shown, hidden = fold(rows, full=not view.look.shortened)
    now = view.display.now
    shared = formats.detail(rows[0], now) if len(rows) > 1 and rows[0].address not in view.listed else ""
    if shared and any(formats.detail(change, now) != shared for change in rows):
        shared = ""
    if shared or advice:
        print_indented(console, for_terminal(_sentence(shared, advice)), 2)
    _print_header(console, columns, view)

    def draw(part: Sequence[Change]) -> str:
        def print_part(console: Console) -> None:
            plain_line = None if view.look.color else columns.plain_line()
            for change in part:
                subject = change_subject(change, view.display)
                text = plain_line and plain_line(GLYPHS[change.action][0], subject, str(change.address))
                line = StyledLine(text) if text else _change_line(change, subject, columns)
                _print_change(console, change, line, columns, view, with_detail=not shared)

        return capture(view.look, print_part)

    for drawn in in_parts(shown, draw):
        console.take(drawn)
    if hidden:
        console.print(f"    {for_terminal(hidden_text(hidden))}")


def _print_header(console: Console, columns: Columns, view: _View) -> None:
    """Name the columns, where one of them is the field that the project chose."""
    if columns.value:
        console.print(StyledLine(columns.header(view.display.heading), "dim"))


def _sentence(detail: str, advice: str) -> str:
    """``Its row was removed. To stop it, …``"""
    text = (detail + advice).lstrip(". ")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _change_line(change: Change, subject: Subject, columns: Columns) -> StyledLine:
    symbol, style = GLYPHS[change.action]
    return columns.line(symbol, style, subject, str(change.address))


def _print_change(
    console: Console, change: Change, line: StyledLine, columns: Columns, view: _View, *, with_detail: bool
) -> None:
    if change.source is not None:
        where = change.source if change.source.cell is not None else f"{change.source.file}:{change.source.line}"
        source = f"  {for_terminal(str(where))}"
        if line.width + len(source) <= console.width:
            line.append(source, style="dim")
    console.print(line)
    if columns.own_line:
        console.print(StyledLine(f"      {for_terminal(str(change.address))}", "cyan"))
    row = view.origins.get(change.address) if view.origins else None
    for cell in change.diff:
        console.print(cell_line(cell))
        if row is not None and change.call is None and (origin := row.origin(cell.field)) is not None:
            print_origin(console, origin, 8)
    if row is not None and change.call is not None:
        print_fields(console, row, 6)
    if with_detail and (text := formats.detail(change, view.display.now)) and change.address not in view.listed:
        print_indented(console, for_terminal(text), 6)


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
    first, *rest = wrap_hanging(
        f"{place}{kind}: {for_terminal(item.message)}", console.width, len(place) + len(kind)
    )
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
