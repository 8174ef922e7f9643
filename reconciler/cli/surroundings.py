"""What the page of a plan tells besides the plan: the policy's limits, and the calls placed before."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from reconciler.render.html.around import Around
from reconciler.state import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cli.loading import Request
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.model import Entry
    from reconciler.domain.plan import Plan


def find_around(workspace: Workspace, request: Request, plan: Plan) -> Around:
    """Read from the state a second time, so that a plan costs nothing more where nobody asks for its page.

    Of a snapshot's calls nobody knows the numbers: the limit of calls from one number is left out.
    """
    policy = workspace.project.policy
    with ExitStack() as stack:
        entries: Iterable[Entry] = ()
        if workspace.snapshot and not request.no_state:
            entries = snapshot.read(workspace.state_path, lineage=workspace.lineage).entries
        elif workspace.trusted and not request.no_state:
            entries = stack.enter_context(workspace.reader()).entries()
        placed = tuple(entry for entry in entries if entry.will_ring(plan.created_at))
    return Around(placed, policy.peak, None if workspace.snapshot else policy.number_peak)
