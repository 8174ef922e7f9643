"""``reconciler state migrate|pull|push``: upgrade the tables, move the state, and copy it to and from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.lazy import examples
from reconciler.cli.options import FILE, lock_option, refuse_password, state_option
from reconciler.cli.output import say
from reconciler.cli.output_files import output_path, writing_private
from reconciler.cli.runs import new_run
from reconciler.cli.workspace import Workspace
from reconciler.domain.ledger import EntryKind
from reconciler.errors import ExitCode, UsageError
from reconciler.quantities import format_count
from reconciler.state.transfer import dump, push_pull
from reconciler.state.transfer.migrate import move
from reconciler.system.files import exists

if TYPE_CHECKING:
    from reconciler.state.backend import StateBackend
    from reconciler.state.transfer.push_pull import Step


@click.command(
    "migrate",
    epilog=examples(
        "reconciler state migrate                     # upgrade the tables to this version",
        "reconciler state migrate .reconciler/state.db postgresql://db/calls?sslmode=verify-full",
        'reconciler state migrate "$RECONCILER_STATE" .reconciler/state.db',
    ),
)
@click.argument("source", metavar="[FROM]", required=False)
@click.argument("target", metavar="[TO]", required=False)
@lock_option
@state_option
@click.pass_obj
def migrate(app: App, source: str | None, target: str | None, lock_timeout: float, state_url: str | None) -> None:
    """Upgrade the state's tables to this version, or move the state from one file or server to another.

    FROM and TO are paths or postgresql:// URLs without a password. The move copies the state in one transaction,
    compares both row by row and checks the ledger. Then FROM is closed, because a state has only one place. Run
    the command again to continue a move that was interrupted.
    """
    if source is None:
        _upgrade(Workspace.open(app, state_url).place, lock_timeout)
        return
    if target is None:
        raise UsageError("state migrate needs both FROM and TO, or neither")
    _move(_place(app, source), _place(app, target), lock_timeout)


def _place(app: App, url: str) -> StateBackend:
    refuse_password(url, "an argument")
    return Workspace.open(app, url).place


def _upgrade(place: StateBackend, lock_timeout: float) -> None:
    run = new_run("state migrate")
    with place.store(run, lock_timeout) as store:
        store.end_run(run.id, SystemClock().now(), ExitCode.DONE, {})
    say(f"The tables of {place} are up to date.")


def _move(source: StateBackend, target: StateBackend, lock_timeout: float) -> None:
    if str(source) == str(target):
        raise UsageError("FROM and TO are the same")
    run = new_run("state migrate", details={"from": str(source), "to": str(target)})
    moved = move(source, target, run, SystemClock().now(), lock_timeout)
    if moved.rows is None:
        say(f"An earlier move had already copied everything to {target}.")
    else:
        calls, entries = format_count(moved.rows["calls"], "call"), moved.rows["ledger"]
        say(f"Moved {calls} and {entries:,} ledger entries to {target}; all rows match.")
    say(f"{source} is closed. From now on, use --state {target} or RECONCILER_STATE.", err=True)


@click.command(
    "push",
    epilog=examples(
        "reconciler state push /mnt/team/calls.state     # after apply",
        "reconciler apply plan.json --checkpoint 'reconciler state push /mnt/team/calls.state'",
    ),
)
@click.argument("file", type=FILE)
@state_option
@click.pass_obj
def push(app: App, file: Path, state_url: str | None) -> None:
    """Write the state to FILE, so that another machine can continue with state pull.

    Refused if FILE has calls that are not in this state. Only one machine at a time may pull, apply and push,
    because nothing locks FILE between them. FILE contains the complete state, unencrypted, with mode 0600.
    """
    path = output_path(app.directory, file)
    known = dump.read(path) if exists(path) else None
    place = Workspace.open(app, state_url).place
    with writing_private(app.directory, file) as target:
        head, divergence = push_pull.push(place, known, target)
    say(f"Pushed the state up to entry {head.number:,} of its ledger to {file}.")
    _print_dropped(str(file), divergence.theirs)


@click.command("pull", epilog=examples("reconciler state pull /mnt/team/calls.state     # before plan and apply"))
@click.argument("file", type=FILE)
@lock_option
@state_option
@click.pass_obj
def pull(app: App, file: Path, lock_timeout: float, state_url: str | None) -> None:
    """Replace the state with the one pushed to FILE, or create it.

    Refused if this state has calls that are not in FILE, or if FILE has another lineage.
    """
    workspace = Workspace.open(app, state_url)
    run = new_run("state pull")
    pulled = push_pull.pull(
        workspace.place, dump.read(app.directory / file), run, SystemClock().now(), lock_timeout
    )
    if pulled.calls is None:
        say(f"Nothing new in {file}.")
        return
    say(f"Pulled {file}: the state has {format_count(pulled.calls, 'call')}.")
    _print_dropped("the state", pulled.divergence.ours)


def _print_dropped(where: str, dropped: Sequence[Step]) -> None:
    if runs := sum(step.kind == EntryKind.BEGAN for step in dropped):
        say(f"Dropped {format_count(runs, 'run')} of {where} that placed nothing.", err=True)
