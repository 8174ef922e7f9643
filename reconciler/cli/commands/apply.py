"""``reconciler apply``: place the calls of a plan, each at most once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from reconciler.cli.app import App, SystemClock
from reconciler.cli.apply_preview import announce
from reconciler.cli.apply_run import place
from reconciler.cli.approval import read_approved
from reconciler.cli.commit_order import read_origin
from reconciler.cli.completions import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.options import (
    FILE,
    Duration,
    Integer,
    RateOption,
    approve_option,
    checkpoint_option,
    full_option,
    lock_option,
    now_option,
    override_option,
    retry_option,
    reveal_option,
    service_options,
    state_option,
    with_options,
)
from reconciler.cli.output import confirm, echo
from reconciler.cli.overrides import check_used, read_overrides
from reconciler.cli.plan_output import PlanView, show_problems, show_text
from reconciler.cli.planner import PlanRequest, load_plan
from reconciler.cli.saved_plans import check_plan_key, read_plan
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace
from reconciler.domain.plan import Action
from reconciler.domain.times import ZONE_RULES
from reconciler.errors import Refused, UsageError
from reconciler.evidence.conflicts import FileRows
from reconciler.placing.admission import Job
from reconciler.placing.commit_order import CommitOrigin
from reconciler.placing.plan_checks import check_age, check_count, check_verdict
from reconciler.quantities import MAX_TIMEOUT, MIN_DURATION, format_count
from reconciler.render.labels import count_line
from reconciler.source.files import SHEETS, SUFFIXES

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
    from reconciler.domain.policy import Caps
    from reconciler.source.sources import Sources

_EPILOG = """\b
Examples:
  reconciler apply                          # plan the project, ask, place
  reconciler apply june.plan                # a saved plan: approved before, no question
  reconciler apply calls/ --auto-approve --json --max-calls 500
  reconciler apply --approved /tmp/pr.plan --checkpoint ./carry-state   # in CI, after the merge
  reconciler apply --only-approved          # in CI, every hour: approved calls that are due
  reconciler apply june.plan --join         # on each of several machines, which share the plan

\b
The API key comes from CONTACTSHIP_API_KEY or --api-key-file, the URL of the service from
CONTACTSHIP_BASE_URL or --base-url.

\b
Exit codes: 0 done, 1 error, 3 incomplete (something failed, is uncertain, in conflict, stale,
expired or was edited too late), 4 the state is locked, 5 refused, 129/130/143 interrupted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The options of an apply. ``rate`` is in requests a second, times are in seconds; None: the project's."""

    what: tuple[str, ...]
    auto_approve: bool
    approved: tuple[Path, ...]
    only_approved: bool
    from_commit_anyway: str | None
    checkpoint: str | None
    max_calls: int | None
    rate: float | None
    concurrency: int | None
    timeout: float | None
    as_json: bool
    full: bool
    no_preflight: bool
    no_schedule_check: bool
    retry_failed: bool
    join: bool
    overrides: tuple[str, ...]
    api_key_file: Path | None
    base_url: str | None
    lock_timeout: float
    now: datetime | None
    state_url: str | None
    reveal: bool

    def target(self, workspace: Workspace) -> Target:
        """Where and how fast to place. Raises ``UsageError`` for a time of its own on the real service."""
        target = Target.from_options(workspace, self.base_url, self.api_key_file)
        if self.now is not None and not target.origin.loopback:
            raise UsageError("--now is for tests: apply accepts it only with a base URL on loopback")
        return replace(
            target,
            rate=target.rate if self.rate is None else (None if self.rate == float("inf") else self.rate),
            concurrency=self.concurrency or target.concurrency,
            timeout=self.timeout or target.timeout,
            preflight=not self.no_preflight,
            schedule_fields=None if self.no_schedule_check else target.schedule_fields,
            checkpoint=self.checkpoint,
            join=self.join,
        )

    def check(self, *, saved: bool) -> None:
        """Raise ``UsageError`` for an option that needs a saved plan, or plan files."""
        if self.overrides and not saved and not self.approved:
            hint = "run reconciler plan --out FILE --override CODE=REASON, then reconciler apply FILE"
            raise UsageError("--override needs a reviewed plan: a saved or an approved one", hint=hint)
        if self.join and not saved:
            hint = "run reconciler plan --out FILE, then on each machine: reconciler apply FILE --join"
            raise UsageError("--join needs a saved plan, the same one for every runner", hint=hint)
        if saved and (self.approved or self.only_approved):
            option = "--approved" if self.approved else "--only-approved"
            raise UsageError(f"{option} needs plan files: a saved plan is already approved")


