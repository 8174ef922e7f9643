"""The context of a plan's HTML page: the policy's limits, and the calls placed before."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from reconciler.render.html.around import LoadContext
from reconciler.state import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cli.loading import PlanRequest
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.model import Entry
    from reconciler.domain.plan import Plan


def find_load_context(workspace: Workspace, request: PlanRequest, plan: Plan) -> LoadContext:
    """Read from the state a second time, so that other formats cost nothing extra.

    The numbers of a snapshot's calls are unknown, so the limit of calls from one number is omitted.
    """
    policy = workspace.project.policy
    with ExitStack() as stack:
        entries: Iterable[Entry] = ()
        if workspace.snapshot and not request.no_state:
            entries = snapshot.read(workspace.state_path, lineage=workspace.lineage).entries
        elif workspace.trusted and not request.no_state:
            entries = stack.enter_context(workspace.reader()).entries()
        placed = tuple(entry for entry in entries if entry.will_ring(plan.created_at))
    return LoadContext(placed, policy.peak, None if workspace.snapshot else policy.number_peak)
