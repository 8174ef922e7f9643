"""The outcomes of calls: the report of ``status`` as rows of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reconciler.domain.model import Address
from reconciler.domain.plan import Plan
from reconciler.domain.times import format_utc
from reconciler.evidence import outcomes
from reconciler.evidence.outcomes import CallOutcome, Drift, OutcomeReport
from reconciler.quantities import format_count
from reconciler.render import status
from reconciler.render.escape import cut
from reconciler.render.html.call_table import AttentionGroup, CallBook, CallKind, CallLine, Series
from reconciler.render.html.content import Breakdown, Frame, PageContent, build_book_content
from reconciler.render.labels import count_line, standing, state_line

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
_HEADINGS = {
    outcomes.UNCERTAIN: "uncertain: they may or may not have been placed. Run: reconciler resolve",
    "refused": "refused by the service",
    "missed": "missed: their time passed before they were placed",
}
_SERIES = (
    Series("", ""),
    Series("blue", "will ring"),
    Series("green", "answered"),
    Series("gray", "other outcome"),
    Series("orange", "uncertain"),
)
_WILL_RING, _ANSWERED, _ELSE, _UNCERTAIN = range(1, len(_SERIES))
_TITLES = {"plans": "By plan", "agents": "By agent", "hours": "By hour (local time of the call)"}


def build_outcome_content(
    plan: Plan, report: OutcomeReport, agents: Mapping[str, str], *, masked: bool
) -> PageContent:
    """The page of a report. ``plan`` compares the files with the state, ``agents`` are names by id.

    Calls of a snapshot have no content.
    """
    blind = plan.snapshot_at is not None
    report = status.mask_report(report) if masked else report
    drift = {(item.address, item.call_id): item for item in report.drift}
    words = _words(report)
    lines = [_line(item, drift, report, words, blind=blind) for item in report.standings]
    known = {(line.address, line.place) for line in lines}
    lines += [_foreign(item, words) for key, item in drift.items() if key not in known]
    book = CallBook(
        lines=tuple(sorted(lines, key=lambda line: line.kind)),
        kinds=tuple(map(_kind, words)),
        series=_SERIES,
        attention=tuple(_attention(lines, drift, words)),
        kind="outcome",
        changes="why",
        place="call id",
        reason="status",
    )
    return build_book_content(
        book, _frame(plan, report, masked=masked or blind), tuple(_breakdowns(report, words, agents))
    )


def _words(report: OutcomeReport) -> list[str]:
    """The outcomes that occur, in their order."""
    found = {item.outcome for item in report.standings} | {item.kind.value for item in report.drift}
    order = list(_KINDS)
    return sorted(found, key=lambda word: (order.index(word) if word in _KINDS else len(order), word))


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
        counts=status.outcome_line(status.outcomes(report)) or "no calls",
        verdict=verdict,
        tone="bad" if looks else "warn" if report.not_asked is not None else "good",
        masked=masked,
        state=" ".join(sentences),
        foot=(
            ("as of", format_utc(report.as_of)),
            ("state", f"{report.lineage}, serial {report.serial}"),
            ("reconciler", plan.tool_version),
        ),
    )


def _attention(
    lines: Sequence[CallLine], drift: Mapping[tuple[Address, str], Drift], words: Sequence[str]
) -> Iterator[AttentionGroup]:
    """What needs attention, as in the text form; then the calls that never rang."""
    disagreed = tuple(line for line in lines if (line.address, line.place) in drift)
    if disagreed:
        noun = "difference" if len(disagreed) == 1 else "differences"
        yield AttentionGroup(CallKind("bad", "", "!"), f"{noun} between the service and the state", disagreed)
    for word, heading in _HEADINGS.items():
        if found := tuple(line for line in lines if words[line.kind] == word):
            yield AttentionGroup(_kind(word), heading, found)


def _line(
    item: CallOutcome,
    drift: Mapping[tuple[Address, str], Drift],
    report: OutcomeReport,
    words: Sequence[str],
    *,
    blind: bool,
) -> CallLine:
    entry, wrong = item.entry, drift.get((item.entry.address, item.entry.call_id or ""))
    reason = item.remote.reason if item.remote is not None else None
    said = [text for text in (wrong and wrong.message, entry.error) if text]
    return CallLine(
        address=entry.address,
        kind=words.index(item.outcome),
        load=_series(item, report),
        call=None if blind else entry.call,
        rings=entry.rings_at,
        place=entry.call_id or "",
        message="; ".join(said) or reason or "",
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
    return _ANSWERED if item.outcome == "answered" else _ELSE


def _foreign(item: Drift, words: Sequence[str]) -> CallLine:
    """A call that only the service has."""
    return CallLine(
        address=item.address,
        kind=words.index(item.kind.value),
        load=0,
        call=None,
        rings=None,
        place=item.call_id,
        message=item.message,
        facts=(("service says", item.status),) if item.status else (),
    )


def _breakdowns(report: OutcomeReport, words: Sequence[str], agents: Mapping[str, str]) -> Iterator[Breakdown]:
    """Counts by plan, agent and hour: a column for each outcome, and one for the outcomes without a column."""
    for kind, groups in status.groups(report).items():
        found: Counter[str] = sum(groups.values(), Counter())
        columns = [word for word in words if found[word]]
        shown = columns[:_MOST_WORDS]
        rows = [
            (agents.get(name, name) if kind == "agents" else name, tuple(_counts(counts, shown, columns)))
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
