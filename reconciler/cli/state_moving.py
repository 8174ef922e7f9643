"""``reconciler state migrate``: to this version's tables, or to another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock, examples, lock_option, refuse_password, state_option
from reconciler.cli.loading import Workspace
from reconciler.cli.runs import new_run
from reconciler.errors import ExitCode, UsageError
from reconciler.render.escape import for_terminal
from reconciler.render.words import counted

if TYPE_CHECKING:
    from reconciler.state.place import Place


@click.command(
    "migrate",
    epilog=examples(
        "reconciler state migrate                     # the tables to this version",
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
    """Bring the state's tables to this version; or move the state, from one file or server to another.

    FROM and TO are paths or postgresql:// URLs without a password. The move copies the state in one transaction,
    compares both row by row and checks the ledger. FROM is closed from then on: a state is in one place. A move
    that was cut off goes on when it is run again.
    """
    if source is None:
        _upgrade(Workspace.open(app, state_url).place, lock_timeout)
        return
    if target is None:
        raise UsageError("where to? state migrate takes FROM and TO, or neither")
    _move(_place(app, source), _place(app, target), lock_timeout)


def _place(app: App, url: str) -> Place:
    refuse_password(url, "an argument")
    return Workspace.open(app, url).place


def _upgrade(place: Place, lock_timeout: float) -> None:
    run = new_run("state migrate")
    with place.store(run, lock_timeout) as store:
        store.end_run(run.id, SystemClock().now(), ExitCode.DONE, {})
    click.echo(for_terminal(f"The tables of {place} are those of this version."))


def _move(source: Place, target: Place, lock_timeout: float) -> None:
    from reconciler.state import moving

    if str(source) == str(target):
        raise UsageError("FROM and TO are the same")
    run = new_run("state migrate", details={"from": str(source), "to": str(target)})
    moved = moving.move(source, target, run, SystemClock().now(), lock_timeout)
    if moved.rows is None:
        click.echo(for_terminal(f"An earlier move had copied everything: the state is {target}."))
    else:
        calls, entries = counted(moved.rows["calls"], "call"), moved.rows["ledger"]
        click.echo(
            for_terminal(f"Moved {calls} and {entries:,} entries of the ledger to {target}; all rows agree.")
        )
    click.echo(for_terminal(f"{source} is closed. From now on: --state {target}, or RECONCILER_STATE."), err=True)
