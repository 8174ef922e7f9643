"""Guards in a plan: what they object to is blocked, and where the policy only warns, a warning beside its row."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import structs

from reconciler.bulk.spool import Lazy, where
from reconciler.domain.changes import gathered
from reconciler.domain.model import Address, Call, Diagnostic, Location, Row, Severity
from reconciler.domain.people import People
from reconciler.domain.plan import Action, Change, with_action
from reconciler.domain.policy import GUARD_CODES, Policy
from reconciler.domain.times import passed, ring_time
from reconciler.planning.guards.registry import Pick, ask, ask_now, ask_stateless
from reconciler.planning.guards.words import Candidate, Finding, Scene

MOST_OF_A_GUARD = 20
MOST_KEPT = 100_000
_JUDGED = frozenset({Action.CREATE, Action.WAITING, Action.EXPIRED})


def guarded(changes: Sequence[Change], scene: Scene) -> tuple[Sequence[Change], list[Diagnostic]]:
    """The changes, which are sorted by address, with what must not ring blocked, and the warnings.

    An objection against the whole plan blocks every call that it would place.
    """
    whole: list[Finding] = []
    single: dict[Address, list[Finding]] = {}
    warned: list[Finding] = []
    for finding in ask(_picking(changes, scene.now), scene):
        address = finding.objection.address
        if not finding.blocks:
            warned.append(finding)
        elif address is None:
            whole.append(finding)
        else:
            single.setdefault(address, []).append(finding)
    warnings = _told(warned, lambda address: _source(address, changes))
    if not whole and not single:
        return changes, warnings
    judged = (_judged(change, whole, single.get(change.address, [])) for change in changes)
    return gathered(judged), warnings


def by_guard(change: Change) -> bool:
    """Whether it is a guard that blocks a change, and not the state."""
    return change.action is Action.BLOCKED and not GUARD_CODES.keys().isdisjoint(change.reasons)


def objections_now(asked: Candidate, now: datetime, policy: Policy) -> tuple[tuple[str, ...], str] | None:
    """Codes and message of what blocks sending this one call at this moment; None where nothing does."""
    found = [finding for finding in ask_now(asked, Scene(now, policy)) if finding.blocks]
    return _sum(found) if found else None


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
    """A call as guards see it, would it be placed at ``now``."""
    rings_at = ring_time(scheduled_at, call.delay_minutes, now)
    return Candidate(address, call, action, rings_at, scheduled_at is not None, called, place_by, source)


def guard_rows(rows: Iterable[Row], policy: Policy, people: People, now: datetime) -> list[Diagnostic]:
    """What guards say of rows where nobody knows what was placed; rows whose time has passed are left out."""
    asked = [
        candidate(
            row.address,
            row.call,
            row.rings_at,
            now,
            called=row.called_timezone,
            place_by=row.place_by,
            source=row.source,
        )
        for row in rows
        if row.enabled and passed(row.rings_at, row.place_by, now) is None
    ]
    places = {item.address: item.source for item in asked}
    return _told(ask_stateless(asked, Scene(now, policy, people=people)), places.get)


def _told(findings: Iterable[Finding], place_of: Callable[[Address], Location | None]) -> list[Diagnostic]:
    """The findings as diagnostics: the first of each guard, and how many more there are."""
    told: list[Diagnostic] = []
    counts: Counter[tuple[str, Severity]] = Counter()
    for finding in findings:
        severity = Severity.ERROR if finding.blocks else Severity.WARNING
        counts[finding.code, severity] += 1
        if counts[finding.code, severity] <= MOST_OF_A_GUARD:
            address, message = finding.objection.address, finding.objection.message
            place = None if address is None else place_of(address)
            told.append(Diagnostic(severity, finding.code, message, place, address=address))
    for (code, severity), count in counts.items():
        if count > MOST_OF_A_GUARD:
            message = f"and {count - MOST_OF_A_GUARD:,} more of these ({GUARD_CODES[code]})"
            told.append(Diagnostic(severity, code, message))
    return told


def _source(address: Address, changes: Sequence[Change]) -> Location | None:
    """Where the row of an address stands."""
    return changes[bisect_left(changes, address, key=lambda change: change.address)].source


def _picking(changes: Sequence[Change], now: datetime) -> Pick:
    """The calls that would be placed, as guards see them."""
    picked: dict[frozenset[Action], Sequence[Candidate]] = {}

    def pick(actions: frozenset[Action]) -> Sequence[Candidate]:
        if actions not in picked:
            asked = with_action(changes, *(actions & _JUDGED))
            if Action.EXPIRED in actions:
                asked = where(asked, lambda change: "recorded" not in change.reasons)
            picked[actions] = _Candidates(asked, now)
        return picked[actions]

    return pick


class _Candidates(Lazy[Candidate]):
    """Made when the first guard goes through them, and kept where they are not too many."""

    def __init__(self, changes: Sequence[Change], now: datetime) -> None:
        self._changes = changes
        self._now = now
        self._made: list[Candidate] | None = None

    def __len__(self) -> int:
        return len(self._changes)

    def item(self, index: int) -> Candidate:
        return _candidate(self._changes[index], self._now)

    def __iter__(self) -> Iterator[Candidate]:
        if self._made is not None:
            return iter(self._made)
        made = (_candidate(change, self._now) for change in self._changes)
        if len(self) > MOST_KEPT:
            return made
        self._made = list(made)
        return iter(self._made)


def _candidate(change: Change, now: datetime) -> Candidate:
    if change.call is None:
        raise ValueError(f"{change.address} carries no call")
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


def _judged(change: Change, whole: Sequence[Finding], single: Sequence[Finding]) -> Change:
    found = [*whole, *single] if change.action is Action.CREATE else single
    if not found:
        return change
    codes, message = _sum(found)
    return structs.replace(
        change, action=Action.BLOCKED, request=None, reasons=codes, message=message, message_parts=None
    )


def _sum(found: Sequence[Finding]) -> tuple[tuple[str, ...], str]:
    codes = tuple(dict.fromkeys(finding.code for finding in found))
    if len(found) == 1:
        return codes, found[0].objection.message
    return codes, "; ".join(f"{finding.code}: {finding.objection.message}" for finding in found)
