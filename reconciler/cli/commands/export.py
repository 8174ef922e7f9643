"""``reconciler export``: the placed calls and their outcomes, for spreadsheets and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App
from reconciler.cli.options import output_option, plans_option, reveal_option, state_option
from reconciler.cli.plan_output import check_place, put
from reconciler.cli.workspace import Workspace
from reconciler.errors import ReconcilerError
from reconciler.render.csv import to_csv
from reconciler.render.state_export import entries_json, entries_table, summary_table
from reconciler.render.xlsx import to_xlsx

if TYPE_CHECKING:
    from reconciler.domain.model import Entry

_FORMATS = ("csv", "xlsx", "json")
_EPILOG = """\b
Examples:
  reconciler export --output calls.xlsx
  reconciler export --plan june-renewals --format csv --reveal > june.csv
  reconciler export --format json | jq '.entries[] | select(.status == "uncertain")'
"""


@click.command(epilog=_EPILOG)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: the suffix of --output, or csv.")
@output_option
@plans_option
@reveal_option
@state_option
@click.pass_obj
def export(
    app: App, form: str | None, output: str, plans: tuple[str, ...], reveal: bool, state_url: str | None
) -> None:
    """Export every address in the state, with its outcome and its call.

    It works during a running apply, and shows one moment. In CSV, a cell that a spreadsheet would read as
    a formula starts with an apostrophe.
    """
    ending = PurePath(output).suffix.lower().removeprefix(".")
    form = form or (ending if ending in _FORMATS else "csv")
    check_place(form, output)
    workspace = Workspace.open(app, state_url)
    public_metadata = None if reveal else workspace.project.policy.public_metadata
    with workspace.reader() as reader:
        entries = list(reader.entries())
        lineage, serial = reader.lineage, reader.serial
    put(app, _bytes(_with_plans(plans, entries), form, lineage, serial, public_metadata), output)


def _with_plans(plans: Sequence[str], entries: list[Entry]) -> list[Entry]:
    """The entries of these plans, or all if no plan is named. Raises ``ReconcilerError`` if a plan has none."""
    known = {entry.address.plan for entry in entries}
    for plan in plans:
        if plan not in known:
            near = get_close_matches(plan, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "run reconciler state list to see its plans"
            raise ReconcilerError(f"the state has no plan {plan!r}", hint=hint)
    return [entry for entry in entries if not plans or entry.address.plan in plans]


def _bytes(
    entries: list[Entry], form: str, lineage: str, serial: int, public_metadata: frozenset[str] | None
) -> bytes:
    if form == "json":
        return entries_json(entries, lineage, serial, public_metadata)
    table = entries_table(entries, public_metadata)
    if form == "csv":
        return to_csv(table)
    latest = max((entry.attempted_at for entry in entries), default=datetime(1980, 1, 1, tzinfo=UTC))
    return to_xlsx([summary_table(entries, lineage, serial), table], latest)
