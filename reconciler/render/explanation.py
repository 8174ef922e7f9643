"""Details of single addresses: where each field came from, the state's entry, and the planned action."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.domain import identity
from reconciler.domain.documents import optional_instant
from reconciler.domain.masking import mask_address, mask_change, mask_entry, personal_values, private_of
from reconciler.domain.model import Address, Diagnostic, Entry, JsonObject, JsonValue
from reconciler.domain.plan import Change, Plan
from reconciler.domain.times import format_instant
from reconciler.render.labels import standing
from reconciler.render.origins import field_document
from reconciler.savedplan.planfile import diagnostic_document, diff_document, place_document
from reconciler.source.provenance import Provenance, mask_provenance

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
    told = item.provenance
    return {
        "address": str(item.address),
        "plan": item.address.plan,
        "key": item.address.key,
        "revision": item.address.revision,
        "source": None if told is None else place_document(told.source),
        "complete": None if told is None else told.complete,
        "fields": [field_document(field) for field in told.fields] if told is not None else [],
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
