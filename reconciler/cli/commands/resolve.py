"""``reconciler resolve``: settle unknown outcomes and conflicts, by looking them up or by a person's decision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from reconciler.cli.app import App, SystemClock, echo_json, key_option, lock_option, say, state_option, url_option
from reconciler.cli.apply_run import Target
from reconciler.cli.commands.state_care import read_address, read_call_id
from reconciler.cli.completions import addresses_of_state
from reconciler.cli.decision_file import export_decisions, read_decisions
from reconciler.cli.planner import intents_of_rows
from reconciler.cli.runs import new_run
from reconciler.cli.unresolved import Unresolved, look_up
from reconciler.cli.workspace import Workspace
from reconciler.domain.facts import check_candidate
from reconciler.domain.model import Address, Status
from reconciler.domain.ports import Decision, StateStore
from reconciler.errors import ReconcilerError, UsageError
from reconciler.render.labels import counted

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


FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=_EPILOG)
@click.argument("address", required=False, shell_complete=addresses_of_state)
@click.option("--placed", "call_id", metavar="CALL_ID", help="The call exists with this id.")
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
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@key_option
@url_option
@lock_option
@state_option
@click.pass_obj
def resolve(
    app: App,
    address: str | None,
    call_id: str | None,
    not_placed: bool,
    stopped: bool,
    let_ring: bool,
    distinct: bool,
    plan: str | None,
    reason: str | None,
    export: Path | None,
    decided: Path | None,
    as_json: bool,
    api_key_file: Path | None,
    base_url: str | None,
    lock_timeout: float,
    state_url: str | None,
) -> int:
    """Settle unknown outcomes and conflicts: all of them by querying the service, or one ADDRESS by your decision.

    Exit 3 while any of them are left.
    """
    workspace = Workspace.open(app, state_url)
    chosen = [call_id is not None, not_placed, stopped, let_ring, distinct].count(True)
    if address is None and plan is None:
        if chosen or reason:
            raise UsageError(
                "missing ADDRESS",
                hint="name an ADDRESS, or pass --distinct with --plan for all conflicts of a plan",
            )
        if export is not None:
            return _export(app, workspace, export)
        if decided is not None:
            return _import(app, workspace, app.directory / decided, lock_timeout)
        target = Target.from_options(workspace, base_url, api_key_file and app.directory / api_key_file)
        return look_up(app, workspace, target, lock_timeout, as_json=as_json)
    if export is not None or decided is not None:
        raise UsageError("--export and --from cannot be combined with ADDRESS or --plan")
    if plan is not None and (address is not None or not distinct):
        raise UsageError("--plan needs --distinct, and no ADDRESS")
    reason = _checked(chosen, reason)
    if address is None:
        return _decide_plan(workspace, plan or "", reason, lock_timeout, as_json=as_json)
    call_id = None if call_id is None else read_call_id(call_id)
    word = _Resolution(read_address(address), reason, call_id, stopped, let_ring, distinct)
    left = _decide(app, workspace, word, lock_timeout)
    if as_json:
        told = {"address": address, "decision": word.label, "reason": word.reason, **left.counts}
        echo_json(told, indent=None)
    else:
        say(f"{address}: recorded as {word.label}.{left.text}")
    return left.code


def _checked(chosen: int, reason: str | None) -> str:
    """The reason of exactly one decision. Raises ``UsageError`` if there are none or several."""
    if chosen != 1:
        raise UsageError("pass exactly one of --placed CALL_ID, --not-placed, --stopped, --let-ring, --distinct")
    if not reason or not reason.strip():
        raise UsageError("a decision needs a --reason")
    return reason.strip()


@dataclass(frozen=True, slots=True)
class _Resolution:
    """A person's decision about one address."""

    address: Address
    reason: str
    call_id: str | None
    stopped: bool
    let_ring: bool
    distinct: bool

    @property
    def label(self) -> str:
        if self.call_id is not None:
            return f"placed ({self.call_id})"
        if self.stopped or self.let_ring:
            return "stopped by hand" if self.stopped else "allowed to ring"
        return "distinct" if self.distinct else "not placed"

    def decision(self) -> Decision:
        now = SystemClock().now()
        if self.stopped or self.let_ring or self.distinct:
            return Decision(
                self.address,
                now,
                self.reason,
                stopped=self.stopped,
                distinct=self.distinct,
                let_ring=self.let_ring,
            )
        status = Status.PLACED if self.call_id is not None else Status.RULED_OUT
        return Decision(self.address, now, self.reason, status, self.call_id)


def _decide(app: App, workspace: Workspace, word: _Resolution, lock_timeout: float) -> Unresolved:
    """Record a decision; returns what is left.

    A call for an address that is not in the state is recorded with the attempt of its row.
    """
    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        absent = word.call_id is not None and _absent(store, word.address)
        unheard = word.distinct and word.address not in store.conflicts()
        if absent:
            _check_candidate(store, word)
        rows = [word.address] if absent or unheard else []  # these must be in the files
        intents = intents_of_rows(app, workspace, rows, SystemClock().now())
        store.decide(run.id, [word.decision()], intents if absent else ())
        return _ended(store, run.id, 1)


def _check_candidate(store: StateStore, word: _Resolution) -> None:
    try:
        check_candidate(store.conflicts().get(word.address), word.call_id)
    except ValueError as error:
        hint = "pass one of these ids with --placed, or --distinct if none of them is this call"
        raise ReconcilerError(str(error), hint=hint) from error


def _decide_plan(workspace: Workspace, plan: str, reason: str, lock_timeout: float, *, as_json: bool) -> int:
    """Record for every conflict of a plan that the existing call is a different one."""
    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        now = SystemClock().now()
        addresses = [item for item in sorted(store.conflicts()) if item.plan == plan]
        if not addresses:
            raise ReconcilerError(
                f"no call of the plan '{plan}' is in conflict", hint="run reconciler resolve to list the conflicts"
            )
        store.decide(run.id, [Decision(item, now, reason, distinct=True) for item in addresses])
        left = _ended(store, run.id, len(addresses))
    if as_json:
        echo_json({"plan": plan, "decision": "distinct", "count": len(addresses), "reason": reason, **left.counts})
    else:
        say(f"{plan}: {counted(len(addresses), 'conflict')} recorded as distinct.{left.text}")
    return left.code


def _export(app: App, workspace: Workspace, path: Path) -> int:
    with workspace.reader() as reader:
        left = Unresolved.from_reader(reader)
    export_decisions(app.directory, path, left.unknown, left.conflicts)
    say(f"Wrote {left.count} to {path.name}. Fill in decision, call_id and reason, then pass --from {path.name}")
    return left.code


def _import(app: App, workspace: Workspace, path: Path, lock_timeout: float) -> int:
    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        known, now = {entry.address: entry for entry in store.entries()}, SystemClock().now()
        decisions = read_decisions(path, known, store.conflicts(), now)
        absent = {
            item.address: None
            for item in decisions
            if item.status is Status.PLACED and not (item.address in known and known[item.address].unknown)
        }
        store.decide(run.id, decisions, intents_of_rows(app, workspace, absent.keys(), now))
        left = _ended(store, run.id, len(decisions))
    say(f"{len(decisions)} recorded, {left.count} left.")
    return left.code


def _ended(store: StateStore, run_id: str, decided: int) -> Unresolved:
    """End the run; its exit code depends on what is left."""
    left = Unresolved.from_reader(store)
    store.end_run(run_id, SystemClock().now(), left.code, {"decided": decided})
    return left


def _absent(store: StateStore, address: Address) -> bool:
    entry = store.entry(address)
    return entry is None or not (entry.placed or entry.unknown)
