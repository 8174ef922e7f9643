"""The outcomes of placed calls: as JSON, and as a table; ``status_text`` makes the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.domain.masking import mask_entry, private_texts
from reconciler.domain.model import Address, Entry, JsonObject, JsonValue
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_instant, format_wall, zone
from reconciler.evidence.outcomes import CallOutcome, Drift, OutcomeReport
from reconciler.render.address_mask import AddressMask
from reconciler.render.documents import address_document
from reconciler.render.escape import cut
from reconciler.render.labels import standing
from reconciler.render.table import Table, TableRow

FORMAT_VERSION = "1.0"
BLIND = "The service does not return our tags, so calls made elsewhere cannot be recognised."
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


def outcome_line(counts: Mapping[str, int]) -> str:
    """``3 answered, 1 busy``, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {cut(name, _WORD)}" for name, count in ordered)


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
