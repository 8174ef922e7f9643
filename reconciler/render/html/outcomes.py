"""The outcomes of calls: the report of ``status`` as rows of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.domain.model import Address
from reconciler.domain.people import exact_id
from reconciler.domain.plan import Plan
from reconciler.domain.sensitive import mask_name
from reconciler.domain.times import format_utc
from reconciler.evidence import outcomes
from reconciler.evidence.outcomes import CallOutcome, Drift, OutcomeReport
from reconciler.quantities import format_count
from reconciler.render import status
from reconciler.render.escape import cut
from reconciler.render.html.call_table import (
    AttentionGroup,
    CallBook,
    CallKind,
    CallLine,
    Series,
    in_order,
    known_time,
    ring_text,
)
from reconciler.render.html.content import Breakdown, Frame, PageContent, build_book_content, utc_text
from reconciler.render.labels import count_line, standing, state_line
from reconciler.render.subject import Display, Subject

_LONGEST_WORD = 40
_MOST_WORDS = 12  # the most columns of a breakdown
_MOST_NAMES = 100  # the most rows of a breakdown
# Outcomes by importance, with a style and a mark; unknown statuses of the service come last.
_KINDS = {
    outcomes.UNCERTAIN: ("uncertain", "?"),
    outcomes.MISSING: ("bad", "!"),
    outcomes.DriftKind.UNKNOWN: ("bad", "!"),
    outcomes.DriftKind.DUPLICATE: ("bad", "!"),
    "refused": ("bad", "!"),
    "missed": ("bad", "\N{MULTIPLICATION SIGN}"),
    outcomes.UNLISTED: ("uncertain", "?"),
    "failed": ("bad", "\N{MULTIPLICATION SIGN}"),
    "busy": ("quiet", "-"),
    "no-answer": ("quiet", "-"),
    "voicemail": ("quiet", "~"),
    "answering-machine": ("quiet", "~"),
    "incomplete": ("quiet", "~"),
    "not-placed": ("quiet", "---"),
    outcomes.STOPPED: ("quiet", "\N{WHITE CIRCLE}"),
    outcomes.PLACING: ("ahead", "\N{HORIZONTAL ELLIPSIS}"),
    outcomes.PLACED: ("ahead", "+++"),
    "scheduled": ("ahead", "+++"),
    "in-queue": ("ahead", "+++"),
    "in-progress": ("ahead", "+++"),
    "completed": ("good", "="),
    "answered": ("good", "="),
}
# The heading and the explanation of the outcomes that need attention.
_HEADINGS = {
    outcomes.UNCERTAIN: ("uncertain", "They may or may not have been placed. Run: reconciler resolve"),
    "refused": ("refused by the service", "They were not placed."),
    "missed": ("missed", "Their time passed before they were placed."),
}
_SERIES = (
    Series("", ""),
    Series("blue", "will ring"),
    Series("green", "answered"),
    Series("gray", "other outcome"),
    Series("orange", "uncertain"),
)
_WILL_RING, _ANSWERED, _OTHER, _UNCERTAIN = range(1, len(_SERIES))
_TITLES = {"plans": "By plan", "agents": "By agent", "hours": "By hour (local time of the call)"}


def build_outcome_content(
    plan: Plan, report: OutcomeReport, agents: Mapping[str, str], *, masked: bool
) -> PageContent:
    """The page of a report. ``plan`` compares the files with the state, ``agents`` are names by exact id.

    Calls of a snapshot have no content.
    """
    blind = plan.snapshot_at is not None
    report = status.mask_report(report) if masked else report
    drift = {(item.address, item.call_id): item for item in report.drift}
    words = _words(report)
    view = _View(report, drift, words, Display(now=report.as_of, show=plan.show, aliases=agents), blind=blind)
    lines = [_line(item, view) for item in report.standings]
    listed = {(line.address, line.place) for line in lines}
    lines += [_foreign(item, words) for key, item in drift.items() if key not in listed]
    book = CallBook(
        now=report.as_of,
        lines=in_order(lines),
        kinds=tuple(map(_kind, words)),
        series=_SERIES,
        attention=tuple(_attention(lines, drift, words)),
        kind="outcome",
        changes="why",
        place="call id",
        reason="status",
        show=mask_name(plan.show or ""),
        value=view.display.heading,
    )
    return build_book_content(
        book, _frame(plan, report, masked=masked or blind), tuple(_breakdowns(report, words, agents))
    )


def _words(report: OutcomeReport) -> list[str]:
    """The outcomes that occur, in their order."""
    words = {item.outcome for item in report.standings} | {item.kind.value for item in report.drift}
    order = list(_KINDS)
    return sorted(words, key=lambda word: (order.index(word) if word in _KINDS else len(order), word))


def _kind(word: str) -> CallKind:
    name, mark = _KINDS.get(word, ("quiet", "\N{MIDDLE DOT}"))
    return CallKind(name, cut(word, _LONGEST_WORD), mark)


def _frame(plan: Plan, report: OutcomeReport, *, masked: bool) -> Frame:
    uncertain = status.outcomes(report)[outcomes.UNCERTAIN]
    looks = [f"{uncertain:,} uncertain"] * bool(uncertain)
    looks += [format_count(len(report.drift), "difference")] * bool(report.drift)
    files = "The plan files have errors: reconciler validate lists them." if plan.errors else ""
    sentences = [files or f"Files: {count_line(plan)}."]
    if plan.snapshot_at is not None:
        sentences.append(f"{state_line(plan)}.")
    if report.tagged is False:
        sentences.append(status.BLIND)
    if report.not_asked is not None:
        verdict = f"The service was not queried: {report.not_asked}."
    else:
        verdict = f"Needs attention: {', '.join(looks)}." if looks else "The service and the state agree."
    return Frame(
        subject="status",
        counts=status.outcome_line(status.outcomes(report)) or "no calls",
        verdict=verdict,
        tone="bad" if looks else "warn" if report.not_asked is not None else "good",
        masked=masked,
        identity=(f"as of {utc_text(report.as_of)}",),
        state=" ".join(sentences),
        foot=(
            ("as of", format_utc(report.as_of)),
            ("state", f"{report.lineage}, serial {report.serial}"),
            ("reconciler", plan.tool_version),
        ),
        empty="The state has no calls: nothing was placed yet.",
    )


def _attention(
    lines: Sequence[CallLine], drift: Mapping[tuple[Address, str], Drift], words: Sequence[str]
) -> Iterator[AttentionGroup]:
    """What needs attention, as in the text form; then the calls that never rang."""
    differing = tuple(line for line in lines if (line.address, line.place) in drift)
    if differing:
        heading = f"{format_count(len(differing), 'difference')} between the service and the state"
        yield AttentionGroup(name="bad", heading=heading, explanation="", lines=differing)
    for word, (heading, explanation) in _HEADINGS.items():
        if selected := tuple(line for line in lines if words[line.kind] == word):
            yield AttentionGroup(
                name=_kind(word).name,
                heading=f"{len(selected):,} {heading}",
                explanation=explanation,
                lines=selected,
                kind=words.index(word),
            )


@dataclass(frozen=True, slots=True)
class _View:
    """What every line of a report needs. ``words`` are the outcomes in order. ``blind``: calls have no content."""

    report: OutcomeReport
    drift: Mapping[tuple[Address, str], Drift]
    words: Sequence[str]
    display: Display
    blind: bool


def _line(item: CallOutcome, view: _View) -> CallLine:
    entry, difference = item.entry, view.drift.get((item.entry.address, item.entry.call_id or ""))
    reason = item.remote.reason if item.remote is not None else None
    messages = [text for text in (difference and difference.message, entry.error) if text]
    call = None if view.blind else entry.call
    subject = view.display.subject(call, entry.rings_at)
    return CallLine(
        address=entry.address,
        kind=view.words.index(item.outcome),
        load=_series(item, view.report),
        call=call,
        subject=subject,
        rings=known_time(entry.rings_at),
        when=ring_text(subject, view.report.as_of),
        place=entry.call_id or "",
        message="; ".join(messages) or reason or "",
        reasons=(standing(entry),),
        facts=tuple(_facts(item, reason)),
    )


def _facts(item: CallOutcome, reason: str | None) -> Iterator[tuple[str, str]]:
    entry, remote = item.entry, item.remote
    if remote is not None:
        yield "service says", f"{remote.status}, {remote.result}" if remote.result else remote.status
        if reason:
            yield "ended by", reason
        if remote.duration is not None:
            yield "duration", f"{remote.duration:g} s"
    yield "attempted", format_utc(entry.attempted_at)
    if entry.stopped_at is not None:
        yield "stopped", format_utc(entry.stopped_at)


def _series(item: CallOutcome, report: OutcomeReport) -> int:
    """The chart's series for a call; 0 if it did not ring and will not."""
    entry = item.entry
    if entry.unknown:
        return _UNCERTAIN
    if not entry.placed or entry.stopped_at is not None:
        return 0
    if entry.rings_at > report.as_of:
        return _WILL_RING
    return _ANSWERED if item.outcome == "answered" else _OTHER


