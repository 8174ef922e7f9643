"""Guards in a plan: what they object to is blocked, and where the policy only warns, a warning beside its row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from reconciler.engine.guard.registry import ask
from reconciler.engine.guard.words import Candidate, Finding, Scene
from reconciler.model import Action, Address, Change, Diagnostic, Location, Severity
from reconciler.times import ring_time

_JUDGED = frozenset({Action.CREATE, Action.WAITING, Action.EXPIRED})


def guarded(changes: Sequence[Change], scene: Scene) -> tuple[list[Change], list[Diagnostic]]:
    """The changes with what must not ring blocked, and the warnings.

    An objection against the whole plan blocks every call that it would place.
    """
    candidates = sorted(_candidates(changes, scene), key=lambda item: item.address)
    whole: list[Finding] = []
    single: dict[Address, list[Finding]] = {}
    warnings: list[Diagnostic] = []
    places = {item.address: item.source for item in candidates}
    for finding in ask(candidates, scene):
        address = finding.objection.address
        if not finding.blocks:
            warnings.append(warning(finding, places.get(address) if address is not None else None))
        elif address is None:
            whole.append(finding)
        else:
            single.setdefault(address, []).append(finding)
    if not whole and not single:
        return list(changes), warnings
    return [_judged(change, whole, single.get(change.address, [])) for change in changes], warnings


def _candidates(changes: Iterable[Change], scene: Scene) -> Iterable[Candidate]:
    for change in changes:
        if change.call is not None and change.action in _JUDGED:
            yield Candidate(
                change.address,
                change.call,
                change.action,
                ring_time(change.scheduled_at, change.call.delay_minutes, scene.now),
                change.scheduled_at is not None,
                change.source,
                change.place_by,
            )


def _judged(change: Change, whole: Sequence[Finding], single: Sequence[Finding]) -> Change:
    found = [*whole, *single] if change.action is Action.CREATE else single
    if not found:
        return change
    codes = dict.fromkeys(finding.code for finding in found)
    message = "; ".join(finding.objection.message for finding in found)
    return replace(change, action=Action.BLOCKED, request=None, reasons=tuple(codes), message=message)


def warning(finding: Finding, place: Location | None) -> Diagnostic:
    """A finding that blocks nothing, as a warning."""
    said = finding.objection
    severity = Severity.ERROR if finding.blocks else Severity.WARNING
    return Diagnostic(severity, finding.code, said.message, place, address=said.address)
