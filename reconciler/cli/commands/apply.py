"""``reconciler apply``: place the calls of a plan, each at most once."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import (
    App,
    Duration,
    EnvironmentOption,
    Integer,
    SystemClock,
    echo,
    key_option,
    lock_option,
    now_option,
    reveal_option,
    state_option,
    url_option,
)
from reconciler.cli.approval import Job, read_approved
from reconciler.cli.commands.show import check_plan_key, read_plan
from reconciler.cli.commits import read_origin
from reconciler.cli.completing import plan_files
from reconciler.cli.excerpts import Excerpts
from reconciler.cli.loading import PlanRequest, make_plan
from reconciler.cli.overrides import check_used, override_option, read_overrides
from reconciler.cli.placing import Target, place
from reconciler.cli.showing import full_option, show_problems, show_text
from reconciler.cli.workspace import Workspace
from reconciler.domain.plan import Action
from reconciler.domain.times import ZONE_RULES
from reconciler.errors import Refused, UsageError
from reconciler.evidence.conflicts import FileRows
from reconciler.placing.plan_checks import check_age, check_count, check_verdict
from reconciler.quantities import MAX_TIMEOUT, MIN_DURATION, parse_rate
from reconciler.render.words import count_line
from reconciler.source.files import SHEETS, SUFFIXES
from reconciler.system.environment import CHECKPOINT

if TYPE_CHECKING:
    from reconciler.domain.plan import Plan
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


class RateOption(click.ParamType[float]):
    """``5/s``, ``300/min``, ``none``: requests a second, infinite for none."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = value if isinstance(value, float) else parse_rate(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return float("inf") if rate is None else rate


@click.command(epilog=_EPILOG)
@click.argument("what", nargs=-1, metavar="[PLANFILE | PATHS]...", shell_complete=plan_files)
@click.option("--auto-approve", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--approved",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PLAN",
    help="Record the approvals of this reviewed plan, and place only approved rows. Repeatable.",
)
@click.option("--only-approved", is_flag=True, help="Place only rows with an approval in the state.")
@click.option(
    "--from-commit-anyway",
    metavar="REASON",
    help="Apply a commit that is older than, or diverged from, one applied before. Recorded.",
)
@click.option(
    "--checkpoint",
    cls=EnvironmentOption,
    envvar=CHECKPOINT,
    metavar="CMD",
    help="Run CMD before and after sending, to save the state where it outlives this machine. "
    "[env: RECONCILER_CHECKPOINT]",
)
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
@click.option("--retry-failed", is_flag=True, help="Retry rows that the service rejected twice.")
@click.option("--join", is_flag=True, help="Share a saved plan with other runners. Needs PostgreSQL.")
@override_option
@key_option
@url_option
@lock_option
@now_option
@state_option
@reveal_option
@click.pass_obj
def apply(
    app: App,
    what: tuple[str, ...],
    auto_approve: bool,
    approved: tuple[Path, ...],
    only_approved: bool,
    from_commit_anyway: str | None,
    checkpoint: str | None,
    max_calls: int | None,
    rate: float | None,
    concurrency: int | None,
    timeout: float | None,
    as_json: bool,
    full: bool,
    no_preflight: bool,
    no_schedule_check: bool,
    retry_failed: bool,
    join: bool,
    overrides: tuple[str, ...],
    api_key_file: Path | None,
    base_url: str | None,
    lock_timeout: float,
    now: datetime | None,
    state_url: str | None,
    reveal: bool,
) -> int:
    """Place the calls of a saved plan, or of plan files after confirmation.

    A single argument that is not a folder and does not end in .yaml or .yml is a saved plan.
    """
    workspace = Workspace.open(app, state_url)
    target = Target.from_options(workspace, base_url, api_key_file and app.directory / api_key_file)
    target = replace(
        target,
        rate=target.rate if rate is None else (None if rate == float("inf") else rate),
        concurrency=concurrency or target.concurrency,
        timeout=timeout or target.timeout,
        preflight=not no_preflight,
        schedule_fields=None if no_schedule_check else target.schedule_fields,
        checkpoint=checkpoint,
        join=join,
    )
    if now is not None and not target.origin.loopback:
        raise UsageError("--now is for tests: apply accepts it only with a base URL on loopback")
    saved = is_saved_plan(app, what)
    lifted = read_overrides(overrides, workspace.project.policy)
    if lifted and not saved and not approved:
        hint = "run reconciler plan --out FILE --override CODE=REASON, then reconciler apply FILE"
        raise UsageError("--override needs a reviewed plan: a saved or an approved one", hint=hint)
    now = max(now or SystemClock().now(), SystemClock().now())
    request = PlanRequest(what, now, retry_failed, lifted=lifted)
    if join and not saved:
        hint = "run reconciler plan --out FILE, then on each machine: reconciler apply FILE --join"
        raise UsageError("--join needs a saved plan, the same one for every runner", hint=hint)
    if saved and (approved or only_approved):
        option = "--approved" if approved else "--only-approved"
        raise UsageError(f"{option} needs plan files: a saved plan is already approved")
    sources = None
    if saved:
        plan = _saved(app, workspace, what[0], now)
    else:
        plan, sources = _planned(app, workspace, request, as_json=as_json, reveal=reveal, full=full)
        check_used(lifted, (item.code for item in plan.lifted))
    check_verdict(plan)
    plans = read_approved(app, workspace, approved, now)
    with workspace.reader() as reader:
        root = workspace.project.root
        origin = read_origin(root, plan, saved=saved, reason=from_commit_anyway, reader=reader)
    scope = sources.plans if sources is not None and what else None
    job = Job(
        plan,
        origin,
        sources=sources,
        scope=scope,
        approved=plans,
        only_approved=only_approved or bool(approved),
        max_calls=max_calls,
        files=None if sources is None else FileRows(plan.changes, scope),
    )
    if not job.only_approved:
        check_count(plan, max_calls)
        _confirm(plan, auto_approve=auto_approve or saved)
    return place(app, workspace, job, request, target, lock_timeout=lock_timeout, as_json=as_json)


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


def _planned(
    app: App, workspace: Workspace, request: PlanRequest, *, as_json: bool, reveal: bool, full: bool
) -> tuple[Plan, Sources]:
    """Plan the files and show the plan; with JSON events, only its counts, on the error stream."""
    plan, sources = make_plan(app, workspace, request)
    show_problems(app, plan.diagnostics, Excerpts(sources), reveal=reveal)
    if as_json:
        echo(f"Plan: {count_line(plan)}.\n", err=True)
    else:
        show_text(app, plan, reveal=reveal, full=full, now=plan.created_at)
    return plan, sources


def _confirm(plan: Plan, *, auto_approve: bool) -> None:
    """Ask a person for confirmation; only the word yes counts.

    Raises:
        Refused: declined, or there is no terminal to ask on.
    """
    count = plan.count(Action.CREATE)
    if auto_approve or not count:
        return
    if not sys.stdin.isatty():
        hint = "pass --auto-approve, or apply a saved plan (plan --out FILE; apply FILE)"
        raise Refused(f"{count} calls to place, but no terminal for confirmation: nothing was placed", hint=hint)
    question = f"Place {count} call{'' if count == 1 else 's'}? They cannot be cancelled. Only 'yes' is accepted"
    if click.prompt(question, default="no", show_default=False, err=True) != "yes":
        raise Refused("declined: nothing was placed")