def _foreign(item: Drift, words: Sequence[str]) -> CallLine:
    """A call that only the service has."""
    return CallLine(
        address=item.address,
        kind=words.index(item.kind.value),
        load=0,
        call=None,
        subject=Subject(),
        rings=None,
        when="",
        place=item.call_id,
        message=item.message,
        facts=(("service says", item.status),) if item.status else (),
    )


def _breakdowns(report: OutcomeReport, words: Sequence[str], agents: Mapping[str, str]) -> Iterator[Breakdown]:
    """Counts by plan, agent and hour: a column for each outcome, and one for the outcomes without a column."""
    for kind, groups in status.groups(report).items():
        totals: Counter[str] = sum(groups.values(), Counter())
        columns = [word for word in words if totals[word]]
        shown = columns[:_MOST_WORDS]
        rows = [
            (
                agents.get(exact_id(name), name) if kind == "agents" else name,
                tuple(_counts(counts, shown, columns)),
            )
            for name, counts in groups.items()
        ]
        if rows and (len(rows) > 1 or kind == "hours"):
            heads = (*(cut(word, _LONGEST_WORD) for word in shown), *["others"] * (shown != columns), "all")
            yield Breakdown(_TITLES[kind], kind[:-1], heads, tuple(rows[:_MOST_NAMES]), len(rows))


def _counts(counts: Counter[str], shown: Sequence[str], columns: Sequence[str]) -> Iterator[int]:
    yield from (counts[word] for word in shown)
    if shown != columns:
        yield counts.total() - sum(counts[word] for word in shown)
    yield counts.total()
