"""Compare the files with the state, and the state with the service."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.cli import call_cache
from reconciler.cli.app import App, SystemClock
from reconciler.cli.planner import PlanRequest, load_plan
from reconciler.cli.workspace import Workspace
from reconciler.contactship.origin import API_KEY_VARIABLE
from reconciler.errors import LookupFailed, ReconcilerError
from reconciler.evidence.matching import Lineage
from reconciler.evidence.outcomes import Answers, OutcomeReport, drift, ended, stand
from reconciler.evidence.refresh import query_calls

if TYPE_CHECKING:
    from reconciler.cli.target import Target
    from reconciler.domain.facts import Pause
    from reconciler.domain.model import Address, Entry
    from reconciler.domain.plan import Plan
    from reconciler.domain.service import RemoteCall
    from reconciler.source.sources import Sources

NO_KEY = f"no API key ({API_KEY_VARIABLE} or --api-key-file)"
SNAPSHOT = "a snapshot has no call ids"


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """What to check. ``not_asked`` is the reason why the service is not queried, None if it is."""

    paths: tuple[str, ...]
    plans: tuple[str, ...]
    target: Target
    not_asked: str | None


@dataclass(frozen=True, slots=True)
class StatusResult:
    """The result. ``failed`` is the error if the service could not be queried.

    ``scope`` are the checked plans, None for all. ``new_to_stop``: a call to stop by hand was not shown by any
    apply yet; unknown for a snapshot.
    """

    plan: Plan
    sources: Sources
    report: OutcomeReport
    scope: Collection[str] | None
    failed: LookupFailed | None = None
    new_to_stop: bool = False
    pauses: Sequence[Pause] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """The data that was read from a state at one moment."""

    lineage: Lineage
    serial: int
    entries: Sequence[Entry]
    to_stop_known: frozenset[Address]
    pauses: Sequence[Pause]
    by_hand: frozenset[str]


def query_status(app: App, workspace: Workspace, question: StatusQuery, now: datetime) -> StatusResult:
    """Plan, read the state, and query the service. Nothing is locked, and no state is written.

    Raises:
        StateError: the state is missing, foreign or unusable.
        ReconcilerError: there is no plan of that name.
    """
    plan, sources = load_plan(app, workspace, PlanRequest(question.paths, now))
    if workspace.snapshot or not workspace.trusted:
        why = SNAPSHOT if workspace.snapshot else None
        chosen = _chosen(question, {change.address.plan for change in plan.changes})
        scope = sources.plans if question.paths else chosen
        return StatusResult(
            _only(plan, chosen), sources, OutcomeReport(now, plan.lineage, plan.serial, not_asked=why), scope
        )
    state = _read(workspace)
    named = {entry.address.plan for entry in state.entries} | {change.address.plan for change in plan.changes}
    chosen = _chosen(question, named)
    scope = sources.plans if question.paths else chosen
    report, failed = _refresh(workspace, question, state, scope, now)
    plan = _only(plan, chosen)
    new = any(call.address not in state.to_stop_known for call in plan.to_stop)
    pauses = [pause for pause in state.pauses if scope is None or pause.plan is None or pause.plan in scope]
    return StatusResult(plan, sources, report, scope, failed, new, pauses)


def _chosen(question: StatusQuery, known: Collection[str]) -> frozenset[str] | None:
    """The named plans; None if no plan is named."""
    for name in question.plans:
        if name not in known:
            raise unknown_plan(name, known)
    return frozenset(question.plans) or None


def unknown_plan(name: str, known: Collection[str]) -> ReconcilerError:
    """The error for the name of a plan that does not exist."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "run reconciler state list to see the plans in the state"
    return ReconcilerError(f"neither the files nor the state have a plan {name!r}", hint=hint)


def _only(plan: Plan, chosen: frozenset[str] | None) -> Plan:
    if chosen is None:
        return plan
    changes = plan.changes.filtered(lambda change: change.address.plan in chosen)
    return replace(plan, changes=changes, to_stop=tuple(c for c in plan.to_stop if c.address.plan in chosen))


def _read(workspace: Workspace) -> _State:
    with workspace.reader() as reader:
        entries = list(reader.entries())
        lineage = Lineage(reader.lineage, reader.renames())
        by_hand = reader.calls_recorded_by_hand()
        return _State(lineage, reader.serial, entries, reader.to_stop_known(), reader.pauses(), by_hand)


def _refresh(
    workspace: Workspace, question: StatusQuery, state: _State, scope: Collection[str] | None, now: datetime
) -> tuple[OutcomeReport, LookupFailed | None]:
    """Query the calls that can still change, and cache those that have ended.

    The state is read again afterwards, because a running apply may have placed calls that the service has listed.
    """
    on_server = workspace.file is None
    place = (
        call_cache.server_cache_path(workspace.project.root, state.lineage.id)
        if on_server
        else call_cache.file_cache_path(workspace.state_path)
    )
    before = call_cache.read(place, state.lineage.id)
    answers, failed = None, None
    if question.not_asked is None:
        wanted = [entry for entry in _within(state, scope) if entry.placed and entry.call_id not in before]
        try:
            answers = asyncio.run(_query(question.target, wanted))
            state = _read(workspace)
        except LookupFailed as error:
            failed = error
    entries = _within(state, scope)
    standings = [stand(entry, answers, before, now) for entry in entries]
    report = OutcomeReport(now, state.lineage.id, state.serial, standings, not_asked=question.not_asked)
    if answers is None:
        return (report if failed is None else replace(report, not_asked=failed.message)), failed
    over = before | _ended(state.entries, answers, now)
    if over != before:
        call_cache.write(place, state.lineage.id, over)
    found = drift(standings, answers, state.entries, state.lineage, scope, now)
    return replace(report, drift=found, tagged=answers.tagged(state.entries, state.lineage, state.by_hand)), None


def _within(state: _State, scope: Collection[str] | None) -> list[Entry]:
    return [entry for entry in state.entries if scope is None or entry.address.plan in scope]


def _ended(entries: Sequence[Entry], answers: Answers, now: datetime) -> dict[str, RemoteCall]:
    """The ended calls of the state, without the data that only the listing needs."""
    found = {}
    for entry in entries:
        call = answers.calls.get(entry.call_id or "")
        if entry.placed and call is not None and ended(call, entry.rings_at, now):
            bare = replace(call, agent=None, contact_id=None, number=None, tags=None)
            found[entry.call_id or ""] = bare
    return found


async def _query(target: Target, wanted: Sequence[Entry]) -> Answers:
    async with target.listing(target.key()) as listing:
        return await query_calls(listing, wanted, SystemClock().now())
