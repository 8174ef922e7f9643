"""A plan as the comment on a pull request, in GitHub Flavored Markdown.

A comment on GitHub holds 65,536 characters; this stays below 60,000 bytes for any plan. What needs action comes
first and is shortened last; hidden items are counted. All untrusted text is in code spans, where it is inert
(``escape.for_markdown``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.bulk.spool import Subset, filtered
from reconciler.domain.diagnostics import problem_count
from reconciler.domain.masking import mask_change, mask_plan
from reconciler.domain.model import Severity
from reconciler.domain.plan import Action, Change, Plan
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_utc
from reconciler.quantities import format_count
from reconciler.render import to_stop
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
from reconciler.render.limited_page import Part, fill
from reconciler.render.markdown_items import (
    CELLS,
    TO_STOP,
    cell_line,
    entry_item,
    problem_item,
    row_line,
    to_stop_line,
)
from reconciler.render.origins import Origins
from reconciler.savedplan.planfile import plan_id
from reconciler.source.provenance import mask_provenance

MARKER = "<!-- reconciler:plan -->"
LIMIT = 60_000

_CALLS = "| call | rings | to | row |\n|---|---|---|---|\n"
_MOST_GROUPS = 100
_SHORTENED = "\n**Shortened to fit a comment:** {} not listed here. The JSON report of this run lists them all.\n"


def render_plan(plan: Plan, *, masked: bool = True, origins: Origins | None = None) -> str:
    """The comment; its first line is a marker, so that the next comment can replace it.

    With ``origins``, each new cell shows its origin.
    """
    head = f"{MARKER}\n### reconciler: {count_line(plan)}\n\n**{verdict_line(plan)}**\n"
    foot = _foot(plan)
    room = LIMIT - len((head + foot + _SHORTENED).encode()) - 40
    body, hidden = fill(_parts(plan, _View(masked, origins or {}, plan.public_metadata)), room)
    left_out = f"{format_count(hidden, 'entry')} {'is' if hidden == 1 else 'are'}"
    return head + (_SHORTENED.format(left_out) if hidden else "") + body + foot


@dataclass(frozen=True, slots=True)
class _View:
    """How changes are shown: masked or not, and with the origins of their cells."""

    masked: bool
    origins: Origins
    public_metadata: frozenset[str]

    def row(self, change: Change) -> str:
        return row_line(self._seen(change))

    def entry(self, change: Change, *, named: bool = False) -> str:
        row = self.origins.get(change.address)
        row = mask_provenance(row) if row is not None and self.masked else row
        return entry_item(self._seen(change), row, named=named)

    def text(self, text: str) -> str:
        return mask_text(text) if self.masked else text

    def _seen(self, change: Change) -> Change:
        return mask_change(change, self.public_metadata) if self.masked else change


def _parts(plan: Plan, view: _View) -> list[Part]:
    """The comment from top to bottom."""
    frame = mask_plan(plan) if view.masked else plan
    warnings = [item for item in frame.diagnostics if item.severity is Severity.WARNING]
    errors = frame.errors
    mine = {action: _with_action(plan, action, waiting=False) for action in Action}
    parts = [*_settings(frame), *_lifted(frame), Part(0, _summary(plan)), Part(0, _state(plan))]
    parts += [Part(0, f"\n{skipped_line(item, for_markdown)}\n") for item in plan.skipped]
    if errors:
        parts.append(
            Part(2, f"\n#### {format_count(len(errors), 'error')}\n\n", map(problem_item, errors), len(errors))
        )
    blocked = blocked_groups(mine[Action.BLOCKED])
    parts += [part for words, changes in blocked for part in _attention(3, words, changes, view)]
    if frame.to_stop:
        head = f"\n#### \N{WARNING SIGN} {to_stop.heading(frame.to_stop)}\n\n{TO_STOP}"
        parts.append(Part(2, head, map(to_stop_line, frame.to_stop), len(frame.to_stop)))
    for action in ATTENTION:
        parts += _attention(4, ACTION_WORDS[action], to_stop.elsewhere(plan, action, mine[action]), view)
    if warnings:
        head = _fold(format_count(len(warnings), "warning"))
        parts.append(Part(5, head, map(problem_item, warnings), len(warnings), _UNFOLD))
    parts += _creates(mine[Action.CREATE], view)
    if frame.moves:
        moves = [f"- {for_markdown(str(old))} is now {for_markdown(str(new))}\n" for old, new in frame.moves]
        parts.append(Part(6, _fold(f"{len(moves):,} renamed"), moves, len(moves), _UNFOLD))
    for action in (Action.WAITING, Action.HELD):
        if changes := mine[action]:
            head = _fold(f"{len(changes):,} {word(action)}")
            parts.append(Part(7, head, map(view.entry, changes), len(changes), _UNFOLD))
    return [*parts, *_waiting(plan, view)]


def _with_action(plan: Plan, action: Action, *, waiting: bool) -> Sequence[Change]:
    """The changes of one action: those that already wait on the base, or all others."""
    if plan.base is None:
        return () if waiting else plan.with_action(action)
    return filtered(plan.with_action(action), lambda item: (item.introduced is False) is waiting)


def _settings(plan: Plan) -> Iterator[Part]:
    """The branch's changes to the operator's settings, which a reviewer must see."""
    if plan.base is not None and plan.base.settings:
        cells = plan.base.settings
        head = f"\n#### \N{WARNING SIGN} This branch changes `reconciler.yaml`\n\n{CELLS}"
        yield Part(1, head, map(cell_line, cells), len(cells))


def _lifted(plan: Plan) -> Iterator[Part]:
    """The guards that were overridden for this plan, and why: approving the plan approves the overrides."""
    if plan.lifted:
        head = f"\n#### \N{WARNING SIGN} {format_count(len(plan.lifted), 'guard')} overridden\n\n"
        lines = [f"- {for_markdown(lifted_line(item))}\n" for item in plan.lifted]
        yield Part(1, head, lines, len(lines))


def _summary(plan: Plan) -> str:
    """A line for each action that occurs; with a base, a column for each side."""
    rows = [("errors", problem_count(plan.errors), 0)] if plan.errors else []
    for action in Action:
        mine, waiting = (
            len(_with_action(plan, action, waiting=False)),
            len(_with_action(plan, action, waiting=True)),
        )
        if mine or waiting:
            rows.append((word(action), mine, waiting))
    if not rows:
        return "\nNo calls.\n"
    if plan.base is None:
        return "\n| | calls |\n|---|---:|\n" + "".join(f"| {name} | {mine:,} |\n" for name, mine, _ in rows)
    base = for_markdown_cell(plan.base.ref, 60)
    lines = [f"| {name} | {mine:,} | {waiting:,} |\n" for name, mine, waiting in rows]
    return f"\n| | this branch | already on {base} |\n|---|---:|---:|\n{''.join(lines)}"


def _state(plan: Plan) -> str:
    """What the plan was compared with, if not the state itself."""
    again = f"\nApply again before {format_utc(plan.next_apply_by)}.\n" if plan.next_apply_by is not None else ""
    if plan.snapshot_at is not None:
        return f"\n{state_line(plan)}.\n{again}"
    return again + ("\nMade without a state: every row counts as new.\n" if plan.serial is None else "")


def _attention(rank: int, words: str, changes: Sequence[Change], view: _View) -> Iterator[Part]:
    """Changes that need attention. Edits after the call rang are only counted."""
    if not changes:
        return
    current = filtered(changes, lambda item: "past" not in item.reasons)
    head = f"\n#### {len(changes):,} {words}\n\n"
    tail = f"\n{len(changes) - len(current):,} edited after the call rang: nothing to do.\n"
    yield Part(rank, head, map(view.entry, current), len(current), tail if len(current) < len(changes) else "")


def _creates(changes: Sequence[Change], view: _View) -> Iterator[Part]:
    """The calls to place: those that the branch edits, with their cells; the others by plan, day and agent."""
    if not changes:
        return
    yield Part(1, f"\n#### {len(changes):,} to place\n")
    edited = filtered(changes, lambda item: bool(item.diff))
    if edited:
        head = f"\n{len(edited):,} with cells that this branch edits:\n\n"
        yield Part(5, head, map(view.entry, edited), len(edited))
    places: dict[tuple[str, str, str], array[int]] = {}
    for place, item in enumerate(changes):
        if not item.diff:
            places.setdefault(_group(item), array("L")).append(place)
    groups = [(name, Subset(changes, places[name])) for name in sorted(places)]
    for (plan, day, agent), found in groups[:_MOST_GROUPS]:
        names = " · ".join(f"<code>{for_html(name, 60)}</code>" for name in map(view.text, (plan, day, agent)))
        title = f"{names}: {format_count(len(found), 'call')}"
        yield Part(6, _fold(title) + _CALLS, map(view.row, found), len(found), _UNFOLD, f"\n<p>{title}</p>\n")
    if more := groups[_MOST_GROUPS:]:
        calls = sum(len(found) for _, found in more)
        count = f"{format_count(len(more), 'more group')} with {format_count(calls, 'call')}"
        yield Part(1, "", (), calls, bare=f"\n\N{HORIZONTAL ELLIPSIS} and {count}\n")


def _group(change: Change) -> tuple[str, str, str]:
    call = change.call
    if call is None:
        return change.address.plan, "", ""
    return change.address.plan, call.schedule.at[:10] if call.schedule else "without a schedule", call.agent


def _waiting(plan: Plan, view: _View) -> Iterator[Part]:
    """Changes that already wait on the base, without this branch."""
    if plan.base is None:
        return
    found = [
        (action, _with_action(plan, action, waiting=True)) for action in Action if action is not Action.UNCHANGED
    ]
    changes = [item for _, items in found for item in items]
    if changes:
        counts = ", ".join(f"{len(items):,} {word(action)}" for action, items in found if items)
        head = _fold(f"Already waiting on <code>{for_html(plan.base.ref, 60)}</code>: {counts}")
        entries = (view.entry(item, named=True) for item in changes)
        yield Part(8, head, entries, len(changes), _UNFOLD)


_UNFOLD = "\n</details>\n"


def _fold(summary: str) -> str:
    return f"\n<details><summary>{summary}</summary>\n\n"


def _foot(plan: Plan) -> str:
    """The details that identify the plan."""
    said = [f"Plan {for_markdown(plan_id(plan))} of {format_utc(plan.created_at)}"]
    if plan.git is not None:
        said.append(f"commit {for_markdown(plan.git.commit)}{' with uncommitted edits' if plan.git.dirty else ''}")
    if plan.base is not None:
        said.append(f"compared with {for_markdown(plan.base.ref, 60)} at {for_markdown(plan.base.commit, 60)}")
    if plan.serial is not None:
        said.append(f"state serial {plan.serial}")
    said.append(f"reconciler {for_markdown(plan.tool_version, 60)}")
    return f"\n<sub>{', '.join(said)}</sub>\n"
