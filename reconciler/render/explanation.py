"""Single addresses: the origin of each field, the state's entry, the planned action. JSON and text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.domain import identity
from reconciler.domain.documents import optional_instant
from reconciler.domain.masking import mask_address, mask_change, mask_entry, personal_values, private_of
from reconciler.domain.model import Address, Diagnostic, Entry, JsonObject, JsonValue
from reconciler.domain.plan import Change, Moment, Plan
from reconciler.domain.times import UNKNOWN_TIME, format_instant, format_ring_time
from reconciler.render import formats
from reconciler.render.console import Console, OutputStyle, StyledLine, capture, print_indented
from reconciler.render.documents import address_document
from reconciler.render.escape import for_terminal
from reconciler.render.formats import format_place
from reconciler.render.labels import standing, word
from reconciler.render.origins import field_document, print_fields
from reconciler.render.text import Excerpt, cell_line, render_diagnostics
from reconciler.savedplan.planfile import diagnostic_document, diff_document, place_document
from reconciler.source.provenance import TAG, Provenance, mask_provenance

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One address. A part is None if it does not exist: no row, no entry in the state, no planned change.

    ``recorded_as`` is the address in the state if the files moved it. ``blind``: the entry is from a snapshot,
    which has no values. ``diagnostics`` are those of the row.
    """

    address: Address
    provenance: Provenance | None = None
    entry: Entry | None = None
    recorded_as: Address | None = None
    blind: bool = False
    change: Change | None = None
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the row has errors."""
        incomplete = self.provenance is not None and not self.provenance.complete
        return incomplete or any(item.is_error for item in self.diagnostics)


def mask_explanation(item: Explanation, public_metadata: frozenset[str]) -> Explanation:
    """The explanation with private values masked. Diagnostics are masked when they are printed."""
    private = [] if item.entry is None else personal_values(item.entry.call)
    private += [] if item.change is None else private_of(item.change)
    return replace(
        item,
        address=mask_address(item.address, private),
        recorded_as=item.recorded_as and mask_address(item.recorded_as, private),
        provenance=item.provenance and mask_provenance(item.provenance),
        entry=item.entry and mask_entry(item.entry, public_metadata),
        change=item.change and mask_change(item.change, public_metadata),
    )


def to_document(items: Iterable[Explanation], plan: Plan, *, masked: bool) -> JsonObject:
    """The document of ``schemas/explanation.schema.json``. ``plan`` is the plan of these addresses."""
    shown = [mask_explanation(item, plan.public_metadata) if masked else item for item in items]
    state: JsonValue = None
    if plan.serial is not None:
        taken = optional_instant(plan.snapshot_at)
        state = {"lineage": plan.lineage, "serial": plan.serial, "snapshot_at": taken}
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": plan.tool_version,
        "created_at": format_instant(plan.created_at),
        "state": state,
        "addresses": [_address_document(item) for item in shown],
    }


def _address_document(item: Explanation) -> JsonObject:
    row = item.provenance
    return {
        **address_document(item.address),
        "source": None if row is None else place_document(row.source),
        "complete": None if row is None else row.complete,
        "fields": [field_document(field) for field in row.fields] if row is not None else [],
        "placed": None if item.entry is None else _entry_document(item, item.entry),
        "planned": None if item.change is None else _change_document(item.change),
        "diagnostics": [diagnostic_document(found) for found in item.diagnostics],
    }


def _entry_document(item: Explanation, entry: Entry) -> JsonObject:
    return {
        "status": standing(entry),
        "recorded_as": None if item.recorded_as is None else str(item.recorded_as),
        "attempted_at": format_instant(entry.attempted_at),
        "rings_at": format_instant(entry.rings_at),
        "call_id": entry.call_id,
        "rejections": entry.rejections,
        "stopped_at": optional_instant(entry.stopped_at),
        "error": entry.error,
        "call": None if item.blind else identity.to_logical(entry.call),
    }


def _change_document(change: Change) -> JsonObject:
    return {
        "action": change.action.value,
        "reasons": list(change.reasons),
        "message": change.message,
        "scheduled_at": optional_instant(change.scheduled_at),
        "diff": diff_document(change.diff),
    }


def render_explanation(item: Explanation, plan: Plan, excerpt: Excerpt, look: OutputStyle) -> str:
    """One address: the planned action, the state's entry, the row's problems, and the origin of each field."""
    shown = mask_explanation(item, plan.public_metadata) if look.masked else item
    head = capture(look, lambda console: _print_head(console, shown, plan))
    problems = render_diagnostics(item.diagnostics, excerpt, look)
    fields = capture(look, lambda console: _print_fields(console, shown))
    return "\n".join(part for part in (head, problems, fields) if part)


def _print_head(console: Console, item: Explanation, plan: Plan) -> None:
    now = plan.created_at
    line = StyledLine(for_terminal(str(item.address)), "bold")
    if item.provenance is not None:
        line.append(f"  {for_terminal(format_place(item.provenance.source))}", style="dim")
    console.print(line)
    print_indented(console, f"Plan: {for_terminal(_planned(item, now))}", 2)
    for cell in item.change.diff if item.change is not None else ():
        console.print(cell_line(cell))
    print_indented(console, f"State: {for_terminal(_state_text(item, plan, now))}", 2)


def _planned(item: Explanation, now: datetime) -> str:
    change = item.change
    if change is not None:
        said = f"{word(change.action)}. {formats.sentence(change, now)}".rstrip()
        return said if said.endswith(".") else f"{said}."
    if item.failed:
        return "nothing, the row has errors."
    return "nothing. No plan file has this row, and its call is no longer pending."


def _state_text(item: Explanation, plan: Plan, now: datetime) -> str:
    if item.entry is None:
        return "there is none yet." if plan.serial is None else "nothing is recorded at this address."
    said = _recorded(item.entry, now)
    if item.recorded_as is not None:
        said += f" It is recorded as {item.recorded_as}, and the next apply moves it."
    return said


def _recorded(entry: Entry, now: datetime) -> str:
    zone = entry.call.schedule.timezone if entry.call.schedule is not None else "UTC"

    def describe_time(at: datetime) -> str:
        return format_ring_time(at) if at == UNKNOWN_TIME else formats.format_moment(Moment(at, zone), now)

    named = f" as {entry.call_id}" if entry.call_id else ""
    rings = f"; its time: {describe_time(entry.rings_at)}" if entry.placed or entry.unknown else ""
    stopped = f"; stopped by hand at {describe_time(entry.stopped_at)}" if entry.stopped_at is not None else ""
    error = f". {entry.error}" if entry.error else ""
    return f"{standing(entry)}{named}, attempted at {describe_time(entry.attempted_at)}{rings}{stopped}{error}."


def _print_fields(console: Console, item: Explanation) -> None:
    if item.provenance is not None:
        _print_row(console, item.provenance)
    elif item.entry is not None and not item.blind:
        print_indented(console, "The placed call, as recorded in the state:", 2)
        for name, text in identity.cells(item.entry.call).items():
            console.print(StyledLine(f"  {for_terminal(name)}: {for_terminal(text)}"))


def _print_row(console: Console, row: Provenance) -> None:
    if not row.complete:
        print_indented(console, "Fields that could be read:", 2)
    tags = [field.path.removeprefix("metadata.") for field in row.fields if field.origin.kind == TAG]
    print_fields(console, row, 2)
    if tags:
        print_indented(console, f"metadata added by reconciler: {', '.join(tags)}", 2)
