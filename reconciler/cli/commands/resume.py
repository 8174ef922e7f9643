"""``reconciler resume``: end a pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli.app import App, SystemClock
from reconciler.cli.lazy import examples
from reconciler.cli.options import checkpoint_option, json_option, state_option
from reconciler.cli.output import echo_json, say
from reconciler.cli.pauses import check_reason, describe_scope, write_pause
from reconciler.cli.planner import PlanRequest, load_plan
from reconciler.cli.workspace import Workspace
from reconciler.domain.plan import Action
from reconciler.placing.send_check import describe_pause
from reconciler.quantities import format_count

if TYPE_CHECKING:
    from reconciler.domain.facts import Pause

_EPILOG = (
    examples(
        "reconciler resume",
        'reconciler resume --plan june --reason "the prices are corrected"',
    )
    + """
\b
Exit codes: 0 resumed, 1 error (it was not paused), 3 resumed on this disk, but the checkpoint failed, 5 refused.
"""
)


@dataclass(frozen=True, slots=True)
class _Due:
    """The calls that the files request now. ``calls`` is None if this is unknown, for the reason ``why``,
    if any.
    """

    calls: int | None
    why: str = ""


@click.command(epilog=_EPILOG)
@click.option("--plan", "plan", metavar="NAME", help="The pause of this plan. Default: the pause of all plans.")
@click.option("--reason", help="The reason. Recorded.")
@json_option
@checkpoint_option("afterwards, as apply does")
@state_option
@click.pass_obj
def resume(
    app: App, plan: str | None, reason: str | None, as_json: bool, checkpoint: str | None, state_url: str | None
) -> int:
    """End a pause, and show how many calls the next apply would place.

    A pause of one plan and a pause of all plans are ended separately. It places nothing.
    """
    workspace = Workspace.open(app, state_url)
    reason = None if reason is None else check_reason(reason)
    now = SystemClock().now()
    code = write_pause(
        app, workspace, "resume", checkpoint, lambda store, run: store.resume(run.id, plan, reason, now)
    )
    with workspace.reader() as reader:
        left = [item for item in reader.pauses() if plan is None or item.plan in {None, plan}]
    due = _due(app, workspace, plan)
    if as_json:
        echo_json({"plan": plan, "due": due.calls, "still_paused": [item.plan for item in left]})
        return code
    say(f"Resumed {describe_scope(plan)}.")
    say(*_lines(due, left))
    return code


def _due(app: App, workspace: Workspace, plan: str | None) -> _Due:
    made, sources = load_plan(app, workspace, PlanRequest((), SystemClock().now()))
    if not sources.files:
        return _Due(None)
    if made.errors:
        return _Due(
            None,
            "The number of calls to place is unknown, because the files have errors. Run: reconciler validate",
        )
    return _Due(sum(plan in {None, item.address.plan} for item in made.with_action(Action.CREATE)))


def _lines(due: _Due, left: list[Pause]) -> list[str]:
    lines = [due.why] if due.why else []
    if due.calls is not None:
        what = f"The next apply places {format_count(due.calls, 'call')}"
        lines.append(f"{what}, except those that are still paused." if left and due.calls else f"{what}.")
    return lines + [f"Still paused: {describe_pause(item)}" for item in left]
