"""``reconciler resolve``: settle unknown outcomes and conflicts, by looking them up or by a person's decision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import addresses_of_state
from reconciler.cli.decision_file import export_decisions, read_decisions
from reconciler.cli.named_calls import check_with_service
from reconciler.cli.options import (
    FILE,
    json_option,
    lock_option,
    read_address,
    read_call_id,
    service_options,
    state_option,
    with_options,
)
from reconciler.cli.output import echo_json, say
from reconciler.cli.planner import intents_of_rows
from reconciler.cli.runs import new_run
from reconciler.cli.target import Target
from reconciler.cli.unresolved import Unresolved, look_up
from reconciler.cli.workspace import Workspace
from reconciler.domain.facts import check_candidate
from reconciler.domain.model import Address, JsonObject, Status
from reconciler.domain.ports import Decision, StateStore
from reconciler.errors import ReconcilerError, UsageError
from reconciler.quantities import format_count

_EPILOG = """\b
Examples:
  reconciler resolve                 # look everything up, and list what is left with the next command
  reconciler resolve june/inv-1001 --placed call-b2c3d4e5 --reason "seen in the dashboard"
  reconciler resolve june/inv-1001 --not-placed --reason "not in the dashboard after an hour"
  reconciler resolve june/inv-1001 --stopped --reason "deleted in the dashboard"
  reconciler resolve june/inv-1001 --let-ring --reason "she asked for it"
  reconciler resolve --export decisions.csv
  reconciler resolve --from decisions.csv
  reconciler resolve june/inv-1001 --distinct --reason "that call was about something else"
  reconciler resolve --distinct --plan june --reason "all of those are the survey's"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveOptions:
    """The options of a resolve. ``decided`` is a file with decisions."""

    address: str | None
    call_id: str | None
    not_placed: bool
    stopped: bool
    let_ring: bool
    distinct: bool
    plan: str | None
    reason: str | None
    export: Path | None
    decided: Path | None
    as_json: bool
    api_key_file: Path | None
    base_url: str | None
    lock_timeout: float
    state_url: str | None

    @property
    def chosen(self) -> int:
        """The number of decisions."""
        return [self.call_id is not None, self.not_placed, self.stopped, self.let_ring, self.distinct].count(True)

    def check(self) -> str:
        """The reason of the one decision. Raises ``UsageError`` if there are none or several, or no reason."""
        if self.export is not None or self.decided is not None:
            raise UsageError("--export and --from cannot be combined with ADDRESS or --plan")
        if self.plan is not None and (self.address is not None or not self.distinct):
            raise UsageError("--plan needs --distinct, and no ADDRESS")
        if self.chosen != 1:
            options = "--placed CALL_ID, --not-placed, --stopped, --let-ring, --distinct"
            raise UsageError(f"pass exactly one of {options}")
        if not self.reason or not self.reason.strip():
            raise UsageError("a decision needs a --reason")
        return self.reason.strip()


@click.command(epilog=_EPILOG)
@click.argument("address", required=False, shell_complete=addresses_of_state)
@click.option(
    "--placed",
    "call_id",
    metavar="CALL_ID",
    help="The call exists with this id. With an API key, that is checked.",
)
@click.option("--not-placed", is_flag=True, help="The call does not exist: the next apply places it.")
@click.option("--stopped", is_flag=True, help="The placed call was stopped by hand and will not ring.")
@click.option("--let-ring", is_flag=True, help="Let the placed call ring, although plan lists it to stop.")
@click.option(
    "--distinct", is_flag=True, help="The existing call is a different one: the next apply places this one."
)
@click.option("--plan", "plan", metavar="NAME", help="With --distinct: apply it to every conflict of this plan.")
@click.option("--reason", help="The reason. Recorded.")
@click.option(
    "--export", "export", type=FILE, metavar="FILE", help="Write unknown outcomes and conflicts to a CSV file."
)
@click.option(
    "--from",
    "decided",
    type=FILE,
    metavar="FILE",
    help="Record the decisions in a file from --export or status --to-stop --format csv, all or none.",
)
@json_option
@service_options
@lock_option
@state_option
@with_options(ResolveOptions)
def resolve(app: App, options: ResolveOptions) -> int:
    """Settle unknown outcomes and conflicts: all of them by querying the service, or one ADDRESS by your decision.

    Exit 3 while any of them are left.
    """
    workspace = Workspace.open(app, options.state_url)
    if options.address is not None:
        return _decide(app, workspace, options.address, options)
    if options.plan is not None:
        return _decide_plan(workspace, options.plan, options)
    if options.chosen or options.reason:
        hint = "name an ADDRESS, or pass --distinct with --plan for all conflicts of a plan"
        raise UsageError("missing ADDRESS", hint=hint)
    if options.export is not None:
        return _export(app, workspace, options.export)
    if options.decided is not None:
        return _import(app, workspace, app.directory / options.decided, options)
    target = Target.from_options(workspace, options.base_url, options.api_key_file)
    return look_up(app, workspace, target, options.lock_timeout, as_json=options.as_json)


