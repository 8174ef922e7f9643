"""``reconciler pause``: send nothing more, for one plan or for all, until it is resumed."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock, is_public
from reconciler.cli.lazy import examples
from reconciler.cli.options import checkpoint_option, json_option, state_option
from reconciler.cli.output import echo_json, say
from reconciler.cli.pauses import check_reason, describe_scope, write_pause
from reconciler.cli.status_query import unknown_plan
from reconciler.cli.workspace import Workspace
from reconciler.domain.times import format_instant, format_utc
from reconciler.quantities import format_count
from reconciler.render.documents import pause_document

if TYPE_CHECKING:
    from reconciler.domain.model import Entry
    from reconciler.domain.ports import StateReader

_EPILOG = (
    examples(
        'reconciler pause --reason "wrong prices in the script"',
        'reconciler pause --plan june --reason "the client asked for it"',
        'reconciler pause --reason "wrong prices" --checkpoint ./carry-state   # if each apply has a checkpoint',
    )
    + """
\b
Exit codes: 0 paused, 1 error, 3 paused on this disk, but the checkpoint failed, 5 refused.
"""
)


@click.command(epilog=_EPILOG)
@click.option("--plan", "plan", metavar="NAME", help="Only this plan. Default: all plans.")
@click.option("--reason", required=True, help="The reason. Recorded, and shown by apply.")
@json_option
@checkpoint_option("afterwards, as apply does")
@state_option
@click.pass_obj
def pause(
    app: App, plan: str | None, reason: str, as_json: bool, checkpoint: str | None, state_url: str | None
) -> int:
    """Send nothing more for one plan, or for all, until it is resumed.

    It needs no lock: a running apply sees it before its next request. Calls that were already placed still
    ring; their number is shown.
    """
    workspace = Workspace.open(app, state_url)
    reason = check_reason(reason)
    if plan is not None and plan not in (names := _plan_names(app, workspace, plan)):
        raise unknown_plan(plan, names)
    now = SystemClock().now()
    code = write_pause(
        app, workspace, "pause", checkpoint, lambda store, run: store.pause(run.id, plan, reason, now)
    )
    with workspace.reader() as reader:
        ahead, unknown = _handed_over(reader, plan, now)
        running = workspace.place.lock().held
        kept = next((item for item in reader.pauses() if item.plan == plan), None)
    if as_json:
        first = min((entry.rings_at for entry in ahead), default=None)
        echo_json(
            {
                "paused": None if kept is None else pause_document(kept, masked=is_public(sys.stdout)),
                "still_ring": len(ahead),
                "first_rings_at": None if first is None else format_instant(first),
                "unknown": unknown,
            }
        )
        return code
    option = "" if plan is None else f" --plan {plan}"
    say(f"Paused {describe_scope(plan)}. To continue, run: reconciler resume{option}")
    say(*_still_ringing(ahead, unknown, running=running))
    return code


def _plan_names(app: App, workspace: Workspace, wanted: str) -> frozenset[str]:
    """The plans in the state; if ``wanted`` is not among them, also those of the files."""
    with workspace.reader() as reader:
        names = frozenset(entry.address.plan for entry in reader.entries())
    return names if wanted in names else names | workspace.sources(app, ()).plans


def _handed_over(reader: StateReader, plan: str | None, now: datetime) -> tuple[list[Entry], int]:
    """The calls that a pause cannot stop, and the number of attempts with an unknown outcome."""
    entries = [entry for entry in reader.entries() if plan is None or entry.address.plan == plan]
    ahead = [entry for entry in entries if entry.will_ring(now)]
    return ahead, sum(entry.unknown for entry in entries)


def _still_ringing(ahead: list[Entry], unknown: int, *, running: bool) -> list[str]:
    lines = []
    if ahead:
        first = format_utc(min(entry.rings_at for entry in ahead))
        verb = "rings" if len(ahead) == 1 else "ring"
        lines.append(
            f"{format_count(len(ahead), 'call')} placed before still {verb}, the first at {first}. "
            "Run reconciler status to list them; they can only be stopped in the dashboard."
        )
    else:
        lines.append("No call that was placed before is still pending.")
    if unknown and running:
        verb = "is" if unknown == 1 else "are"
        lines.append(f"{format_count(unknown, 'request')} {verb} in flight or unknown: these calls may ring.")
    elif unknown:
        lines.append(f"{format_count(unknown, 'outcome')} unknown: these calls may ring. Run: reconciler resolve")
    return lines
