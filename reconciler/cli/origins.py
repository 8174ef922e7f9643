"""The origins of a plan's values, for ``plan --explain``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.bulk.spool import SpooledMap
from reconciler.domain import identity
from reconciler.source.provenance import Provenance
from reconciler.source.tracing import provenance

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.model import Address
    from reconciler.domain.plan import Plan
    from reconciler.render.origins import Origins
    from reconciler.source.rows.frame import Trace
    from reconciler.source.sources import Sources


def find_origins(app: App, workspace: Workspace, paths: Sequence[str], plan: Plan, sources: Sources) -> Origins:
    """The origins of the values of each call to place and of each changed row.

    The files are read a second time, so that a plan without ``--explain`` costs nothing extra. A row that was
    edited meanwhile is skipped. ``sources`` are what the plan was made from.
    """
    asked = {change.address: change.digest for change in plan.changes if change.diff or change.call is not None}
    found: SpooledMap[Address, Provenance] = SpooledMap(Provenance)

    def keep(trace: Trace) -> None:
        row = trace.row
        if row is None or row.address not in asked or row.address in found:
            return
        digest = identity.digest(row.call)
        if digest == asked[row.address]:
            tags = identity.tags(plan.lineage or "", row.address, digest)
            found.add(row.address, provenance(trace, sources, workspace.project, tags))

    workspace.sources(app, paths, keep)
    return found
