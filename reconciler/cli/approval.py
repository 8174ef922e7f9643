"""Decide what may be placed from the files: only approved rows, if approval is required."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import git
from reconciler.cli.app import App
from reconciler.cli.commit_order import note_origin
from reconciler.cli.saved_plans import check_plan_key, read_plan
from reconciler.cli.workspace import Workspace
from reconciler.domain import ledger
from reconciler.domain.plan import Plan
from reconciler.errors import Refused, StateError
from reconciler.placing import approval
from reconciler.placing.plan_checks import check_age, check_count
from reconciler.savedplan.planfile import plan_id

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.commit_order import CommitOrigin
    from reconciler.domain.events import Event
    from reconciler.domain.facts import RowApproval
    from reconciler.domain.ports import StateStore
    from reconciler.evidence.conflicts import FileRows
    from reconciler.source.sources import Sources

_RUNS = 10_000  # an hourly job needs a year for these; a saved plan expires after days
_ROW_GONE = "the row was removed or disabled"


@dataclass(frozen=True, slots=True)
class Job:
    """A plan to apply, and the checks that it must pass under the lock.

    ``sources`` are the files that it was made from, None for a saved plan; ``scope`` names their plans if only
    some were selected. ``approved`` are plans that people reviewed, by plan id; with ``only_approved``, other rows
    are not placed. ``stale`` are such rows. ``files`` are all current rows of the files, None for a saved plan.
    """

    plan: Plan
    origin: CommitOrigin
    sources: Sources | None = None
    scope: frozenset[str] | None = None
    approved: Mapping[str, Plan] = field(default_factory=dict)
    only_approved: bool = False
    max_calls: int | None = None
    stale: tuple[Event, ...] = ()
    files: FileRows | None = None


def read_approved(app: App, workspace: Workspace, paths: Sequence[Path], now: datetime) -> dict[str, Plan]:
    """The saved plans at ``paths``, by plan id; their age is measured at ``now``.

    A saved plan of a pull request is usually made without the key, and is only an allow-list, so it need not be
    signed unless the policy requires it.

    Raises:
        Refused: one of them is in the checkout, is not a plan, was changed, lacks a required signature, or is too
            old.
    """
    if not paths:
        return {}
    policy = workspace.project.policy
    check_plan_key(policy)
    for path in paths:
        _check_outside(app.directory / path, workspace.project.root)
    plans = [read_plan(app, path, signed=policy.signed_plans) for path in paths]
    for item in plans:
        check_age(item, timedelta(seconds=workspace.project.plan_max_age), now)
    return {plan_id(item): item for item in plans}


def _check_outside(path: Path, root: Path) -> None:
    """Refuse a plan in the checkout: anyone who can change the files could also commit a plan, or a link to
    one.
    """
    checkout = git.top(root)
    for name in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):  # noqa: PTH100 - links are kept
        if any(folder.exists() and folder.samefile(checkout) for folder in name.parents):
            hint = "move it elsewhere: in CI, download it to $RUNNER_TEMP or to a folder from mktemp -d"
            raise Refused(f"{path}: an approved plan must not come from the checkout of the plan files", hint=hint)


def admit(workspace: Workspace, job: Job, store: StateStore, run_id: str, now: datetime) -> Job:
    """Under the lock: check and record the commit, record new approvals, end old ones, and remove the rows that
    were not approved.

    Raises:
        Refused: the commit may not be applied, the files move an address that no approved plan moves, or there are
            more calls to place than ``max_calls``.
    """
    if job.only_approved:
        approval.check_moves(job.plan, job.approved.values())
    note_origin(job.origin, store, run_id, now)
    if job.sources is not None:
        job = _approve(workspace, job, job.sources, store, run_id, now)
    check_count(job.plan, job.max_calls)
    return job


def _approve(
    workspace: Workspace, job: Job, sources: Sources, store: StateStore, run_id: str, now: datetime
) -> Job:
    fields = workspace.project.provider.schedule_fields
    digests = approval.Digests(store.key_for(approval.PURPOSE), store.lineage, fields)
    withdrawn: set[tuple[str, str]] = set()
    if job.approved:
        new = approval.newly_approved(job.plan, job.approved, digests, run_id, now)
        if _may_be_withdrawn(new, store, run_id):
            withdrawn = _find_withdrawn(store)
            new = approval.newly_approved(job.plan, job.approved, digests, run_id, now, withdrawn)
        store.approve(run_id, new, now)
    approvals = dict(store.approved())
    gone = approval.ended(approvals.keys(), sources.rows, job.scope)
    if gone:
        store.end_approvals(run_id, gone, _ROW_GONE, now)
    unasked = approval.find_gone(job.approved, sources.rows, job.scope, digests, run_id, now)
    if unasked:
        _withdraw(store, unasked, run_id, now)
    if not job.only_approved:
        return job
    plan, stale = approval.allow(job.plan, approvals, job.approved, digests, withdrawn)
    dropped = approval.dropped(job.plan, job.approved.values(), job.scope)
    return replace(job, plan=plan, stale=(*stale, *dropped))


def _withdraw(store: StateStore, unasked: Mapping[str, Sequence[RowApproval]], run_id: str, now: datetime) -> None:
    """Record, once for each plan, that its approval of removed rows has ended. If such a row returns, the plan no
    longer approves it.
    """
    withdrawn = _find_withdrawn(store)
    for plan_hash, items in unasked.items():
        new = [item for item in items if (plan_hash, str(item.address)) not in withdrawn]
        if new:
            store.approve(run_id, new, now)
            store.end_approvals(run_id, {item.address for item in new}, _ROW_GONE, now)


def _find_withdrawn(store: StateStore) -> set[tuple[str, str]]:
    try:
        return approval.find_withdrawn(ledger.read(link.entry) for link in store.ledger())
    except (ValueError, LookupError) as error:
        hint = "run reconciler audit verify for details"
        raise StateError(f"the ledger of the state is damaged: {error}", hint=hint) from error


def _may_be_withdrawn(new: Sequence[RowApproval], store: StateStore, run_id: str) -> bool:
    """Whether an earlier run had this plan, and the state does not have the approval of one of its rows."""
    earlier = {item.plan_id for run in store.runs(_RUNS) if run.id != run_id for item in run.approvals}
    again = [item for item in new if item.plan_id in earlier]
    approvals = store.approved() if again else {}
    return any(item.address not in approvals or approvals[item.address].plan_id != item.plan_id for item in again)
