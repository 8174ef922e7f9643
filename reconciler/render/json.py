"""A plan as JSON: masked by default, with the id of the unmasked plan."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.domain.documents import items, members, text, to_line
from reconciler.domain.masking import mask_plan
from reconciler.domain.plan import Change, Plan
from reconciler.render.escape import inert_json
from reconciler.render.origins import Origins, field_document, mask_origins, origin_document
from reconciler.savedplan import planfile
from reconciler.source.provenance import Provenance


def render_plan(plan: Plan, *, masked: bool = True, origins: Origins | None = None) -> Iterator[bytes]:
    """The document of ``schemas/plan.schema.json``, UTF-8, in pieces.

    With ``origins``, it includes the origin of each new value.
    """
    by_address = mask_origins(origins or {}) if masked else origins or {}

    def line(change: Change) -> bytes:
        provenance = by_address.get(change.address)
        return planfile.change_line(change) if provenance is None else _annotated(change, provenance)

    return map(inert_json, planfile.masked_pieces(mask_plan(plan) if masked else plan, plan, line))


def _annotated(change: Change, row: Provenance) -> bytes:
    document = planfile.change_document(change)
    for cell in map(members, items(document["diff"])):
        cell["origin"] = origin_document(row.origin(text(cell["field"])))
    if change.call is not None:
        document["fields"] = [field_document(field) for field in row.fields]
    return to_line(document)
