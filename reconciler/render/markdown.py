"""A plan as the comment on a pull request, in GitHub Flavored Markdown.

A comment on GitHub holds 65,536 characters; this stays below 60,000 bytes for any plan, and about two screens
high: the verdict comes first, then one table for each kind of problem. Long tables are folded, and what does not
fit is counted. All untrusted text is in code spans, where it is inert (``escape.for_markdown``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from reconciler.bulk.spool import filtered
from reconciler.domain.model import Severity
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.times import format_utc
from reconciler.quantities import format_count
from reconciler.render import formats, to_stop
from reconciler.render.escape import for_html, for_markdown, for_markdown_cell
from reconciler.render.labels import (
    ACTION_WORDS,
    ATTENTION,
    blocked_groups,
    count_line,
    lifted_line,
    skipped_line,
    state_line,
    verdict_line,
    word,
)
from reconciler.render.limited_page import fill
from reconciler.render.markdown_tables import (
    CELLS,
    PROBLEMS,
    ChangeTable,
    Section,
    calls_by_day,
    cell_row,
    laid_out,
    problem_row,
    problems_by_code,
    table_head,
)
from reconciler.render.origins import Origins
from reconciler.render.text_overview import ring_lines
from reconciler.savedplan.planfile import plan_id

MARKER = "<!-- reconciler:plan -->"
LIMIT = 60_000

_LAST = ("row", "note")
_MOST_KINDS = 8  # of errors, and of blocked calls; the others share one table
_SHORT_LIST = 12  # a list of so many calls needs no overview by day
_PLAIN = re.compile(r"[A-Za-z0-9 (),:-]+", re.ASCII)


def render_plan(
    plan: Plan, *, masked: bool = True, origins: Origins | None = None, report_url: str | None = None
) -> str:
    """The comment; its first line is a marker, so that the next comment can replace it.

    With ``origins``, each edited cell shows its origin. ``report_url`` is an http or https URL (see
    ``cli.plan_output``) where the artefacts of this run are.
    """
    table = ChangeTable.from_plan(plan, origins or {}, masked=masked)
    foot = _foot(plan)
    room = LIMIT - len((_head(plan, 10**9, report_url) + foot).encode())
    body, hidden = fill(laid_out([*_sections(plan, table)]), room)
    return _head(plan, hidden, report_url) + body + foot


def _head(plan: Plan, hidden: int, report_url: str | None) -> str:
    """The title, the verdict as an alert, and what the plan was compared with."""
    kind = _alert(plan)
    lines = [f"**{verdict_line(plan)}**"]
    if kind != "CAUTION":
        lines += [for_markdown(" ".join(line.split())) for line in ring_lines(plan, None)]
    if plan.to_stop:
        lines.append(f"{to_stop.heading(plan.to_stop)}.")
    if hidden:
        are = f"{format_count(hidden, 'entry')} {'is' if hidden == 1 else 'are'}"
        lines.append(f"Shortened to fit a comment: {are} not listed here. `--format json` lists everything.")
    if report_url is not None:
        lines.append(f'<a href="{html.escape(report_url)}">The complete report of this run</a>')
    alert = "<br>\n> ".join(lines)
    return f"{MARKER}\n### reconciler: {count_line(plan)}\n\n> [!{kind}]\n> {alert}\n{_context(plan)}"


def _alert(plan: Plan) -> str:
    """The kind of alert (GitHub Docs, "Basic writing and formatting syntax", Alerts)."""
    if plan.errors or plan.count(Action.BLOCKED):
        return "CAUTION"
    settings = plan.base is not None and plan.base.settings
    if settings or plan.lifted or plan.to_stop or any(plan.count(action) for action in ATTENTION):
        return "WARNING"
    return "NOTE"


def _context(plan: Plan) -> str:
    """The calls of this branch beside those of the base, and what the plan was compared with if not the state."""
    parts = []
    if plan.base is not None:
        parts.append(_both_sides(plan, plan.base.ref))
    if plan.next_apply_by is not None:
        parts.append(f"Apply again before {format_utc(plan.next_apply_by)}.\n")
    if plan.snapshot_at is not None:
        parts.append(f"{state_line(plan)}.\n")
    elif plan.serial is None:
        parts.append("Made without a state: every row counts as new.\n")
    parts += [f"{skipped_line(item, for_markdown)}\n" for item in plan.skipped]
    return "".join(f"\n{part}" for part in parts)


def _both_sides(plan: Plan, ref: str) -> str:
    """A column for each action that occurs, and a line for each side."""
    columns = [action for action in Action if plan.count(action)]
    if not columns:
        return ""
    sides = (("this branch", False), (f"already on {for_markdown_cell(ref, 60)}", True))
    lines = [
        [name, *(f"{len(_with_action(plan, action, waiting=waiting)):,}" for action in columns)]
        for name, waiting in sides
    ]
    head = table_head("", *map(word, columns)).replace("---|", "---:|")
    return head + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _with_action(plan: Plan, action: Action, *, waiting: bool) -> Sequence[Change]:
    """The changes of one action: those that already wait on the base, or all others."""
    if plan.base is None:
        return () if waiting else plan.by_time(action)
    return filtered(plan.by_time(action), lambda item: (item.introduced is False) is waiting)


def _sections(plan: Plan, table: ChangeTable) -> Iterator[Section]:
    """The comment from top to bottom."""
    yield from _decisions(table)
    yield from _problems(plan, table)
    yield from _creates(_with_action(plan, Action.CREATE, waiting=False), table)
    if moves := table.frame.moves:
        rows = [f"| {for_markdown_cell(str(old))} | {for_markdown_cell(str(new))} |\n" for old, new in moves]
        yield Section(6, f"{len(moves):,} renamed", table_head("before", "after"), rows, len(moves))
    for action in (Action.WAITING, Action.HELD):
        yield from _changes(7, word(action), _with_action(plan, action, waiting=False), table)
    if plan.base is not None:
        yield from _waiting(plan, plan.base.ref, table)


def _decisions(table: ChangeTable) -> Iterator[Section]:
    """What approving the plan approves besides its calls: changed settings, and guards that were overridden."""
    if table.frame.base is not None and (cells := table.frame.base.settings):
        title = "This branch changes <code>reconciler.yaml</code>"
        yield Section(1, title, CELLS, map(cell_row, cells), len(cells))
    if lifted := table.frame.lifted:
        rows = [f"| {for_markdown_cell(lifted_line(item))} |\n" for item in lifted]
        title = f"{format_count(len(lifted), 'guard')} overridden"
        yield Section(1, title, table_head("guard and reason"), rows, len(lifted))


def _problems(plan: Plan, table: ChangeTable) -> Iterator[Section]:
    """One table for each kind of problem, the most urgent first."""
    frame = table.frame
    for title, items in problems_by_code(frame.errors, "error", _MOST_KINDS):
        yield Section(2, title, PROBLEMS, map(problem_row, items), len(items))
    blocked = blocked_groups(_with_action(plan, Action.BLOCKED, waiting=False))
    most = len(blocked) if len(blocked) <= _MOST_KINDS else _MOST_KINDS - 1
    for words, changes in blocked[:most]:
        yield from _changes(3, words, changes, table)
    others = [change for _, changes in blocked[most:] for change in changes]
    yield from _changes(3, "blocked for other reasons", others, table)
    if frame.to_stop:
        title = f"\N{WARNING SIGN} {to_stop.heading(frame.to_stop)}"
        rows, advice = map(table.to_stop_row, frame.to_stop), for_markdown(to_stop.advice(frame.to_stop), 600)
        yield Section(2, title, table.head("why", "call id"), rows, len(frame.to_stop), advice=advice)
    for action in ATTENTION:
        changes = to_stop.elsewhere(plan, action, _with_action(plan, action, waiting=False))
        yield from _changes(4, ACTION_WORDS[action], changes, table)
    warnings = [item for item in frame.diagnostics if item.severity is Severity.WARNING]
    for title, items in problems_by_code(warnings, "warning", _MOST_KINDS // 2):
        yield Section(5, title, PROBLEMS, map(problem_row, items), len(items), opens=False)


def _changes(rank: int, words: str, changes: Sequence[Change], table: ChangeTable) -> Iterator[Section]:
    """Changes of one kind. Edits after the call rang are only counted."""
    if not changes:
        return
    current = filtered(changes, lambda item: "past" not in item.reasons)
    past = len(changes) - len(current)
    note = f"{past:,} edited after the call rang: nothing to do." if past else ""
    text = words if _PLAIN.fullmatch(words) else f"<code>{for_html(words)}</code>"
    if not current:
        yield Section(rank, f"{past:,} {text}", note, (), 0)
    for advice, group in table.by_advice(current):
        count = len(group) if group is not current else len(changes)
        rows = map(table.row, group)
        yield Section(rank, f"{count:,} {text}", table.head(*_LAST), rows, len(group), advice=advice, note=note)
        note = ""


def _creates(changes: Sequence[Change], table: ChangeTable) -> Iterator[Section]:
    """The calls to place: those that the branch edits, then the others; many get an overview by day."""
    edited = filtered(changes, lambda item: bool(item.diff))
    new = filtered(changes, lambda item: not item.diff) if edited else changes
    if edited:
        title = f"{len(edited):,} to place with cells that this branch edits"
        yield Section(5, title, table.head(*_LAST), map(table.row, edited), len(edited))
    if len(new) > _SHORT_LIST:
        yield calls_by_day(new, table)
    if new:
        yield Section(6, f"{len(new):,} to place", table.head(*_LAST), map(table.row, new), len(new))


def _waiting(plan: Plan, ref: str, table: ChangeTable) -> Iterator[Section]:
    """Changes that already wait on the base, without this branch."""
    groups = [
        (action, _with_action(plan, action, waiting=True)) for action in Action if action is not Action.UNCHANGED
    ]
    total = sum(len(items) for _, items in groups)
    if total:
        counts = ", ".join(f"{len(items):,} {word(action)}" for action, items in groups if items)
        rows: Iterable[str] = (table.row(item, named=True) for _, items in groups for item in items)
        title = f"Already waiting on <code>{for_html(ref, 60)}</code>: {counts}"
        yield Section(8, title, table.head(*_LAST), rows, total, opens=False)


def _foot(plan: Plan) -> str:
    """The details that identify the plan."""
    parts = [f"Plan {for_markdown(plan_id(plan))} of {_utc(plan.created_at)}"]
    if plan.git is not None:
        parts.append(
            f"commit {for_markdown(plan.git.commit)}{' with uncommitted edits' if plan.git.dirty else ''}"
        )
    if plan.base is not None:
        parts.append(f"compared with {for_markdown(plan.base.ref, 60)} at {for_markdown(plan.base.commit, 60)}")
    if plan.serial is not None:
        parts.append(f"state serial {plan.serial}")
    parts.append(f"reconciler {for_markdown(plan.tool_version, 60)}")
    return f"\n<sub>{', '.join(parts)}</sub>\n"


def _utc(moment: datetime) -> str:
    """``30 May 2031 12:00 UTC``."""
    at = moment.astimezone(UTC)
    return f"{at.day} {formats.month(at)} {at:%H:%M} UTC"
