"""The tables of the comment on a pull request, each in a section that is open or folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import structs

from reconciler.domain.masking import mask_change, mask_plan
from reconciler.domain.model import Address, Diagnostic
from reconciler.domain.plan import CallToStop, CellDiff, Change, Plan
from reconciler.domain.policy import GUARD_CODES
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import UNKNOWN_TIME, local_time
from reconciler.quantities import format_count
from reconciler.render import formats, to_stop
from reconciler.render.escape import for_html, for_markdown, for_markdown_cell
from reconciler.render.formats import shorten
from reconciler.render.labels import word
from reconciler.render.limited_page import Part
from reconciler.render.origins import Origins, for_cell
from reconciler.render.subject import Display, Subject, change_subject
from reconciler.render.text_layout import by_advice
from reconciler.source.codes import CODES
from reconciler.source.provenance import Provenance, mask_provenance

_MOST_CELLS = 20
_MESSAGE = 600
_LINES = 28  # of text and table rows that an open comment shows, about two screens


def table_head(*columns: str) -> str:
    """The first two lines of a table."""
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"


def table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


CELLS = table_head("field", "before", "after")
PROBLEMS = table_head("where", "code", "problem")


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title (HTML). Sections with a lower ``rank`` are opened, and get room, first.

    ``opens``: it may be open if it is short; ``lines`` is the height of a row. ``advice`` precedes the table, and
    ``note`` follows it.
    """

    rank: int
    title: str
    head: str
    rows: Iterable[str]
    total: int
    advice: str = ""
    note: str = ""
    opens: bool = True
    lines: int = 2


def laid_out(sections: Sequence[Section]) -> list[Part]:
    """Fold the sections, except for those that fit on the first screens."""
    left = _LINES - len(sections)
    opened = set()
    for place, section in sorted(enumerate(sections), key=lambda item: item[1].rank):
        height = 1 + section.lines * section.total + 3 * bool(section.advice)
        if section.opens and height <= left:
            left -= height
            opened.add(place)
    return [_part(section, is_open=place in opened) for place, section in enumerate(sections)]


