"""``reconciler resolve``: settle what is unknown, by looking it up or by a person's word."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock, echo_json, key_option, lock_option, say, state_option, url_option
from reconciler.cli.completing import addresses_of_state
from reconciler.cli.placing import Target
from reconciler.cli.runs import new_run
from reconciler.cli.state_care import read_address, read_call_id, take_over
from reconciler.cli.workspace import Workspace
from reconciler.errors import ExitCode, UsageError
from reconciler.model import Address, Status
from reconciler.ports import Decision, StateStore
from reconciler.render.escape import for_terminal

if TYPE_CHECKING:
    from reconciler.engine.evidence import Match
    from reconciler.model import Entry

_EPILOG = """\b
Examples:
  reconciler resolve                 # look all of them up, and list what stays unknown
  reconciler resolve june/inv-1001 --placed call-b2c3d4e5 --reason "seen in the dashboard"
  reconciler resolve june/inv-1001 --not-placed --reason "not in the dashboard after an hour"
  reconciler resolve june/inv-1001 --stopped --reason "deleted in the dashboard"
  reconciler resolve --export decisions.csv
  reconciler resolve --from decisions.csv
  reconciler resolve june/inv-1001 --distinct --reason "that call was about something else"
"""


FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=_EPILOG, short_help="Settle what is unknown.")
@click.argument("address", required=False, shell_complete=addresses_of_state)
@click.option("--placed", "call_id", metavar="CALL_ID", help="The call exists, and this is its id.")
@click.option("--not-placed", is_flag=True, help="There is no such call: the next apply places it.")
@click.option("--stopped", is_flag=True, help="The placed call was stopped by hand: it will not ring.")
@click.option(
    "--distinct", is_flag=True, help="What preflight found is another call: the next apply places this one."
)
@click.option("--reason", help="Why you know. Recorded.")
@click.option("--export", "export", type=FILE, metavar="FILE", help="Write what is unknown to a CSV file.")
@click.option(
    "--from", "decided", type=FILE, metavar="FILE", help="Record the decisions of that file, all or none."
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
    distinct: bool,
    reason: str | None,
    export: Path | None,
    decided: Path | None,
    as_json: bool,
    api_key_file: Path | None,
    base_url: str | None,
    lock_timeout: float,
    state_url: str | None,
) -> int:
    """Settle what is unknown: all of it by asking the service, or one ADDRESS by your word.

    Exit 3 while anything is left unknown.
    """
    workspace = Workspace.open(app, state_url)
    chosen = [call_id is not None, not_placed, stopped, distinct].count(True)
    if address is None:
        if chosen or reason:
            raise UsageError("name the ADDRESS to settle")
        if export is not None:
            return _export(app, workspace, export)
        if decided is not None:
            return _import(workspace, app.directory / decided, lock_timeout)
        target = Target.of(workspace, base_url, api_key_file and app.directory / api_key_file)
        return _look_up(workspace, target, lock_timeout, as_json=as_json)
    if export is not None or decided is not None:
        raise UsageError("--export and --from take no ADDRESS")
    if chosen != 1:
        raise UsageError("say exactly one of --placed CALL_ID, --not-placed, --stopped, --distinct")
    if not reason or not reason.strip():
        raise UsageError("a decision needs its --reason")
    call_id = None if call_id is None else read_call_id(call_id)
    word = _Word(read_address(address), reason.strip(), call_id, stopped, distinct)
    left = _decide(app, workspace, word, lock_timeout)
    if as_json:
        told = {"address": address, "decision": word.said, "reason": word.reason, "unknown": left}
        echo_json(told, indent=None)
    else:
        say(f"{address}: recorded as {word.said}." + (f" {left} left unknown." if left else ""))
    return ExitCode.INCOMPLETE if left else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Word:
    """What a person says of one address."""

    address: Address
    reason: str
    call_id: str | None
    stopped: bool
    distinct: bool

    @property
    def said(self) -> str:
        if self.call_id is not None:
            return f"placed ({self.call_id})"
        return "stopped by hand" if self.stopped else "distinct" if self.distinct else "not placed"

    def decision(self) -> Decision:
        status = None if self.stopped else Status.PLACED if self.call_id is not None else Status.RULED_OUT
        return Decision(self.address, SystemClock().now(), self.reason, status, self.call_id, stopped=self.stopped)


def _decide(app: App, workspace: Workspace, word: _Word, lock_timeout: float) -> int:
    """Record a decision; the result is how many outcomes are left unknown.

    A call that exists for an address the state does not know is taken over from its row.
    """
    from reconciler.cli.loading import intent_of_row

    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        now = SystemClock().now()
        if word.distinct:
            intent_of_row(app, workspace, word.address, now)  # there must be a row
            store.clear(run.id, word.address, word.reason, now)
        elif word.call_id is not None and _absent(store, word.address):
            intent = intent_of_row(app, workspace, word.address, now)
            take_over(store, run.id, intent, word.decision())
        else:
            store.decide(run.id, [word.decision()])
        left = sum(entry.unknown for entry in store.entries())
        code = ExitCode.INCOMPLETE if left else ExitCode.DONE
        store.end_run(run.id, SystemClock().now(), code, {"decided": 1})
    return left


def _export(app: App, workspace: Workspace, path: Path) -> int:
    from reconciler.cli.decisions import export_decisions

    with workspace.reader() as reader:
        unknown = [entry for entry in reader.entries() if entry.unknown]
    export_decisions(app.directory, path, unknown)
    say(f"{len(unknown)} written to {path.name}. Fill in decision, call_id and reason, then: --from {path.name}")
    return ExitCode.INCOMPLETE if unknown else ExitCode.DONE


def _import(workspace: Workspace, path: Path, lock_timeout: float) -> int:
    from reconciler.cli.decisions import read_decisions

    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        known = {entry.address: entry for entry in store.entries()}
        decisions = read_decisions(path, known, SystemClock().now())
        store.decide(run.id, decisions)
        left = sum(entry.unknown for entry in store.entries())
        code = ExitCode.INCOMPLETE if left else ExitCode.DONE
        store.end_run(run.id, SystemClock().now(), code, {"decided": len(decisions)})
    say(f"{len(decisions)} recorded, {left} left unknown.")
    return code


def _absent(store: StateStore, address: Address) -> bool:
    entry = store.entry(address)
    return entry is None or not (entry.placed or entry.unknown)


def _look_up(workspace: Workspace, target: Target, lock_timeout: float, *, as_json: bool) -> int:
    """Ask the service about all that is unknown, and tell what was found and what is left."""
    with workspace.reader() as reader:
        unknown = [entry for entry in reader.entries() if entry.unknown]
    adopted: list[Match] = []
    if unknown:
        key = target.key()
        run = new_run("resolve")
        with workspace.store(run, lock_timeout) as store:
            code = ExitCode.ERROR
            try:
                adopted = asyncio.run(_settle(store, run.id, target, key))
                unknown = [entry for entry in store.entries() if entry.unknown]
                code = ExitCode.INCOMPLETE if unknown else ExitCode.DONE
            finally:
                store.end_run(run.id, SystemClock().now(), code, {"adopted": len(adopted)})
    _tell(adopted, unknown, as_json=as_json)
    return ExitCode.INCOMPLETE if unknown else ExitCode.DONE


async def _settle(store: StateStore, run_id: str, target: Target, key: str) -> list[Match]:
    from reconciler.engine.settle import settle
    from reconciler.provider.listing import CallListing

    directory = CallListing(target.origin, key, target.timeout)
    try:
        return await settle(store, run_id, directory, SystemClock())
    finally:
        await directory.aclose()


def _tell(adopted: list[Match], unknown: list[Entry], *, as_json: bool) -> None:
    from reconciler.engine import explain

    if as_json:
        document = {
            "adopted": [
                {"address": str(item.address), "call_id": item.call_id, "evidence": item.evidence}
                for item in adopted
            ],
            "unknown": [
                {"address": str(item.address), "message": explain.message(explain.uncertain(item))}
                for item in unknown
            ],
        }
        echo_json(document)
        return
    for found in adopted:
        say(for_terminal(f"{found.address}: adopted {found.call_id}, {found.evidence}"))
    for entry in unknown:
        say(for_terminal(f"{entry.address}: {explain.message(explain.uncertain(entry))}"))
    say(f"{len(unknown)} with an unknown outcome." if unknown else "Nothing is unknown.")
