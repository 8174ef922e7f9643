"""The outcomes of placed calls: as text, as JSON, and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.domain.masking import mask_entry, private_texts
from reconciler.domain.model import Address, Entry, JsonObject, JsonValue
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_instant, format_utc, format_wall, zone
from reconciler.evidence.outcomes import UNCERTAIN, CallOutcome, Drift, OutcomeReport
from reconciler.render import formats
from reconciler.render.address_mask import AddressMask
from reconciler.render.console import OutputStyle
from reconciler.render.documents import address_document
from reconciler.render.escape import cut, for_terminal
from reconciler.render.formats import shorten
from reconciler.render.labels import standing
from reconciler.render.table import Table, TableRow

FORMAT_VERSION = "1.0"
LISTED = 50  # the most calls that the text lists by default
BLIND = "The service does not return our tags, so calls made elsewhere cannot be recognised."
_DRIFTING = 20
_WIDE = 120
_WORD = 40
_COLUMNS = (
    *("outcome", "address", "plan", "key", "revision", "call_id", "target", "agent"),
    *("rings_at", "rings_local", "timezone", "status"),
    *("call_status", "call_result", "disconnection_reason", "duration", "drift"),
)


def mask_report(report: OutcomeReport) -> OutcomeReport:
    """The report with private values masked."""
    return replace(
        report,
        standings=[_mask_standing(item) for item in report.standings],
        drift=_mask_drift(report),
        not_asked=report.not_asked and mask_text(report.not_asked),
    )


def _mask_standing(item: CallOutcome) -> CallOutcome:
    private, remote = private_texts(item.entry.call), item.remote
    if remote is not None:
        remote = replace(
            remote,
            status=mask_text(remote.status, private),
            result=remote.result and mask_text(remote.result, private),
            reason=remote.reason and mask_text(remote.reason, private),
        )
    return replace(item, entry=mask_entry(item.entry), outcome=mask_text(item.outcome, private), remote=remote)


def _mask_drift(report: OutcomeReport) -> list[Drift]:
    mask = AddressMask(entries=(item.entry for item in report.standings) if report.drift else ())
    return [
        replace(
            item,
            address=mask.address(item.address),
            call_id=mask_text(item.call_id),
            message=mask.text(item.message),
            status=item.status and mask_text(item.status),
        )
        for item in report.drift
    ]


def groups(report: OutcomeReport) -> dict[str, dict[str, Counter[str]]]:
    """Counts of outcomes by plan, by agent, and by the hour in which calls rang, in each call's local time."""
    found: dict[str, dict[str, Counter[str]]] = {"plans": {}, "agents": {}, "hours": {}}
    for item in report.standings:
        entry = item.entry
        names = {"plans": entry.address.plan, "agents": entry.call.agent}
        if entry.placed and entry.stopped_at is None and entry.rings_at <= report.as_of:
            names["hours"] = f"{local(entry)[0]:%H}:00"
        for kind, name in names.items():
            found[kind].setdefault(name, Counter())[item.outcome] += 1
    return {kind: dict(sorted(counts.items())) for kind, counts in found.items()}


def outcomes(report: OutcomeReport) -> Counter[str]:
    """The number of calls for each outcome."""
    return Counter(item.outcome for item in report.standings)


def local(entry: Entry) -> tuple[datetime, str]:
    """When a call rings in the time zone of its schedule, and the name of the zone; UTC if it has none."""
    schedule = entry.call.schedule
    found = None if schedule is None else zone(schedule.timezone)
    if schedule is None or found is None:
        return entry.rings_at, "UTC"
    return entry.rings_at.astimezone(found), schedule.timezone


def render_text(report: OutcomeReport, agents: Mapping[str, str], look: OutputStyle, *, every: bool) -> str:
    """For people. ``agents`` are names by id; ``every``: list every call, however many there are."""
    shown = mask_report(report) if look.masked else report
    return "".join(f"{line}\n" for line in _text(shown, agents, look, every=every))


def _text(report: OutcomeReport, agents: Mapping[str, str], look: OutputStyle, *, every: bool) -> Iterator[str]:
    calls = report.standings
    if len(calls) <= LISTED or every:
        yield from _aligned([_call_line(item, look) for item in calls])
    else:
        yield f"{len(calls):,} calls. Use --calls to list them, or --format csv to export them."
    by = groups(report)
    titles = {"plans": "By plan", "agents": "By agent", "hours": "By hour (local time of the call)"}
    for kind, title in titles.items():
        if by[kind] and (len(by[kind]) > 1 or kind == "hours"):
            yield f"\n{title}"
            yield from (
                f"  {for_terminal(agents.get(name, name))}  {outcome_line(by[kind][name])}" for name in by[kind]
            )
    uncertain = [item.entry.address for item in calls if item.outcome == UNCERTAIN]
    if uncertain or report.drift:
        yield "\nNeeds attention"
        yield from (
            f"  ? {for_terminal(str(at))}: uncertain. Run: reconciler resolve" for at in uncertain[:_DRIFTING]
        )
        yield from _rest(len(uncertain))
        yield from (f"  ! {_drift_line(item)}" for item in report.drift[:_DRIFTING])
        yield from _rest(len(report.drift))
    if calls:
        yield ""
    yield _verdict(report)


