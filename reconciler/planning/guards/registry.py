"""All guards, in the order of their codes (``policy.GUARD_CODES``), and asking them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from reconciler.domain.plan import Action
from reconciler.domain.policy import Policy, Strictness
from reconciler.planning.guards import caps, consent, frequency, hours, suppression, timing
from reconciler.planning.guards.words import Candidate, Finding, Guard, Scene

_NOW = frozenset({Action.CREATE})

GUARDS: tuple[Guard, ...] = (
    Guard("G001", "calling-hours", hours.check_hours, stateless=True, momentary=True, binds_placed=True),
    Guard("G002", "called-zone", hours.check_zone, stateless=True, binds_placed=True),
    Guard("G003", "rules-age", hours.check_age, Strictness.WARNING),
    Guard("G004", "min-lead", timing.check_lead, momentary=True),
    Guard("G005", "horizon", timing.check_horizon, stateless=True),
    Guard("G006", "new-calls", caps.check_new_calls, actions=_NOW),
    Guard("G007", "share-of-state", caps.check_share, actions=_NOW),
    Guard("G008", "cost", caps.check_cost, actions=_NOW),
    Guard("G010", "suppressed", suppression.check_listed, stateless=True, binds_placed=True),
    Guard("G011", "suppression-age", suppression.check_age, stateless=True),
    Guard("G012", "too-often", frequency.check_days_and_weeks),
    Guard("G013", "too-soon", frequency.check_gap),
    Guard("G014", "overlap", frequency.check_overlap),
    Guard("G015", "consent", consent.check, stateless=True, binds_placed=True),
    Guard("G016", "similar-number", suppression.check_similar, Strictness.WARNING, stateless=True),
    Guard("G020", "past", timing.check_past, Strictness.OFF, frozenset({Action.EXPIRED})),
    Guard("G021", "peak", timing.check_peak),
    Guard("G022", "number-peak", timing.check_number_peak),
    Guard(
        "G023", "called-elsewhere", hours.check_elsewhere, Strictness.WARNING, stateless=True, binds_placed=True
    ),
    Guard("G024", "no-deadline", timing.check_deadline, Strictness.OFF, stateless=True),
)
PLACED_CODES = frozenset(guard.code for guard in GUARDS if guard.binds_placed)
NAMES = {guard.code: guard.name for guard in GUARDS}
_STANDARD = {guard.code: guard.strictness for guard in GUARDS}


Pick: TypeAlias = Callable[[frozenset[Action]], Sequence[Candidate]]


def ask(pick: Pick, scene: Scene) -> Iterator[Finding]:
    """What all guards say, in the order of their codes. ``pick`` gives the candidates with some actions."""
    return _ask(pick, scene, lambda _: True)


def ask_stateless(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Finding]:
    """What can be said without a state. When a call rings that has no schedule, nobody knows yet."""
    yield from _ask(_among(candidates), scene, lambda guard: guard.stateless and not guard.momentary)
    scheduled = [item for item in candidates if item.scheduled]
    yield from _ask(_among(scheduled), scene, lambda guard: guard.stateless and guard.momentary)


def ask_now(candidate: Candidate, scene: Scene) -> Iterator[Finding]:
    """What speaks against sending this one call at this moment."""
    return _ask(_among([candidate]), scene, lambda guard: guard.momentary)


def ask_placed(candidates: Sequence[Candidate], scene: Scene, codes: Collection[str]) -> Iterator[Finding]:
    """What speaks against placed calls, by those of the guards with these codes that block what they object to."""
    wanted = {code for code in codes if strictness_of(code, scene.policy) is Strictness.ERROR}
    return _ask(_among(candidates), scene, lambda guard: guard.code in wanted)


def _among(candidates: Sequence[Candidate]) -> Pick:
    return lambda actions: [item for item in candidates if item.action in actions]


def _ask(pick: Pick, scene: Scene, wanted: Callable[[Guard], bool]) -> Iterator[Finding]:
    for guard in GUARDS:
        if wanted(guard) and (strictness := strictness_of(guard.code, scene.policy)) is not Strictness.OFF:
            for objection in guard.check(pick(guard.actions), scene):
                yield Finding(guard.code, strictness is Strictness.ERROR, objection)


def strictness_of(code: str, policy: Policy) -> Strictness:
    """What follows where the guard of this code objects."""
    return policy.strictness.get(code) or _STANDARD[code]
