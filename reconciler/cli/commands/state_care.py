"""``reconciler state backup|check|export|forget|import|lock``: maintenance of the state."""

from __future__ import annotations

import time
from pathlib import Path

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.completions import addresses_of_rows, addresses_of_state
from reconciler.cli.lazy import examples
from reconciler.cli.locking import lock_json, lock_text
from reconciler.cli.named_calls import check_with_service
from reconciler.cli.options import (
    FILE,
    FILE_OR_STDOUT,
    Duration,
    json_option,
    lock_option,
    read_address,
    read_call_id,
    service_options,
    state_option,
)
from reconciler.cli.output import echo, echo_file, echo_json, say
from reconciler.cli.output_files import output_path, write_private
from reconciler.cli.planner import intents_of_rows
from reconciler.cli.runs import new_run
from reconciler.cli.target import Target
from reconciler.cli.workspace import Workspace
from reconciler.domain.model import Status
from reconciler.domain.ports import Decision
from reconciler.errors import ExitCode
from reconciler.quantities import format_count
from reconciler.state import snapshot
from reconciler.state.sqlite.backup import backup as copy_state


@click.command("backup", epilog=examples("reconciler state backup state-backup.db"))
@click.argument("file", type=FILE)
@state_option
@click.pass_obj
def backup(app: App, file: Path, state_url: str | None) -> None:
    """Copy the complete state to FILE, even while an apply runs."""
    workspace = Workspace.open(app, state_url)
    workspace.check()
    copy_state(workspace.state_path, output_path(app.directory, file))
    say(f"Copied {workspace.state_path} to {file}.")


@click.command(
    "export",
    epilog=examples(
        "reconciler state export --public snapshot.json", "reconciler state export --public - > snapshot.json"
    ),
)
@click.option("--public", "file", type=FILE_OR_STDOUT, required=True)
@state_option
@click.pass_obj
def export(app: App, file: Path, state_url: str | None) -> None:
    """Write a snapshot, to plan where the state is not available: plan --state snapshot:FILE.

    It contains addresses, times and keyed digests, but no call ids and no values. It is not anonymous: anyone who
    has it can test whether it contains a guessed number. FILE may be - for standard output.
    """
    with Workspace.open(app, state_url).reader() as reader:
        data = snapshot.export(reader, SystemClock().now())
    if str(file) == "-":
        echo_file(data)
        return
    write_private(app.directory, file, data)
    say(f"Wrote a snapshot to {file}.")


@click.command("check", epilog=examples("reconciler state check", "reconciler state check --json"))
@json_option
@state_option
@click.pass_obj
def check(app: App, as_json: bool, state_url: str | None) -> int:
    """Check for damage, orphans and timestamps out of order. Exit 1 if there is a problem."""
    found = Workspace.open(app, state_url).place.check(SystemClock().now())
    if as_json:
        echo_json({"ok": not found, "problems": found})
    else:
        say(*found)
        say(f"{format_count(len(found), 'problem')}." if found else "The state is intact.")
    return ExitCode.ERROR if found else ExitCode.DONE


@click.command("lock", epilog=examples("reconciler state lock", "reconciler state lock --json"))
@json_option
@click.option("--watch", is_flag=True, help="Repeat until the lock is released.")
@click.option("--interval", type=Duration(1.0), default="2s", show_default=True, help="Time between two checks.")
@state_option
@click.pass_obj
def lock(app: App, as_json: bool, watch: bool, interval: float, state_url: str | None) -> int:
    """Show who holds the lock, and the progress of each runner. Exit 4 while it is held."""
    place = Workspace.open(app, state_url).place
    while True:
        found = place.lock()
        echo(lock_json(found, line=watch) if as_json else lock_text(found, SystemClock().now()))
        if not (watch and found.held):
            return ExitCode.LOCKED if found.held else ExitCode.DONE
        time.sleep(interval)


@click.command("forget", epilog=examples('reconciler state forget june/inv-1001 --reason "made by mistake"'))
@click.argument("address", shell_complete=addresses_of_state)
@click.option("--reason", required=True, help="The reason. Recorded.")
@lock_option
@state_option
@click.pass_obj
def forget(app: App, address: str, reason: str, lock_timeout: float, state_url: str | None) -> None:
    """Remove ADDRESS from the state. The next apply places its row, even if the call already exists."""
    workspace = Workspace.open(app, state_url)
    where, run = read_address(address), new_run("state forget")
    with workspace.store(run, lock_timeout) as store:
        store.forget(run.id, where, reason, SystemClock().now())
        store.end_run(run.id, SystemClock().now(), ExitCode.DONE, {"forgotten": 1})
    say(f"{where}: removed from the state. If its row still exists, the next apply places it.")


@click.command("import", epilog=examples("reconciler state import june/inv-1001 call-b2c3d4e5"))
@click.argument("address", shell_complete=addresses_of_rows)
@click.argument("call_id")
@click.option("--reason", default="imported", show_default=True, help="The reason. Recorded.")
@service_options
@lock_option
@state_option
@click.pass_obj
def import_call(
    app: App,
    address: str,
    call_id: str,
    reason: str,
    api_key_file: Path | None,
    base_url: str | None,
    lock_timeout: float,
    state_url: str | None,
) -> None:
    """Record that the row ADDRESS of the plan files is the existing call CALL_ID.

    With an API key, CALL_ID is looked up: a call of another person, agent or address is refused.
    """
    workspace = Workspace.open(app, state_url)
    where, call_id = read_address(address), read_call_id(call_id)
    run, now = new_run("state import"), SystemClock().now()
    intents = intents_of_rows(app, workspace, [where], now)
    decisions = [Decision(where, now, reason, Status.PLACED, call_id)]
    target = Target.from_options(workspace, base_url, api_key_file)
    with workspace.store(run, lock_timeout) as store:
        check_with_service(store, target, decisions, intents)
        store.decide(run.id, decisions, intents)
        store.end_run(run.id, SystemClock().now(), ExitCode.DONE, {"imported": 1})
    say(f"{where}: imported as {call_id}.")
