"""What ``reconciler status`` shows: the outcomes of calls, overdue calls and calls to stop, in each form."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.app import App
from reconciler.cli.output import to_json
from reconciler.cli.plan_output import STDOUT
from reconciler.cli.workspace import Workspace
from reconciler.domain.masking import mask_change
from reconciler.domain.plan import Action, Moment
from reconciler.domain.sensitive import mask_text
from reconciler.domain.times import format_utc
from reconciler.errors import UsageError
from reconciler.evidence.outcomes import stand
from reconciler.placing.send_check import describe_pause
from reconciler.quantities import format_count
from reconciler.render import formats, html, to_stop
from reconciler.render import status as render
from reconciler.render.console import OutputStyle, wrap
from reconciler.render.csv import to_csv
from reconciler.render.documents import pause_document
from reconciler.render.escape import for_terminal
from reconciler.render.labels import count_line, state_line, word
from reconciler.render.status_text import OUTCOMES, render_text
from reconciler.render.subject import Display, change_subject
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
    outcomes: tuple[str, ...]
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
    if options.outcomes:
        found = replace(found, report=_with_outcomes(found.report, options.outcomes))
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
        display = replace(Display.from_plan(found.plan), now=found.report.as_of)
        calls = render_text(found.report, agents, display, style, every=options.calls)
    pauses = [f"Paused: {describe_pause(pause)}" for pause in found.pauses]
    lines = [*pauses, *_lines(found.plan, _masked(late) if style.masked else late, options)]
    rest = "".join(f"{part}\n" for line in lines for part in wrap(for_terminal(line), style.width))
    return (calls + (mask_text(rest) if style.masked else rest)).encode()


def render_to_stop_list(app: App, plan: Plan, options: StatusOptions) -> bytes:
    """Only the calls to stop by hand."""
    masked = not options.reveal
    if options.form_name == "json":
        return to_json({"to_stop": to_stop.documents(plan.to_stop, masked=masked)}).encode()
    if options.form_name == "csv":
        return to_csv(to_stop.table(plan.to_stop, masked=masked))
    return render_to_stop(plan, options.style(app)).encode()


def _with_outcomes(report: OutcomeReport, words: tuple[str, ...]) -> OutcomeReport:
    """Only the calls with one of these outcomes.

    Raises:
        UsageError: no call can have such an outcome.
    """
    known = {*OUTCOMES, *(item.outcome for item in report.standings)}
    if unknown := [name for name in words if name not in known]:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"outcomes are {', '.join(OUTCOMES)}"
        raise UsageError(f"no outcome {unknown[0]!r}", hint=hint)
    return replace(report, standings=[item for item in report.standings if item.outcome in words])


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
    display = Display.from_plan(plan)
    lines = [_late_line(change, at, display) for change, at in late]
    if plan.snapshot_at is not None:
        lines.append(state_line(plan))
    if not plan.errors:
        head = f"{len(late):,} overdue. " if options.overdue else "" if plan.snapshot_at else "Files: "
        lines.append(f"{head}{count_line(plan)}.")
    if plan.to_stop:
        calls = format_count(len(plan.to_stop), "call")
        lines.append(f"{calls} to stop by hand. Run reconciler status --to-stop to list them.")
    return lines


def _late_line(change: Change, at: datetime, display: Display) -> str:
    """``to place  due Mon 15 Jun 10:00 in Mexico City  Ana Pérez  june/inv-1``, and what keeps it from being
    placed.
    """
    subject = change_subject(change, display)
    moment = formats.format_moment(Moment(at, subject.zone or "UTC"), display.now)
    parts = (word(change.action), f"due {moment}", subject.person, str(change.address))
    return "  ".join(filter(None, (*parts, formats.detail(change, display.now))))


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