def _decide(app: App, workspace: Workspace, address: str, options: ResolveOptions) -> int:
    """Record the decision about one address.

    A call for an address that is not in the state is recorded with the attempt of its row.
    """
    reason = options.check()
    decision = _decision(read_address(address), reason, options)
    run = new_run("resolve")
    with workspace.store(run, options.lock_timeout) as store:
        absent = decision.call_id is not None and _absent(store, decision.address)
        unlisted = decision.distinct and decision.address not in store.conflicts()
        if absent:
            _check_candidate(store, decision)
        rows = [decision.address] if absent or unlisted else []  # these must be in the files
        intents = intents_of_rows(app, workspace, rows, SystemClock().now())
        checked: JsonObject = {}
        if decision.call_id is not None:
            target = Target.from_options(workspace, options.base_url, options.api_key_file)
            checked = {"checked": check_with_service(store, target, [decision], intents)}
        store.decide(run.id, [decision], intents if absent else ())
        left = _end_run(store, run.id, 1)
    label = _label(decision)
    if options.as_json:
        document = {"address": address, "decision": label, "reason": reason, **checked, **left.counts}
        echo_json(document, indent=None)
    else:
        say(f"{address}: recorded as {label}.{left.text}")
    return left.code


def _decision(address: Address, reason: str, options: ResolveOptions) -> Decision:
    now = SystemClock().now()
    if options.call_id is not None:
        return Decision(address, now, reason, Status.PLACED, read_call_id(options.call_id))
    if options.not_placed:
        return Decision(address, now, reason, Status.RULED_OUT)
    stopped, distinct, let_ring = options.stopped, options.distinct, options.let_ring
    return Decision(address, now, reason, stopped=stopped, distinct=distinct, let_ring=let_ring)


def _label(decision: Decision) -> str:
    if decision.call_id is not None:
        return f"placed ({decision.call_id})"
    if decision.stopped or decision.let_ring:
        return "stopped by hand" if decision.stopped else "allowed to ring"
    return "distinct" if decision.distinct else "not placed"


def _check_candidate(store: StateStore, decision: Decision) -> None:
    try:
        check_candidate(store.conflicts().get(decision.address), decision.call_id)
    except ValueError as error:
        hint = "pass one of these ids with --placed, or --distinct if none of them is this call"
        raise ReconcilerError(str(error), hint=hint) from error


def _decide_plan(workspace: Workspace, plan: str, options: ResolveOptions) -> int:
    """Record for every conflict of a plan that the existing call is a different one."""
    reason = options.check()
    run = new_run("resolve")
    with workspace.store(run, options.lock_timeout) as store:
        now = SystemClock().now()
        addresses = [item for item in sorted(store.conflicts()) if item.plan == plan]
        if not addresses:
            raise ReconcilerError(
                f"no call of the plan '{plan}' is in conflict", hint="run reconciler resolve to list the conflicts"
            )
        store.decide(run.id, [Decision(item, now, reason, distinct=True) for item in addresses])
        left = _end_run(store, run.id, len(addresses))
    if options.as_json:
        echo_json({"plan": plan, "decision": "distinct", "count": len(addresses), "reason": reason, **left.counts})
    else:
        say(f"{plan}: {format_count(len(addresses), 'conflict')} recorded as distinct.{left.text}")
    return left.code


def _export(app: App, workspace: Workspace, path: Path) -> int:
    with workspace.reader() as reader:
        left = Unresolved.from_reader(reader)
    export_decisions(app.directory, path, left.unknown, left.conflicts)
    say(f"Wrote {left.count} to {path.name}. Fill in decision, call_id and reason, then pass --from {path.name}")
    return left.code


def _import(app: App, workspace: Workspace, path: Path, options: ResolveOptions) -> int:
    run = new_run("resolve")
    target = Target.from_options(workspace, options.base_url, options.api_key_file)
    with workspace.store(run, options.lock_timeout) as store:
        known, now = {entry.address: entry for entry in store.entries()}, SystemClock().now()
        decisions = read_decisions(path, known, store.conflicts(), now)
        absent = {
            item.address: None
            for item in decisions
            if item.status is Status.PLACED and not (item.address in known and known[item.address].unknown)
        }
        intents = intents_of_rows(app, workspace, absent.keys(), now)
        check_with_service(store, target, decisions, intents)
        store.decide(run.id, decisions, intents)
        left = _end_run(store, run.id, len(decisions))
    say(f"{len(decisions)} recorded, {left.count} left.")
    return left.code


def _end_run(store: StateStore, run_id: str, decided: int) -> Unresolved:
    """End the run; its exit code depends on what is left."""
    left = Unresolved.from_reader(store)
    store.end_run(run_id, SystemClock().now(), left.code, {"decided": decided})
    return left


def _absent(store: StateStore, address: Address) -> bool:
    entry = store.entry(address)
    return entry is None or not (entry.placed or entry.unknown)