@click.command(epilog=_EPILOG)
@click.argument("what", nargs=-1, metavar="[PLANFILE | PATHS]...", shell_complete=plan_files)
@approve_option
@click.option(
    "--approved",
    multiple=True,
    type=FILE,
    metavar="PLAN",
    help="Record the approvals of this reviewed plan, and place only approved rows. Repeatable.",
)
@click.option("--only-approved", is_flag=True, help="Place only rows with an approval in the state.")
@click.option(
    "--from-commit-anyway",
    metavar="REASON",
    help="Apply a commit that is older than, or diverged from, one applied before. Recorded.",
)
@checkpoint_option("before and after sending")
@click.option("--max-calls", type=Integer(), metavar="N", help="Place nothing if the plan has more calls.")
@click.option(
    "--rate", type=RateOption(), metavar="RATE", help="N/s, N/min, N/h or none. Default: the project's rate."
)
@click.option("--concurrency", type=Integer(1, 256), metavar="N", help="The most requests in flight.")
@click.option(
    "--timeout", type=Duration(MIN_DURATION, MAX_TIMEOUT), metavar="TIME", help="Deadline of one request."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON event per line; the last one is the summary."
)
@full_option
@click.option("--no-preflight", is_flag=True, help="Do not check for calls that already exist. Recorded.")
@click.option(
    "--no-schedule-check",
    is_flag=True,
    help="Do not check that the service understands schedules. Recorded.",
)
@retry_option
@click.option("--join", is_flag=True, help="Share a saved plan with other runners. Needs PostgreSQL.")
@override_option
@service_options
@lock_option
@now_option
@state_option
@reveal_option
@with_options(ApplyOptions)
def apply(app: App, options: ApplyOptions) -> int:
    """Place the calls of a saved plan, or of plan files after confirmation.

    A single argument that is not a folder and does not end in .yaml or .yml is a saved plan.
    """
    workspace = Workspace.open(app, options.state_url)
    target = options.target(workspace)
    saved = is_saved_plan(app, options.what)
    lifted = read_overrides(options.overrides, workspace.project.policy)
    options.check(saved=saved)
    clock = SystemClock().now()
    request = PlanRequest(options.what, max(options.now or clock, clock), options.retry_failed, lifted=lifted)
    job = _saved_job(app, workspace, request, options) if saved else _new_job(app, workspace, request, options)
    asks = not (options.auto_approve or saved or job.only_approved)
    if target.has_key:
        typed = click.get_current_context().get_parameter_source("base_url") is ParameterSource.COMMANDLINE
        with workspace.reader() as reader:
            target.check_same_service(reader.last_service(), confirmed=typed)
    if not job.only_approved:
        check_count(job.plan, options.max_calls)
    if asks:
        _confirm(job.plan, target, workspace.project.policy.caps)
    timeout, as_json = options.lock_timeout, options.as_json
    return place(app, workspace, job, request, target, lock_timeout=timeout, as_json=as_json, announced=asks)


def _saved_job(app: App, workspace: Workspace, request: PlanRequest, options: ApplyOptions) -> Job:
    plan = _saved(app, workspace, options.what[0], request.now)
    check_verdict(plan)
    return Job(plan, _origin(workspace, plan, options, saved=True), max_calls=options.max_calls)


def _new_job(app: App, workspace: Workspace, request: PlanRequest, options: ApplyOptions) -> Job:
    plan, sources = _planned(app, workspace, request, options)
    check_used(request.lifted, (item.code for item in plan.lifted))
    check_verdict(plan)
    approved = read_approved(app, workspace, options.approved, request.now)
    scope = sources.plans if options.what else None
    return Job(
        plan,
        _origin(workspace, plan, options, saved=False),
        rows=sources.rows,
        scope=scope,
        approved=approved,
        only_approved=options.only_approved or bool(options.approved),
        max_calls=options.max_calls,
        files=FileRows(plan.changes, scope),
    )


def _origin(workspace: Workspace, plan: Plan, options: ApplyOptions, *, saved: bool) -> CommitOrigin:
    reason = options.from_commit_anyway
    with workspace.reader() as reader:
        return read_origin(workspace.project.root, plan, saved=saved, reason=reason, reader=reader)


def is_saved_plan(app: App, what: tuple[str, ...]) -> bool:
    """Whether the arguments name a saved plan: a single one that is not a folder, plan file or sheet."""
    if len(what) != 1:
        return False
    return Path(what[0]).suffix.lower() not in (*SUFFIXES, *SHEETS) and not (app.directory / what[0]).is_dir()


def _saved(app: App, workspace: Workspace, name: str, now: datetime) -> Plan:
    workspace.check()
    check_plan_key(workspace.project.policy)
    plan = read_plan(app, Path(name))
    check_age(plan, timedelta(seconds=workspace.project.plan_max_age), now)
    if plan.zone_rules != ZONE_RULES:
        message = (
            f"note: the plan was made with time zone rules {plan.zone_rules!r}, but this machine has "
            f"{ZONE_RULES!r}. Its calls ring at the same times with both"
        )
        echo(message, err=True)
    return plan


def _planned(app: App, workspace: Workspace, request: PlanRequest, options: ApplyOptions) -> tuple[Plan, Sources]:
    """Plan the files and show the plan: off a terminal only what needs a person; with JSON events only its counts,
    on the error stream.
    """
    plan, sources = load_plan(app, workspace, request)
    show_problems(app, plan.diagnostics, Excerpts(sources), reveal=options.reveal)
    if options.as_json:
        echo(f"Plan: {count_line(plan)}.\n", err=True)
    else:
        brief = not (options.full or sys.stdout.isatty())
        show_text(app, plan, PlanView(reveal=options.reveal, full=options.full, brief=brief, now=plan.created_at))
    return plan, sources


def _confirm(plan: Plan, target: Target, caps: Caps) -> None:
    """Ask a person. Raises ``Refused``: declined, or there is no terminal to ask on."""
    count = plan.count(Action.CREATE)
    if not count:
        return
    if not sys.stdin.isatty():
        hint = "pass --auto-approve, or apply a saved plan (plan --out FILE; apply FILE)"
        waiting = format_count(count, "call")
        raise Refused(f"{waiting} to place, but no terminal for confirmation: nothing was placed", hint=hint)
    announce(count, plan.span(Action.CREATE), plan, target, caps)
    confirm(f"Place {format_count(count, 'call')}? They cannot be cancelled.", nothing="nothing was placed")
