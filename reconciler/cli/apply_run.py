"""Run an apply: the lock, the workers' connections, signals, and the summary in every case."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING

from reconciler.cli.app import App, SystemClock
from reconciler.cli.apply_preview import announce
from reconciler.cli.checkpoint import NONE, carry_end, open_checkpoint, warn_about_temporary_disk
from reconciler.cli.next_command import next_after_apply
from reconciler.cli.output import say
from reconciler.cli.overrides import check_used
from reconciler.cli.planner import make_context, overridden_guards
from reconciler.cli.progress import SIGNALLED, Reporter, reporter
from reconciler.cli.runs import new_run
from reconciler.cli.target import Target
from reconciler.contactship.client import ContactShip
from reconciler.contactship.listing import CallListing
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.events import Tally
from reconciler.domain.ports import Approval, Override
from reconciler.domain.times import format_instant
from reconciler.errors import ExitCode, ReconcilerError
from reconciler.placing.admission import admit
from reconciler.placing.joint import JointApply
from reconciler.placing.plan_checks import check_applicable
from reconciler.placing.schedule_check import ScheduleSettings
from reconciler.placing.service import Service
from reconciler.placing.workflow import Apply, outcome
from reconciler.render.address_mask import AddressMask
from reconciler.savedplan.planfile import plan_id, summary

if TYPE_CHECKING:
    from reconciler.cli.planner import PlanRequest
    from reconciler.cli.workspace import Workspace
    from reconciler.domain.checkpoint import Checkpoint
    from reconciler.domain.claims import JointStore
    from reconciler.domain.events import Event
    from reconciler.domain.model import JsonObject
    from reconciler.domain.ports import Run, StateStore
    from reconciler.placing.admission import Job
    from reconciler.planning.context import Context

_ENDED = frozenset({ExitCode.DONE, ExitCode.INCOMPLETE})
_SIGNALS = {
    signal.SIGHUP: ExitCode.HUNG_UP,
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
}


def place(
    app: App,
    workspace: Workspace,
    job: Job,
    request: PlanRequest,
    target: Target,
    *,
    lock_timeout: float,
    as_json: bool,
    announced: bool,
) -> int:
    """Apply an approved plan under the state's lock; the summary is printed whenever the lock was acquired.

    ``announced``: a person was already asked, and has seen where the calls go.
    """
    run = _new_run(workspace, job, request, _details(workspace, job, target))
    checkpoint = open_checkpoint(app, workspace, target.checkpoint, run.id)
    with ExitStack() as stack:
        joint = stack.enter_context(workspace.join(run, lock_timeout)) if target.join else None
        store = joint or stack.enter_context(workspace.store(run, lock_timeout))
        code, tally, before, written = int(ExitCode.ERROR), Tally(), store.head, False
        addresses = cache(partial(_addresses, job, store))
        try:
            apply = _apply(workspace, job, request, store, run.id, tally, joint)
            orders = apply.orders
            key = target.key() if orders or target.join or (target.has_key and apply.asks) else None
            if orders and not announced:
                announce(orders, apply.span, job.plan, target, workspace.project.policy.caps)
            with reporter(orders, as_json=as_json, addresses=addresses) as report:
                if orders and target.checkpoint is None and workspace.file is not None:
                    warn_about_temporary_disk(report.note)
                report.started(run.id, run.plan_id or "")
                code = asyncio.run(_run(apply, target, key, report, checkpoint))
                report.note_hidden()
            written = store.head != before
        except ReconcilerError as error:
            code, tally.refused = error.exit_code, True
            raise
        finally:
            skipped = {} if target.preflight else {"preflight_skipped": 1}
            try:
                store.end_run(run.id, SystemClock().now(), code, tally.summary() | skipped)
            finally:
                with reporter(0, as_json=as_json, addresses=addresses) as report:
                    report.finished(tally)
        if not as_json:
            say(f"Next: {next_after_apply(app, tally, code)}", err=True)
        return carry_end(checkpoint, code) if checkpoint is not None and written and code in _ENDED else code


def _addresses(job: Job, store: StateStore) -> AddressMask:
    """The masked addresses for events."""
    rows = job.plan.changes if job.files is None else job.files.changes
    plans = chain(rows, *(plan.changes for plan in job.approved.values()))
    return AddressMask(plans, store.unknown_entries())


def _details(workspace: Workspace, job: Job, target: Target) -> JsonObject:
    """What the ledger records about an apply: the approved plan, the settings, and how it is placed."""
    plan = job.plan
    counts = {name: count for name, count in summary(plan).items() if count}
    policy = workspace.project.policy
    return {
        "service": target.origin.base,
        "settings": workspace.settings_digest(),
        "rules": {law.code: law.checked.isoformat() for law in policy.jurisdictions},
        "lists": {item.list.file: workspace.digest_of(item.list.file) for item in policy.suppression},
        "dirty": None if plan.git is None else plan.git.dirty,
        "plan": {"created_at": format_instant(plan.created_at), "counts": dict(sorted(counts.items()))},
        "preflight": target.preflight,
        **({} if target.schedule_fields is not None else {"schedule_check": False}),
        **({"joined": True} if target.join else {}),
        **({"only_approved": True} if job.only_approved else {}),
        "checkpoint": None if target.checkpoint is None else target.checkpoint != NONE,
    }


def _new_run(workspace: Workspace, job: Job, request: PlanRequest, details: JsonObject) -> Run:
    own_id = plan_id(job.plan)
    may = workspace.project.policy.overridable
    lifted = dict.fromkeys((*job.plan.lifted, *request.lifted))
    approvals = [Approval(name, plan.git.commit if plan.git else None) for name, plan in job.approved.items()]
    git = job.plan.git
    return new_run(
        "apply",
        plan_id=own_id,
        commit=git.commit if git else None,
        approvals=tuple(approvals),
        overrides=tuple(Override(item.code, own_id, item.reason) for item in lifted if item.code in may),
        details=details,
    )


def _apply(
    workspace: Workspace,
    job: Job,
    request: PlanRequest,
    store: StateStore,
    run_id: str,
    tally: Tally,
    joint: JointStore | None,
) -> Apply:
    """The apply of a job, after the checks against this state and this moment (``Refused`` if one fails)."""

    def apply(context: Context) -> Apply:
        if joint is not None:
            return JointApply(job.plan, joint, run_id, context, clock, tally)
        return Apply(job.plan, store, run_id, context, clock, tally, job.stale, job.files)

    clock = SystemClock()
    now = max(request.now, clock.now())  # waiting for the lock or for confirmation may have taken long
    for plan in (job.plan, *job.approved.values()):
        check_applicable(plan, store, now)
    people, problems = workspace.people(now)
    if any(item.is_error for item in problems):
        hint = "run reconciler validate to see them"
        raise ReconcilerError("the people lists of the policy have errors: nothing was placed", hint=hint)
    fields = workspace.project.provider.schedule_fields
    job = admit(job, store, run_id, clock.now(), fields, partial(say, err=True))
    context = make_context(workspace, replace(request, now=now, lifted=job.plan.lifted))
    context = replace(context, lineage=store.lineage, serial=store.serial, people=people)
    context = replace(context, overridden=overridden_guards(store, context))
    new = [item for item in request.lifted if item not in job.plan.lifted]
    if not new:
        return apply(context)
    check_used(new, apply(context).objecting)
    return apply(context.with_overrides(new))


async def _run(
    job: Apply, target: Target, key: str | None, report: Reporter, checkpoint: Checkpoint | None
) -> int:
    """Place the calls; returns the exit code. The first signal stops the run, the second one cancels it."""
    caught: list[ExitCode] = []
    task = asyncio.current_task()

    def on_signal(number: signal.Signals) -> None:
        caught.append(_SIGNALS[number])
        if len(caught) == 1:
            job.stop(SIGNALLED)
            report.note("stopping: finishing the requests in flight (repeat to stop at once)")
        elif task is not None:
            task.cancel()

    def emit_event(event: Event) -> None:
        try:
            report.event(event)
        except OSError as error:  # the reader is gone or the disk is full; calls in flight must still be recorded
            job.stop(f"cannot write the output: {error.strerror}")

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup a run outlives its terminal
            asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    workers = target.concurrency if target.join else min(target.concurrency, job.orders)
    async with AsyncExitStack() as stack:
        service = _open(stack, target, key, workers, report)
        service = replace(service, checkpoint=checkpoint, whole=report.whole)
        try:
            await job.run(service, emit_event)
        except asyncio.CancelledError:
            if not caught:
                raise
            return caught[0]
    return caught[0] if caught else outcome(job.tally)


def _open(stack: AsyncExitStack, target: Target, key: str | None, workers: int, report: Reporter) -> Service:
    """The connections of a run, closed with ``stack``; none without a key."""
    if key is None:
        return Service((), None, target.rate, report.note, target.preflight)
    clock = ServiceClock()
    providers = [ContactShip(target.origin, key, target.timeout, clock) for _ in range(workers)]
    directory = CallListing(target.origin, key, target.timeout, clock)
    stack.push_async_callback(directory.aclose)
    for provider in providers:
        stack.push_async_callback(provider.aclose)
    fields = target.schedule_fields
    schedule = None if fields is None else ScheduleSettings(target.origin.base, fields)
    return Service(
        providers, directory, target.rate, report.note, target.preflight, schedule=schedule, clock=clock
    )
