"""Where the values of a plan came from, for ``plan --explain``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.cli.workspace import Workspace
    from reconciler.plan import Plan
    from reconciler.render.origins import Origins


def find_origins(app: App, workspace: Workspace, paths: Sequence[str], plan: Plan) -> Origins:
    """Where the values came from of each call to place and of each changed row.

    The files are read a second time, so that a plan costs nothing more where nobody asks. A row that was edited
    meanwhile is left out.
    """
    from reconciler import identity
    from reconciler.source.tracing import Tracer, provenance

    asked = {change.address: change for change in plan.changes if change.diff or change.call is not None}
    tracer = Tracer(asked.keys())
    sources = workspace.sources(app, paths, tracer)
    found = {}
    for address, trace in tracer.traces.items():
        digest = asked[address].digest
        if trace.row is not None and identity.digest(trace.row.call) == digest:
            tags = identity.tags(plan.lineage or "", address, digest)
            found[address] = provenance(trace, sources, workspace.project, tags)
    return found
