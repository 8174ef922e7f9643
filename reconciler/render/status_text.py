"""The outcomes of placed calls as text: each call by its outcome first, then the counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from reconciler.domain.model import Entry
from reconciler.domain.plan import Moment
from reconciler.domain.times import local_time, number_zones
from reconciler.evidence.outcomes import MISSING, UNCERTAIN, CallOutcome, OutcomeReport
from reconciler.quantities import format_count
from reconciler.render import formats
from reconciler.render.console import Console, OutputStyle, StyledLine, capture, print_indented
from reconciler.render.escape import cut, for_terminal
from reconciler.render.status import BLIND, mask_report, outcome_line, outcomes
from reconciler.render.subject import Display, Subject
from reconciler.render.text_layout import Columns

LISTED = 50  # the most calls that are listed by default
_DRIFTING = 20
_WORD = 20
_PENDING = ("in-progress", "in-queue", "placing", "scheduled", "placed", "unlisted")
# The colour of each outcome, and its order: what needs a person first.
_STYLES = {
    **dict.fromkeys((UNCERTAIN, MISSING, "failed", "refused", "missed", "not-placed"), "bold red"),
    **dict.fromkeys(("no-answer", "busy", "voicemail", "answering-machine", "incomplete"), "yellow"),
    **dict.fromkeys(_PENDING, "cyan"),
    **dict.fromkeys(("answered", "completed"), "green"),
    "stopped": "dim",
}
_RANKS = {word: rank for rank, word in enumerate(_STYLES)}
_FAILED = frozenset({UNCERTAIN, MISSING, "failed", "refused", "missed", "not-placed"})
RANG = frozenset({"answered", "completed", "no-answer", "busy", "failed", "voicemail", "answering-machine"})
"""The outcomes of calls that rang and have ended."""
PENDING = frozenset(_PENDING)
"""The outcomes of calls that have not ended."""
OUTCOMES = tuple(_STYLES)


def render_text(
    report: OutcomeReport, agents: Mapping[str, str], display: Display, look: OutputStyle, *, every: bool
) -> str:
    """For people. ``agents`` are names by id; ``every``: list every call, however many there are."""
    zones = {item.entry.address: _zone(item.entry) for item in report.standings}  # masked numbers have none
    ordered = sorted(report.standings, key=lambda item: (_RANKS.get(item.outcome, len(_RANKS)), _time(item)))
    report = replace(report, standings=ordered)
    rows = [(item, zones[item.entry.address]) for item in ordered]
    if look.masked:
        report = mask_report(report)
        rows = [(item, zone) for item, (_, zone) in zip(report.standings, rows, strict=True)]

    def draw(console: Console) -> None:
        _print_calls(console, rows, display, look, every=every)
        _print_groups(console, rows, agents)
        _print_attention(console, report, display)
        if rows:
            console.print()
        print_indented(console, _verdict(report, rows, display), 0)
        if (rate := _answer_rate(outcomes(report))) is not None:
            console.print(rate)

    return capture(look, draw)


def _time(item: CallOutcome) -> tuple[object, ...]:
    return item.entry.rings_at, item.entry.address


def _zone(entry: Entry) -> str:
    """The time zone of a call: that of its schedule, else that of the number if it has only one, else UTC."""
    if entry.call.schedule is not None:
        return entry.call.schedule.timezone
    zones = number_zones(entry.call.to_number)
    return zones[0].key if len(zones) == 1 else "UTC"


def _subject(item: CallOutcome, zone: str, display: Display) -> Subject:
    described = display.subject(item.entry.call, item.entry.rings_at)
    if item.entry.call.schedule is not None:
        return described
    rings = formats.wall(local_time(item.entry.rings_at, zone).replace(second=0), display.now)
    return structs.replace(described, rings=rings, zone=zone)


def _print_calls(
    console: Console, rows: Sequence[tuple[CallOutcome, str]], display: Display, look: OutputStyle, *, every: bool
) -> None:
    shown = rows
    if len(rows) > LISTED and not every:
        failed = [row for row in rows if row[0].outcome in _FAILED]
        shown = failed[:LISTED]
        more = f"; {format_count(len(failed), 'failed call')}" if failed else ""
        hint = "Use --calls or --outcome to list them, or --format csv to export them."
        print_indented(console, f"{format_count(len(rows), 'call')}{more}. {hint}", 0)
    if not shown:
        return
    subjects = [(_subject(item, zone, display), str(item.entry.address)) for item, zone in shown]
    lead = max(len(cut(item.outcome, _WORD)) for item, _ in shown) + 2
    columns = Columns.for_rows(subjects, look, display.heading, lead=lead)
    if columns.zone is not None:
        console.print(f"Times {formats.zone_place(columns.zone)}")
    if columns.value:
        console.print(StyledLine(columns.header(display.heading), "dim"))
    for (item, _), (subject, address) in zip(shown, subjects, strict=True):
        word = cut(item.outcome, _WORD)
        console.print(columns.line(word, _STYLES.get(item.outcome, ""), subject, address))
        if columns.own_line:
            console.print(StyledLine(f"{'':{lead + 2}}{for_terminal(address)}", "cyan"))
        if item.outcome in _FAILED and item.entry.error:
            print_indented(console, for_terminal(item.entry.error), lead + 2)
    if len(shown) < len(rows) and len(shown) == LISTED:
        console.print(f"… and more (--outcome {shown[-1][0].outcome} lists them)")


def _print_groups(console: Console, rows: Sequence[tuple[CallOutcome, str]], agents: Mapping[str, str]) -> None:
    def by(name: Callable[[CallOutcome, str], str]) -> dict[str, Counter[str]]:
        counts: dict[str, Counter[str]] = {}
        for item, zone in rows:
            counts.setdefault(name(item, zone), Counter())[item.outcome] += 1
        return dict(sorted(counts.items()))

    plans = by(lambda item, _: item.entry.address.plan)
    named = by(lambda item, _: agents.get(item.entry.call.agent, item.entry.call.agent))
    hours = by(_hour)
    hours.pop("", None)
    for title, groups, least in (
        ("By plan", plans, 2),
        ("By agent", named, 2),
        ("By hour (local time of the call)", hours, 1),
    ):
        if len(groups) >= least:
            console.print(f"\n{title}")
            for name, counts in groups.items():
                print_indented(console, f"{for_terminal(name)}  {outcome_line(counts)}", 2)


def _hour(item: CallOutcome, zone: str) -> str:
    """``09:00``, for a call that rang and has ended."""
    return f"{local_time(item.entry.rings_at, zone):%H}:00" if item.outcome in RANG else ""


def _print_attention(console: Console, report: OutcomeReport, display: Display) -> None:
    uncertain = [str(item.entry.address) for item in report.standings if item.outcome == UNCERTAIN]
    lines = [f"? {at}: uncertain" for at in uncertain[:_DRIFTING]]
    lines += _rest(len(uncertain))
    lines += [
        f"! {item.address}: {formats.in_words(item.message, display.now)}" for item in report.drift[:_DRIFTING]
    ]
    lines += _rest(len(report.drift))
    if lines:
        console.print("\nNeeds attention")
        for line in lines:
            print_indented(console, for_terminal(line), 2)


def _rest(count: int) -> list[str]:
    return [f"… and {count - _DRIFTING:,} more (--json lists them all)"] if count > _DRIFTING else []


def _verdict(report: OutcomeReport, rows: Sequence[tuple[CallOutcome, str]], display: Display) -> str:
    calls = outcome_line(outcomes(report)) or "no calls"
    if report.not_asked is not None:
        return f"Calls: {calls}. The service was not queried: {for_terminal(report.not_asked)}."
    zones = {zone for _, zone in rows}
    moment = Moment(report.as_of.replace(second=0), zones.pop() if len(zones) == 1 else "UTC")
    blind = f" {BLIND}" if report.tagged is False else ""
    return f"Calls as of {for_terminal(formats.format_moment(moment, display.now))}: {calls}.{blind}"


def _answer_rate(counts: Counter[str]) -> str | None:
    """``Answered: 12 of 20 calls that rang (60 %)``; None before a call has ended."""
    rang = sum(count for word, count in counts.items() if word in RANG)
    if not rang:
        return None
    answered = counts["answered"]
    return f"Answered: {answered:,} of {format_count(rang, 'call')} that rang ({100 * answered / rang:.0f} %)"
