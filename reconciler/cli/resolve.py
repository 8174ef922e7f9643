"""``reconciler resolve``: a person's word on what the tool cannot know."""

from __future__ import annotations

import json

import click

from reconciler.cli.app import App, SystemClock, lock_option, state_option
from reconciler.cli.loading import Workspace
from reconciler.cli.runs import new_run
from reconciler.errors import ExitCode, UsageError
from reconciler.model import Address, Status
from reconciler.ports import Decision
from reconciler.render.escape import for_terminal

_EPILOG = """\b
Examples:
  reconciler resolve
  reconciler resolve june/inv-1001 --placed call-b2c3d4e5 --reason "seen in the dashboard"
  reconciler resolve june/inv-1001 --not-placed --reason "not in the dashboard after an hour"
  reconciler resolve june/inv-1001 --stopped --reason "deleted in the dashboard"
"""


@click.command(epilog=_EPILOG)
@click.argument("address", required=False)
@click.option("--placed", "call_id", metavar="CALL_ID", help="The call exists, and this is its id.")
@click.option("--not-placed", is_flag=True, help="There is no such call: the next apply places it.")
@click.option("--stopped", is_flag=True, help="The placed call was stopped by hand: it will not ring.")
@click.option("--reason", help="Why you know. Recorded.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@lock_option
@state_option
@click.pass_obj
def resolve(
    app: App,
    address: str | None,
    call_id: str | None,
    not_placed: bool,
    stopped: bool,
    reason: str | None,
    as_json: bool,
    lock_timeout: float,
    state_url: str | None,
) -> int:
    """Settle an address, or list those whose outcome is unknown (exit 3 while there are any)."""
    workspace = Workspace.open(app, state_url)
    chosen = [call_id is not None, not_placed, stopped].count(True)
    if address is None:
        if chosen or reason:
            raise UsageError("name the ADDRESS to settle")
        return _list_unknown(workspace, as_json=as_json)
    if chosen != 1:
        raise UsageError("say exactly one of --placed CALL_ID, --not-placed, --stopped")
    if not reason or not reason.strip():
        raise UsageError("a decision needs its --reason")
    status = Status.PLACED if call_id is not None else Status.RULED_OUT if not_placed else None
    now = SystemClock().now()
    decision = Decision(_address(address), now, reason.strip(), status, call_id, stopped=stopped)
    _decide(workspace, decision, lock_timeout)
    said = f"placed ({call_id})" if call_id is not None else "not placed" if not_placed else "stopped by hand"
    if as_json:
        click.echo(json.dumps({"address": address, "decision": said, "reason": decision.reason}))
    else:
        click.echo(f"{address}: recorded as {said}.")
    return ExitCode.DONE


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _decide(workspace: Workspace, decision: Decision, lock_timeout: float) -> None:
    run = new_run("resolve")
    with workspace.store(run, lock_timeout) as store:
        store.decide(run.id, [decision])
        store.end_run(run.id, SystemClock().now(), ExitCode.DONE, {"decided": 1})


def _list_unknown(workspace: Workspace, *, as_json: bool) -> int:
    from reconciler.engine import explain

    with workspace.reader() as reader:
        unknown = [entry for entry in reader.entries() if entry.unknown]
    if as_json:
        items = [{"address": str(item.address), "message": explain.uncertain(item)[1]} for item in unknown]
        click.echo(json.dumps({"unknown": items}, ensure_ascii=False, indent=2))
    else:
        for item in unknown:
            click.echo(for_terminal(f"{item.address}: {explain.uncertain(item)[1]}"))
        click.echo(f"{len(unknown)} with an unknown outcome." if unknown else "Nothing is unknown.")
    return ExitCode.INCOMPLETE if unknown else ExitCode.DONE
