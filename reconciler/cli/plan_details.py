"""What some forms of a plan show besides it: the origins of its values, and the calls placed before.

Both are read after the plan is made, so that the other forms cost nothing extra.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from reconciler.bulk.spool import SpooledMap
from reconciler.domain import identity
from reconciler.domain.plan import Action
from reconciler.render.load_context import LoadContext
from reconciler.source.provenance import Provenance
from reconciler.source.tracing import provenance
from reconciler.state import snapshot

if TYPE_CHECKING:
    from reconciler.cli.app import App
    from reconciler.cli.planner import PlanRequest
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.model import Address, Call, Entry
    from reconciler.domain.plan import Plan
    from reconciler.render.origins import Origins
    from reconciler.source.rows.row import Trace
    from reconciler.source.sources import Sources


def find_origins(app: App, workspace: Workspace, paths: Sequence[str], plan: Plan, sources: Sources) -> Origins:
    """The origins of the values of each call to place and of each changed row.

    The files are read a second time; a row that was edited meanwhile is skipped. ``sources`` are what the plan was
    made from.
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


def find_load_context(workspace: Workspace, request: PlanRequest, plan: Plan) -> LoadContext:
    """The policy's limits, the pending calls of the state, and those of unchanged rows.

    A snapshot has no persons and numbers of calls, so these and the limit of calls from one number are omitted.
    """
    policy = workspace.project.policy
    with ExitStack() as stack:
        entries: Iterable[Entry] = ()
        if workspace.snapshot and not request.no_state:
            entries = snapshot.read(workspace.state_path, lineage=workspace.lineage).entries
        elif workspace.trusted and not request.no_state:
            entries = stack.enter_context(workspace.reader()).entries()
        placed: list[Entry] = []
        unchanged: dict[Address, Call] = {}
        renamed, wanted = dict(plan.moves), {item.address for item in plan.with_action(Action.UNCHANGED)}
        for entry in entries:
            if entry.will_ring(plan.created_at):
                placed.append(entry)
            address = renamed.get(entry.address, entry.address)
            if address in wanted and not workspace.snapshot:
                unchanged[address] = entry.call
    number_peak = None if workspace.snapshot else policy.number_peak
    return LoadContext(placed=placed, unchanged=unchanged, per_minute=policy.peak, per_number=number_peak)
