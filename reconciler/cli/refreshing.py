"""One look at where the calls stand: the files against the state, and the state against the service."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from reconciler.cli import kept
from reconciler.cli.app import App, SystemClock
from reconciler.cli.loading import Request, make_plan
from reconciler.cli.workspace import Workspace
from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import API_KEY_VARIABLE
from reconciler.errors import LookupFailed, ReconcilerError
from reconciler.evidence.matching import Lineage
from reconciler.evidence.outcomes import Answers, Report, drift, ended, stand
from reconciler.evidence.refresh import ask

if TYPE_CHECKING:
    from reconciler.cli.placing import Target
    from reconciler.domain.facts import Pause
    from reconciler.domain.model import Address, Entry
    from reconciler.domain.plan import Plan
    from reconciler.domain.ports import RemoteCall
    from reconciler.source.sources import Sources

NO_KEY = f"no API key ({API_KEY_VARIABLE} or --api-key-file)"
SNAPSHOT = "a snapshot holds no call ids"


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked at. ``not_asked`` says why the service is not to be asked, None where it is."""

    paths: tuple[str, ...]
    plans: tuple[str, ...]
    target: Target
    not_asked: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """What was found. ``failed`` is why the service, asked, gave no answer.

    ``scope`` are the plans looked at, None where all are. ``new_to_stop`` says that some call to stop by hand was
    not shown by any apply; not known of a snapshot.
    """

    plan: Plan
    sources: Sources
    report: Report
    scope: Collection[str] | None
    failed: LookupFailed | None = None
    new_to_stop: bool = False
    pauses: Sequence[Pause] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """What was read of a state, at one moment."""

    lineage: Lineage
    serial: int
    entries: Sequence[Entry]
    to_stop_known: frozenset[Address]
    pauses: Sequence[Pause]


def look(app: App, workspace: Workspace, question: Question, now: datetime) -> Look:
    """Plan, read the state, and ask the service. Nothing is locked, and no state is written.

    Raises:
        StateError: the state is missing, foreign or unusable.
        ReconcilerError: nobody knows a plan of that name.
    """
    plan, sources = make_plan(app, workspace, Request(question.paths, now))
    if workspace.snapshot or not workspace.trusted:
        why = SNAPSHOT if workspace.snapshot else None
        chosen = _chosen(question, {change.address.plan for change in plan.changes})
        scope = sources.plans if question.paths else chosen
        return Look(_only(plan, chosen), sources, Report(now, plan.lineage, plan.serial, not_asked=why), scope)
    state = _read(workspace)
    named = {entry.address.plan for entry in state.entries} | {change.address.plan for change in plan.changes}
    chosen = _chosen(question, named)
    scope = sources.plans if question.paths else chosen
    report, failed = _refresh(workspace, question, state, scope, now)
    plan = _only(plan, chosen)
    new = any(call.address not in state.to_stop_known for call in plan.to_stop)
    pauses = [pause for pause in state.pauses if scope is None or pause.plan is None or pause.plan in scope]
    return Look(plan, sources, report, scope, failed, new, pauses)


def _chosen(question: Question, known: Collection[str]) -> frozenset[str] | None:
    """The plans that are named; None where none is."""
    for name in question.plans:
        if name not in known:
            raise unknown_plan(name, known)
    return frozenset(question.plans) or None


def unknown_plan(name: str, known: Collection[str]) -> ReconcilerError:
    """The error for a plan's name that nobody knows."""
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "reconciler state list shows what the state knows"
    return ReconcilerError(f"neither the files nor the state hold a plan {name!r}", hint=hint)


def _only(plan: Plan, chosen: frozenset[str] | None) -> Plan:
    if chosen is None:
        return plan
    changes = tuple(change for change in plan.changes if change.address.plan in chosen)
    return replace(plan, changes=changes, to_stop=tuple(c for c in plan.to_stop if c.address.plan in chosen))


def _read(workspace: Workspace) -> _State:
    with workspace.reader() as reader:
        entries = list(reader.entries())
        lineage = Lineage(reader.lineage, reader.renames())
        return _State(lineage, reader.serial, entries, reader.to_stop_known(), reader.pauses())


def _refresh(
    workspace: Workspace, question: Question, state: _State, scope: Collection[str] | None, now: datetime
) -> tuple[Report, LookupFailed | None]:
    """Ask for the calls that can still change, and keep those that have ended.

    The state is read again afterwards: an apply beside this may have placed what the service has listed.
    """
    on_server = workspace.file is None
    place = (
        kept.within(workspace.project.root, state.lineage.id) if on_server else kept.beside(workspace.state_path)
    )
    before = kept.read(place, state.lineage.id)
    answers, failed = None, None
    if question.not_asked is None:
        wanted = [entry for entry in _within(state, scope) if entry.placed and entry.call_id not in before]
        try:
            answers = asyncio.run(_ask(question.target, wanted))
            state = _read(workspace)
        except LookupFailed as error:
            failed = error
    entries = _within(state, scope)
    standings = [stand(entry, answers, before, now) for entry in entries]
    report = Report(now, state.lineage.id, state.serial, standings, not_asked=question.not_asked)
    if answers is None:
        return (report if failed is None else replace(report, not_asked=failed.message)), failed
    over = before | _ended(state.entries, answers, now)
    if over != before:
        kept.write(place, state.lineage.id, over)
    found = drift(standings, answers, state.entries, state.lineage, scope, now)
    return replace(report, drift=found, tagged=answers.tagged(state.entries, state.lineage)), None


def _within(state: _State, scope: Collection[str] | None) -> list[Entry]:
    return [entry for entry in state.entries if scope is None or entry.address.plan in scope]


def _ended(entries: Sequence[Entry], answers: Answers, now: datetime) -> dict[str, RemoteCall]:
    """The calls of the state that have ended, without what only the listing needs."""
    found = {}
    for entry in entries:
        call = answers.calls.get(entry.call_id or "")
        if entry.placed and call is not None and ended(call, entry.rings_at, now):
            bare = replace(call, agent=None, contact_id=None, number=None, tags=None)
            found[entry.call_id or ""] = bare
    return found


async def _ask(target: Target, wanted: Sequence[Entry]) -> Answers:

    register = CallListing(target.origin, target.key(), target.timeout)
    try:
        return await ask(register, wanted, SystemClock().now())
    finally:
        await register.aclose()