def _part(section: Section, *, is_open: bool) -> Part:
    head = f"\n<details{' open' * is_open}><summary><strong>{section.title}</strong></summary>\n\n"
    advice = f"{section.advice}\n\n" if section.advice else ""
    note = f"\n{section.note}\n" if section.note else ""
    return Part(section.rank, head + advice + section.head, section.rows, section.total, f"{note}\n</details>\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTable:
    """One table for changes of any kind: whom, when in local time, the field of ``policy.show``, and why.

    ``frame`` is the plan, masked if ``masked``. ``to_stop`` are the addresses of the calls to
    stop, whose list has their messages.
    """

    frame: Plan
    to_stop: frozenset[Address]
    display: Display
    origins: Origins
    public_metadata: frozenset[str]
    masked: bool

    @classmethod
    def from_plan(cls, plan: Plan, origins: Origins, *, masked: bool) -> ChangeTable:
        frame = mask_plan(plan) if masked else plan
        return cls(
            frame=frame,
            to_stop=to_stop.addresses(plan),
            display=Display.from_plan(frame),
            origins=origins,
            public_metadata=plan.public_metadata,
            masked=masked,
        )

    def head(self, *last: str) -> str:
        """The head of a table whose last columns are these."""
        chosen = [for_markdown_cell(self.display.heading, 60)] if self.display.heading else []
        return table_head("call", "whom", "rings", *chosen, *last)

    def row(self, change: Change, *, named: bool = False) -> str:
        """The row of a change; ``named``: its note starts with its action."""
        shown = mask_change(change, self.public_metadata) if self.masked else change
        place = for_markdown_cell(f"{shown.source.file}:{shown.source.line}") if shown.source else ""
        notes = [word(shown.action)] if named else []
        notes += self._notes(change, shown)
        who = self._who_and_when(change_subject(shown, self.display))
        return table_row(for_markdown_cell(str(shown.address)), *who, place, "<br>".join(notes))

    def to_stop_row(self, call: CallToStop) -> str:
        """The row of a call to stop by hand, which is masked if the plan is."""
        subject = to_stop.subject(call, self.display)
        if call.rings_at != UNKNOWN_TIME:
            local = local_time(call.rings_at, call.timezone)
            subject = structs.replace(subject, rings=formats.wall(local, self.display.now), zone=call.timezone)
        who = self._who_and_when(subject)
        why = for_markdown_cell(f"{call.action}: {call.why}", _MESSAGE)
        return table_row(for_markdown_cell(str(call.address)), *who, why, for_markdown_cell(call.call_id or "-"))

    def _who_and_when(self, subject: Subject) -> list[str]:
        """The cells of the columns ``whom``, ``rings``, and that of ``policy.show``."""
        whom = [shorten(subject.target)] if subject.target else []
        if subject.person != subject.target:
            whom = [subject.person, *whom]
        rings = f"{subject.rings} {formats.zone_place(subject.zone)}".strip()
        chosen = [subject.value] if self.display.heading else []
        one_line = ["" if not text else for_markdown_cell(text) for text in (rings, *chosen)]
        return ["<br>".join(map(for_markdown_cell, whom)), *one_line]

    def by_advice(self, changes: Sequence[Change]) -> Iterator[tuple[str, Sequence[Change]]]:
        """The changes by what to do about them, which is a code span or empty."""
        for advice, group in by_advice(changes, self.to_stop):
            quotes_row = self.masked and advice == group[0].advice
            text = mask_change(group[0], self.public_metadata).advice if quotes_row else advice
            text = text.lstrip(". ")
            yield for_markdown(text, _MESSAGE) if text else "", group

    def text(self, text: str) -> str:
        return mask_text(text) if self.masked else text

    def _notes(self, change: Change, shown: Change) -> Iterator[str]:
        """The message without its advice, unless the list of calls to stop has it, and the cells that differ."""
        message = formats.detail(shown, self.display.now)
        if message and change.address not in self.to_stop:
            yield for_markdown_cell(message, _MESSAGE)
        row = self.origins.get(change.address)
        row = mask_provenance(row) if row is not None and self.masked else row
        yield from (_edit(cell, row) for cell in shown.diff[:_MOST_CELLS])
        more = len(shown.diff) - _MOST_CELLS
        if more > 0:
            yield f"\N{HORIZONTAL ELLIPSIS} and {more:,} more fields"


def _edit(cell: CellDiff, row: Provenance | None) -> str:
    """``field: before → after``; values that look alike because they are masked are shown once."""
    before, after = _side(cell.before), _side(cell.after)
    values = f"{after} (edited)" if before == after else f"{before} → {after}"
    origin = "" if row is None else f" from {for_cell(row.origin(cell.field))}"
    return f"{for_markdown_cell(cell.field)}: {values}{origin}"


def _side(value: str | None) -> str:
    return "(none)" if value is None else for_markdown_cell(value)


def cell_row(cell: CellDiff) -> str:
    """An edited setting."""
    before, after = _side(cell.before), _side(cell.after)
    return table_row(for_markdown_cell(cell.field), before, "(edited)" if before == after else after)


def calls_by_day(changes: Sequence[Change], table: ChangeTable) -> Section:
    """An overview of calls to place: how many of each plan and agent ring on each day."""
    counts = Counter(map(_day_group, changes))
    rows = []
    for (day, plan, agent), calls in sorted(counts.items(), key=lambda item: (not item[0][0], item[0])):
        shown = formats.day(datetime.fromisoformat(day).replace(tzinfo=UTC), table.display.now) if day else ""
        names = (shown or "without a schedule", table.text(plan), table.display.alias(table.text(agent)))
        rows.append(table_row(*map(for_markdown_cell, names), f"{calls:,}"))
    return Section(
        5, "Calls to place by day", table_head("day", "plan", "agent", "calls"), rows, len(rows), lines=1
    )


def _day_group(change: Change) -> tuple[str, str, str]:
    call = change.call
    if call is None:
        return "", change.address.plan, ""
    return call.schedule.at[:10] if call.schedule else "", change.address.plan, call.agent


def problems_by_code(
    items: Sequence[Diagnostic], noun: str, most: int
) -> Iterator[tuple[str, Sequence[Diagnostic]]]:
    """The problems of each code with a title (HTML), the most frequent first; from ``most`` codes on, the others
    share one.
    """
    counts = Counter(item.code for item in items)
    codes = [code for code, _ in counts.most_common(None if len(counts) <= most else most - 1)]
    for code in codes:
        meaning = CODES.get(code) or GUARD_CODES.get(code)
        title = f"{format_count(counts[code], noun)} <code>{for_html(code)}</code>"
        title += f": {meaning}" if meaning else ""
        yield title, [item for item in items if item.code == code]
    if others := [item for item in items if item.code not in codes]:
        yield format_count(len(others), f"other {noun}"), others


def problem_row(item: Diagnostic) -> str:
    place = for_markdown_cell(str(item.location)) if item.location is not None else ""
    hint = f"<br>hint: {for_markdown_cell(item.hint, _MESSAGE)}" if item.hint is not None else ""
    message = for_markdown_cell(item.message, _MESSAGE)
    return table_row(place, for_markdown_cell(item.code), f"{message}{hint}")