def _rest(count: int) -> Iterator[str]:
    if count > _DRIFTING:
        yield f"  … and {count - _DRIFTING:,} more (--json lists them all)"


def _verdict(report: OutcomeReport) -> str:
    calls = outcome_line(outcomes(report)) or "no calls"
    if report.not_asked is not None:
        return f"Calls: {calls}. The service was not queried: {for_terminal(report.not_asked)}."
    blind = f" {BLIND}" if report.tagged is False else ""
    return f"Calls as of {format_utc(report.as_of)}: {calls}.{blind}"


def outcome_line(counts: Mapping[str, int]) -> str:
    """``3 answered, 1 busy``, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {cut(name, _WORD)}" for name, count in ordered)


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _call_line(item: CallOutcome, look: OutputStyle) -> tuple[str, ...]:
    """The columns of a call. A narrow terminal omits its id, which --json and --format csv include."""
    entry = item.entry
    moment, name = local(entry)
    target, rings = entry.call.target, f"{format_wall(moment)} {name}"
    if look.now is not None:
        target = shorten(target) if look.width < _WIDE else target
        rings = f"{formats.wall(moment, look.now)} {formats.zone_place(name)}"
    parts = (*map(for_terminal, (str(entry.address), target, rings)), cut(item.outcome, _WORD))
    return parts if look.width < _WIDE else (*parts, for_terminal(entry.call_id or "-"))


def _drift_line(item: Drift) -> str:
    return for_terminal(f"{item.address}: {item.message}")


def document(report: OutcomeReport, *, masked: bool) -> JsonObject:
    """The part of ``schemas/status.schema.json`` about calls."""
    report = mask_report(report) if masked else report
    by = groups(report)
    grouped: JsonObject = {kind: [_group(name, by[kind][name]) for name in by[kind]] for kind in by}
    return {
        "format_version": FORMAT_VERSION,
        "as_of": format_instant(report.as_of),
        "lineage": report.lineage,
        "serial": report.serial,
        "asked": report.not_asked is None,
        "not_asked": report.not_asked,
        "tags_returned": report.tagged,
        "outcomes": dict(sorted(outcomes(report).items())),
        **grouped,
        "calls": [_call(item) for item in report.standings],
        "drift": [_drift(item) for item in report.drift],
    }


def _group(name: str, counts: Mapping[str, int]) -> JsonValue:
    return {"name": name, "outcomes": dict(sorted(counts.items()))}


def _call(item: CallOutcome) -> JsonValue:
    entry, remote = item.entry, item.remote
    moment, name = local(entry)
    answer: JsonValue = None
    if remote is not None:
        answer = {
            "status": remote.status,
            "result": remote.result,
            "reason": remote.reason,
            "duration": remote.duration,
        }
    return {
        **address_document(entry.address),
        "status": standing(entry),
        "outcome": item.outcome,
        "call_id": entry.call_id,
        "agent": entry.call.agent,
        "target": entry.call.target,
        "rings_at": format_instant(entry.rings_at),
        "rings_local": format_wall(moment),
        "timezone": name,
        "remote": answer,
    }


def _drift(item: Drift) -> JsonValue:
    return {
        "kind": item.kind.value,
        "address": str(item.address),
        "call_id": item.call_id,
        "status": item.status,
        "message": item.message,
    }


def calls_table(report: OutcomeReport, *, masked: bool) -> Table:
    """One row for each address of the state, then one for each call that only the service has."""
    report = mask_report(report) if masked else report
    lines = [*_state_rows(report), *_service_rows(report)]
    return Table("Calls", _COLUMNS, lines, len(lines))


def _state_rows(report: OutcomeReport) -> Iterator[TableRow]:
    wrong = {(item.address, item.call_id): item.message for item in report.drift}
    for item in report.standings:
        entry, remote = item.entry, item.remote
        moment, name = local(entry)
        who = (*_address(item.outcome, entry.address), entry.call_id or "", entry.call.target)
        when = (format_instant(entry.rings_at), format_wall(moment), name, standing(entry))
        answer = ("", "", "", "")
        if remote is not None:
            duration = "" if remote.duration is None else f"{remote.duration:g}"
            answer = (remote.status, remote.result or "", remote.reason or "", duration)
        drift = wrong.get((entry.address, entry.call_id or ""), "")
        yield TableRow((*who, entry.call.agent, *when, *answer, drift))


def _service_rows(report: OutcomeReport) -> Iterable[TableRow]:
    known = {(item.entry.address, item.entry.call_id) for item in report.standings}
    for item in report.drift:
        if (item.address, item.call_id) not in known:
            empty = ("", "", "", "", "", "")
            answer = (item.status or "", "", "", "", item.message)
            yield TableRow((*_address(item.kind.value, item.address), item.call_id, *empty, *answer))


def _address(word: str, address: Address) -> tuple[str, ...]:
    return (word, str(address), address.plan, address.key, str(address.revision))
