"""Decide under the lock what may be placed from the files: only approved rows, if approval is required."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler.domain import ledger
from reconciler.domain.events import Event
from reconciler.domain.facts import RowApproval
from reconciler.domain.model import Row
from reconciler.domain.plan import Plan
from reconciler.domain.ports import StateStore
from reconciler.domain.wire import ScheduleFields
from reconciler.errors import StateError
from reconciler.evidence.conflicts import FileRows
from reconciler.placing import approval
from reconciler.placing.commit_order import CommitOrigin, note_origin
from reconciler.placing.plan_checks import check_count

_RUNS = 10_000  # an hourly job needs a year for these; a saved plan expires after days
_ROW_GONE = "the row was removed or disabled"


@dataclass(frozen=True, slots=True)
class Job:
    """A plan to apply, and the checks that it must pass under the lock.

    ``rows`` are those of the files that it was made from, None for a saved plan; ``scope`` names their plans if
    only some were selected. ``approved`` are plans that people reviewed, by plan id; with ``only_approved``, other
    rows are not placed. ``stale`` are such rows. ``files`` are all current rows of the files, None for a saved
    plan.
    """

    plan: Plan
    origin: CommitOrigin
    rows: Sequence[Row] | None = None
    scope: frozenset[str] | None = None
    approved: Mapping[str, Plan] = field(default_factory=dict)
    only_approved: bool = False
    max_calls: int | None = None
    stale: tuple[Event, ...] = ()
    files: FileRows | None = None


def admit(
    job: Job,
    store: StateStore,
    run_id: str,
    now: datetime,
    fields: ScheduleFields,
    note: Callable[[str], None],
) -> Job:
    """Under the lock: check and record the commit, record new approvals, end old ones, and remove the rows that
    were not approved. ``fields`` are the names in a request's schedule; ``note`` receives warnings for people.

    Raises:
        Refused: the commit may not be applied, the files move an address that no approved plan moves, or there are
            more calls to place than ``max_calls``.
    """
    if job.only_approved:
        approval.check_moves(job.plan, job.approved.values())
    note_origin(job.origin, store, run_id, now, note)
    if job.rows is not None:
        digests = approval.Digests(store.key_for(approval.PURPOSE), store.lineage, fields)
        job = _approve(job, job.rows, digests, store, run_id, now)
    check_count(job.plan, job.max_calls)
    return job


def _approve(
    job: Job, rows: Sequence[Row], digests: approval.Digests, store: StateStore, run_id: str, now: datetime
) -> Job:
    withdrawn: set[tuple[str, str]] = set()
    if job.approved:
        new = approval.newly_approved(job.plan, job.approved, digests, run_id, now)
        if _may_be_withdrawn(new, store, run_id):
            withdrawn = _find_withdrawn(store)
            new = approval.newly_approved(job.plan, job.approved, digests, run_id, now, withdrawn)
        store.approve(run_id, new, now)
    approvals = dict(store.approved())
    gone = approval.ended(approvals.keys(), rows, job.scope)
    if gone:
        store.end_approvals(run_id, gone, _ROW_GONE, now)
    unasked = approval.find_gone(job.approved, rows, job.scope, digests, run_id, now)
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
