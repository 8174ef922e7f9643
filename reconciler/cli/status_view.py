"""What ``reconciler status`` shows: the outcomes of calls, overdue calls and calls to stop, in each form."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.cli.output import to_json
from reconciler.cli.plan_output import STDOUT
from reconciler.cli.workspace import Workspace
from reconciler.domain.masking import mask_change
from reconciler.domain.plan import Action
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_utc
from reconciler.evidence.outcomes import stand
from reconciler.placing.send_check import describe_pause
from reconciler.quantities import format_count
from reconciler.render import html, to_stop
from reconciler.render import status as render
from reconciler.render.console import OutputStyle
from reconciler.render.csv import to_csv
from reconciler.render.documents import pause_document
from reconciler.render.escape import for_terminal
from reconciler.render.labels import count_line, state_line
from reconciler.render.text import render_to_stop
from reconciler.render.xlsx import to_xlsx
from reconciler.savedplan.planfile import summary
from reconciler.state import snapshot

if TYPE_CHECKING:
    from reconciler.cli.status_query import StatusResult
    from reconciler.domain.plan import Change, Plan
    from reconciler.evidence.outcomes import OutcomeReport

_OPEN = frozenset(
    {Action.CREATE, Action.BLOCKED, Action.UNCERTAIN, Action.CONFLICT, Action.EXPIRED, Action.WAITING}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusOptions:
    """The options of ``reconciler status``. ``within`` and ``interval`` are in seconds."""

    paths: tuple[str, ...]
    plans: tuple[str, ...]
    offline: bool
    overdue: bool
    to_stop: bool
    within: float
    watch: bool
    interval: float
    calls: bool
    form: str | None
    as_json: bool
    output: str
    reveal: bool
    api_key_file: Path | None
    base_url: str | None
    now: datetime | None
    state_url: str | None

    @property
    def form_name(self) -> str:
        return self.form or ("json" if self.as_json else "text")

    def style(self, app: App) -> OutputStyle:
        """How text is shown where it goes to."""
        on_screen = self.output == STDOUT
        return app.look(sys.stdout, reveal=self.reveal) if on_screen else OutputStyle(masked=not self.reveal)

    def late(self, found: StatusResult) -> list[tuple[Change, datetime]]:
        """The overdue calls; none if they were not asked for."""
        return due(found.plan, found.report.as_of + timedelta(seconds=self.within)) if self.overdue else []


def render_status(
    app: App,
    workspace: Workspace,
    found: StatusResult,
    late: list[tuple[Change, datetime]],
    options: StatusOptions,
) -> bytes:
    """The result in the requested form. ``late`` are the overdue calls, each with the time when it is due."""
    masked, form = not options.reveal, options.form_name
    agents = {agent: mask_text(name) if masked else name for name, agent in workspace.project.agents.items()}
    if form == "json":
        files = _files(found.plan, _masked(late) if masked else late, masked=masked)
        document = render.document(found.report, masked=masked) | files
        document["pauses"] = [pause_document(pause, masked=masked) for pause in found.pauses]
        return to_json(document, indent=None if options.watch else 2).encode()
    if form == "html":
        return html.render_outcomes(found.plan, _report(workspace, found), agents, masked=masked).encode()
    if form == "csv":
        return to_csv(render.calls_table(found.report, masked=masked))
    if form == "xlsx":
        return to_xlsx([render.calls_table(found.report, masked=masked)], found.report.as_of)
    style, calls = options.style(app), ""
    if not options.overdue and not workspace.snapshot:
        calls = render.render_text(found.report, agents, style, every=options.calls)
    pauses = [f"Paused: {describe_pause(pause)}" for pause in found.pauses]
    lines = [*pauses, *_lines(found.plan, _masked(late) if style.masked else late, options)]
    rest = "".join(f"{for_terminal(line)}\n" for line in lines)
    return (calls + (mask_text(rest) if style.masked else rest)).encode()


def render_to_stop_list(app: App, plan: Plan, options: StatusOptions) -> bytes:
    """Only the calls to stop by hand."""
    masked = not options.reveal
    if options.form_name == "json":
        return to_json({"to_stop": to_stop.documents(plan.to_stop, masked=masked)}).encode()
    if options.form_name == "csv":
        return to_csv(to_stop.table(plan.to_stop, masked=masked))
    return render_to_stop(plan.to_stop, options.style(app)).encode()


def _masked(late: list[tuple[Change, datetime]]) -> list[tuple[Change, datetime]]:
    return [(mask_change(change), at) for change, at in late]


def _report(workspace: Workspace, found: StatusResult) -> OutcomeReport:
    """The content of the page; of a snapshot, the calls as far as it contains them."""
    if not workspace.snapshot:
        return found.report
    taken = snapshot.read(workspace.state_path, lineage=workspace.lineage)
    scope, now = found.scope, found.report.as_of
    entries = [entry for entry in taken.entries if scope is None or entry.address.plan in scope]
    return replace(found.report, standings=[stand(entry, None, {}, now) for entry in entries])


def _files(plan: Plan, late: list[tuple[Change, datetime]], *, masked: bool) -> dict[str, object]:
    """The comparison of the files with the state, as JSON."""
    stops = to_stop.documents(plan.to_stop, masked=masked)
    listed = [
        {"address": str(change.address), "action": change.action.value, "due": format_utc(at)}
        for change, at in late
    ]
    return {"summary": None if plan.errors else summary(plan), "overdue": listed, "to_stop": stops}


def _lines(plan: Plan, late: list[tuple[Change, datetime]], options: StatusOptions) -> list[str]:
    """The same as text."""
    lines = [
        f"{change.address}  {change.action.value}  due {format_utc(at)}  {change.message or ''}".rstrip()
        for change, at in late
    ]
    if plan.snapshot_at is not None:
        lines.append(state_line(plan))
    if not plan.errors:
        head = f"{len(late)} overdue. " if options.overdue else "" if plan.snapshot_at else "Files: "
        lines.append(f"{head}{count_line(plan)}.")
    if plan.to_stop:
        calls = format_count(len(plan.to_stop), "call")
        lines.append(f"{calls} to stop by hand. Run reconciler status --to-stop to list them.")
    return lines


def due(plan: Plan, until: datetime) -> list[tuple[Change, datetime]]:
    """Calls that are not placed and due by ``until``. Calls recorded as missed do not count.

    An immediate or delayed row is due at once, at the latest at its ``place_by``.
    """
    found = []
    for change in plan.changes:
        if change.action in _OPEN and "recorded" not in change.reasons:
            at = change.scheduled_at or change.place_by or plan.created_at
            if at <= until:
                found.append((change, at))
    return sorted(found, key=lambda item: (item[1], item[0].address))
