"""A plan as JSON: masked unless asked otherwise, with the id of the plan itself."""

from __future__ import annotations

from reconciler import planfile
from reconciler.masking import mask_plan
from reconciler.model import Plan


def render_plan(plan: Plan, *, masked: bool = True) -> bytes:
    """The document of ``schemas/plan.schema.json``, UTF-8."""
    return planfile.dumps(mask_plan(plan) if masked else plan, id_of=plan)
