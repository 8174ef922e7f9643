"""``reconciler state redact``: remove personal data from the state once the calls are over."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.options import Instant, json_option, lock_option, state_option
from reconciler.cli.output import echo_json, say
from reconciler.cli.runs import new_run
from reconciler.cli.workspace import Workspace
from reconciler.domain.times import format_instant
from reconciler.errors import ExitCode, UsageError
from reconciler.state import redaction
from reconciler.system.files import sync_folder

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STAYS = "the server's write-ahead log, backups and replicas still contain the data: delete it on the server"


class DayOrInstant(Instant):
    """An RFC 3339 time with its offset, or a day: its start in UTC."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        text = str(value)
        return super().convert(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else value, param, ctx)


@click.command("redact", epilog="\b\nExamples:\n  reconciler state redact --before 2026-01-01 --dry-run\n")
@click.option(
    "--before", type=DayOrInstant(), required=True, metavar="DATE", help="A day (UTC), or an RFC 3339 time."
)
@click.option("--dry-run", is_flag=True, help="Show what would be redacted, and change nothing.")
@json_option
@lock_option
@state_option
@click.pass_obj
def redact(
    app: App, before: datetime, dry_run: bool, as_json: bool, lock_timeout: float, state_url: str | None
) -> None:
    """Permanently remove numbers, names, data and messages of calls that rang before DATE from the state.

    Addresses, digests, call ids, times and the ledger's chain stay, so nobody is called again and audit verify
    still passes. Data outside the state stays too: plan files, saved plans, backups, copies on other machines.
    """
    if before > datetime.now(UTC):
        raise UsageError("--before is in the future: only calls that are over can be redacted")
    workspace = Workspace.open(app, state_url)
    addresses, removed = _look(workspace, before) if dry_run else _redact(workspace, before, lock_timeout)
    if workspace.file is None and addresses:
        say(f"note: {_STAYS}", err=True)
    if as_json:
        document = {
            "before": format_instant(before),
            "dry_run": dry_run,
            "addresses": addresses,
            "removed": removed,
        }
        echo_json(document)
        return
    for name in removed:
        say(f"{'Would remove' if dry_run else 'Removed'} {name}, a copy of the unredacted state.")
    calls = f"{len(addresses)} call{'' if len(addresses) == 1 else 's'}"
    say(f"{calls} {'would be redacted' if dry_run else 'redacted'}.")


def _look(workspace: Workspace, before: datetime) -> tuple[list[str], list[str]]:
    with workspace.reader() as reader:
        found = redaction.due(reader, before)
    return [str(address) for address in found], [path.name for path in _copies(workspace)]


def _copies(workspace: Workspace) -> list[Path]:
    return [] if workspace.file is None else redaction.copies(workspace.file)


def _redact(workspace: Workspace, before: datetime, lock_timeout: float) -> tuple[list[str], list[str]]:
    """Redact what is due. The file is rewritten even if nothing is due, because an earlier run may have been
    killed.
    """
    run = new_run("state redact", details={"before": format_instant(before)})
    with workspace.store(run, lock_timeout) as store:
        code, count = ExitCode.ERROR, 0
        try:
            found = redaction.due(store, before)
            store.redact(run.id, found, SystemClock().now())
            code, count = ExitCode.DONE, len(found)
        finally:
            store.end_run(run.id, SystemClock().now(), code, {"redacted": count})
        copies = _copies(workspace)
        for path in copies:
            path.unlink()
            sync_folder(path.parent)  # or a power cut may bring back what it has
    return [str(address) for address in found], [path.name for path in copies]
