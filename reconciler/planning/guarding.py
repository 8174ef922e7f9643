"""Apply guards to a plan: calls they object to are blocked, or get a warning where the policy only warns."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TypeVar

from reconciler.bulk.spool import MappedView, SpooledList, filtered
from reconciler.domain.changes import Changes
from reconciler.domain.model import Address, Call, Diagnostic, Location, Row, Severity
from reconciler.domain.people import People
from reconciler.domain.plan import Action, Change
from reconciler.domain.policy import GUARD_CODES, Policy
from reconciler.domain.times import passed, ring_time
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.planning.guards.registry import GUARDS, MOMENTARY, Pick, run_guards
from reconciler.planning.reasons import Reason, with_reason

MOST_OF_A_GUARD = 20
_Addressed = TypeVar("_Addressed", Change, Candidate)


def apply_guards(changes: Changes, scene: GuardInput) -> tuple[Changes, list[Diagnostic]]:
    """Block the calls that must not ring; return the changes, still sorted by address, and the warnings.

    An objection against the whole plan blocks every call that it would place.
    """
    whole: list[GuardFinding] = []
    single: dict[Address, list[GuardFinding]] = {}
    warned: list[GuardFinding] = []
    for finding in run_guards(_picking(changes, scene.now), scene):
        if not finding.blocks:
            warned.append(finding)
        elif finding.address is None:
            whole.append(finding)
        else:
            single.setdefault(finding.address, []).append(finding)
    warnings = _to_diagnostics(warned, changes)
    if not whole and not single:
        return changes, warnings
    judged = (_blocked(change, whole, single.get(change.address, [])) for change in changes)
    return Changes.from_items(judged), warnings


def by_guard(change: Change) -> bool:
    """Whether a change is blocked by a guard, and not by the state."""
    return change.action is Action.BLOCKED and not GUARD_CODES.keys().isdisjoint(change.reasons)


def objections_now(asked: Candidate, now: datetime, policy: Policy) -> tuple[tuple[str, ...], str] | None:
    """Codes and message of the guards that forbid sending this call now; None if none does."""
    findings = run_guards([asked], GuardInput(now, policy), MOMENTARY)
    blocking = [finding for finding in findings if finding.blocks]
    return _summary(blocking) if blocking else None


def candidate(
    address: Address,
    call: Call,
    scheduled_at: datetime | None,
    now: datetime,
    *,
    action: Action = Action.CREATE,
    called: str | None = None,
    place_by: datetime | None = None,
    source: Location | None = None,
) -> Candidate:
    """A call as guards see it, if it were placed at ``now``."""
    rings_at = ring_time(scheduled_at, call.delay_minutes, now)
    return Candidate(address, call, action, rings_at, scheduled_at is not None, called, place_by, source)


def guard_rows(rows: Iterable[Row], policy: Policy, people: People, now: datetime) -> list[Diagnostic]:
    """Check rows without a state, so without the calls that were placed before. Rows whose time has passed are
    skipped.
    """
    asked = SpooledList(Candidate)
    for row in rows:
        if row.enabled and passed(row.rings_at, row.place_by, now) is None:
            asked.append(
                candidate(
                    row.address,
                    row.call,
                    row.rings_at,
                    now,
                    called=row.called_timezone,
                    place_by=row.place_by,
                    source=row.source,
                )
            )
    # When a call without a schedule rings is not known yet.
    scheduled, scene = filtered(asked, lambda item: item.scheduled), GuardInput(now, policy, people=people)
    findings = chain(
        run_guards(asked, scene, [guard for guard in GUARDS if guard.stateless and not guard.momentary]),
        run_guards(scheduled, scene, [guard for guard in GUARDS if guard.stateless and guard.momentary]),
    )
    return _to_diagnostics(findings, asked)


def _to_diagnostics(findings: Iterable[GuardFinding], items: Sequence[_Addressed]) -> list[Diagnostic]:
    """Convert findings about ``items`` to diagnostics: the first of each guard, and the number of the others."""
    diagnostics: list[Diagnostic] = []
    counts: Counter[tuple[str, Severity]] = Counter()
    for finding in findings:
        severity = Severity.ERROR if finding.blocks else Severity.WARNING
        counts[finding.code, severity] += 1
        if counts[finding.code, severity] <= MOST_OF_A_GUARD:
            address = finding.address
            place = None if address is None else _find(address, items).source
            diagnostics.append(Diagnostic(severity, finding.code, finding.message, place, address=address))
    for (code, severity), count in counts.items():
        if count > MOST_OF_A_GUARD:
            message = f"and {count - MOST_OF_A_GUARD:,} more of these ({GUARD_CODES[code]})"
            diagnostics.append(Diagnostic(severity, code, message, omitted=count - MOST_OF_A_GUARD))
    return diagnostics


def _find(address: Address, items: Sequence[_Addressed]) -> _Addressed:
    """The item with that address, among items that are sorted by address."""
    return items[bisect_left(items, address, key=lambda item: item.address)]


def _picking(changes: Changes, now: datetime) -> Pick:
    """Select the calls that would be placed, as guards see them."""
    picked: dict[frozenset[Action], Sequence[Candidate]] = {}

    def pick(actions: frozenset[Action]) -> Sequence[Candidate]:
        if actions not in picked:
            selected = changes.with_action(*actions)
            if Action.EXPIRED in actions:
                selected = filtered(selected, lambda change: "recorded" not in change.reasons)
            picked[actions] = MappedView(selected, partial(_candidate, now=now))
        return picked[actions]

    return pick


def _candidate(change: Change, now: datetime) -> Candidate:
    if change.call is None:
        raise ValueError(f"{change.address} has no call")
    return candidate(
        change.address,
        change.call,
        change.scheduled_at,
        now,
        action=change.action,
        called=change.called_timezone,
        place_by=change.place_by,
        source=change.source,
    )


def _blocked(change: Change, whole: Sequence[GuardFinding], single: Sequence[GuardFinding]) -> Change:
    findings = [*whole, *single] if change.action is Action.CREATE else single
    if not findings:
        return change
    return with_reason(change, Action.BLOCKED, Reason(*_summary(findings)), request=None)


def _summary(findings: Sequence[GuardFinding]) -> tuple[tuple[str, ...], str]:
    codes = tuple(dict.fromkeys(finding.code for finding in findings))
    if len(findings) == 1:
        return codes, findings[0].message
    return codes, "; ".join(f"{finding.code}: {finding.message}" for finding in findings)
