"""The result of a rebuild, as text and as JSON. It contains no private data, so nothing is masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.service import RemoteCall
from reconciler.domain.times import format_instant, format_utc
from reconciler.evidence.matching import tagged_lineage
from reconciler.evidence.rebuild import Certainty, RebuildFinding, RebuildResult
from reconciler.quantities import format_count
from reconciler.render.documents import address_document
from reconciler.render.escape import for_terminal

FORMAT_VERSION = "1.0"
_SHOWN = 20
_MEANING = {
    Certainty.CERTAIN: "proven by their tags",
    Certainty.PROBABLE: "exactly one call matches: adopted, please review them",
    Certainty.UNKNOWN: "recorded as uncertain: not sent until you resolve them",
    Certainty.ABSENT: "nothing is recorded for them",
}


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """One rebuild: the state, and from which time calls were listed (None: all calls).

    ``written``: the state was created.
    """

    rebuilt: RebuildResult
    lineage: str
    as_of: datetime
    since: datetime | None
    listed: Sequence[RemoteCall]
    written: bool = False

    @property
    def tagged(self) -> bool | None:
        """Whether the service returns tags; None if it lists no calls."""
        return any(tagged_lineage(call) is not None for call in self.listed) if self.listed else None

    @property
    def counts(self) -> dict[str, int]:
        return {certainty.value: len(self.rebuilt.with_certainty(certainty)) for certainty in Certainty}


def render_text(report: RebuildReport) -> str:
    """For people: the counts, and each row that needs attention."""
    return "".join(f"{for_terminal(line)}\n" for line in _text(report))


def _text(report: RebuildReport) -> Iterator[str]:
    rebuilt = report.rebuilt
    reach = "all" if report.since is None else f"since {format_utc(report.since)}, and all pending ones"
    words = {None: "", True: ", with tags", False: ", without tags"}[report.tagged]
    yield f"State {report.lineage}: the service lists {format_count(len(report.listed), 'call')} ({reach}){words}."
    for name, count in report.counts.items():
        yield f"  {name:<9}{count:>6,}  {_MEANING[Certainty(name)]}"
    if rebuilt.strangers:
        yield f"  {'no row':<9}{len(rebuilt.strangers):>6,}  listed calls of others, or of removed rows"
    repeated = [item for item in rebuilt.findings if item.repeated]
    yield from _section("Placed more than once: delete all but one in the ContactShip dashboard", "!", repeated)
    yield from _section("Unknown", "?", rebuilt.with_certainty(Certainty.UNKNOWN))
    yield from _section("Probable", "~", rebuilt.with_certainty(Certainty.PROBABLE))
    gone = [item for item in rebuilt.with_certainty(Certainty.CERTAIN) if item.reason in {"no-row", "edited"}]
    yield from _section("Placed, but different from the files", "-", gone)


def _section(title: str, mark: str, items: Sequence[RebuildFinding]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield title
    for item in items[:_SHOWN]:
        call = "" if item.remote is None else f"{item.remote.id} ({item.remote.status}), "
        yield f"  {mark} {item.address}: {call}{item.message}"
    if len(items) > _SHOWN:
        yield f"  … and {len(items) - _SHOWN:,} more (--json lists them all)"


def document(report: RebuildReport) -> JsonObject:
    """The document of ``schemas/rebuild.schema.json``."""
    counts: JsonObject = dict(report.counts)
    return {
        "format_version": FORMAT_VERSION,
        "as_of": format_instant(report.as_of),
        "lineage": report.lineage,
        "since": None if report.since is None else format_instant(report.since),
        "listed": len(report.listed),
        "tags_returned": report.tagged,
        "written": report.written,
        "summary": counts,
        "findings": [_finding(item) for item in report.rebuilt.findings],
        "strangers": [call.id for call in report.rebuilt.strangers],
    }


def _finding(item: RebuildFinding) -> JsonValue:
    call = item.remote
    others: list[JsonValue] = [{"call_id": other.id, "status": other.status} for other in item.others]
    return {
        **address_document(item.address),
        "certainty": item.certainty.value,
        "reason": item.reason,
        "message": item.message,
        "in_files": item.in_files,
        "digest": item.intent.digest,
        "call_id": None if call is None else call.id,
        "call_status": None if call is None else call.status,
        "created_at": None if call is None else format_instant(call.created_at),
        "duplicates": others if call is not None else [],
        "candidates": others if call is None else [],
    }
