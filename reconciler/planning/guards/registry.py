"""The list of all guards in the order of their codes (``policy.GUARD_CODES``), and the functions that run them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeAlias

from reconciler.domain.plan import Action
from reconciler.domain.policy import Policy, Strictness
from reconciler.planning.guards import caps, consent, frequency, hours, suppression, timing
from reconciler.planning.guards.base import Candidate, Guard, GuardFinding, GuardInput

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


def run_guards(pick: Pick, scene: GuardInput) -> Iterator[GuardFinding]:
    """Run all guards, in the order of their codes. ``pick`` returns the candidates with some actions."""
    return _run(pick, scene, lambda _: True)


def run_stateless(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Run the guards that need no state. When a call without a schedule rings is not known yet."""
    yield from _run(_among(candidates), scene, lambda guard: guard.stateless and not guard.momentary)
    scheduled = [item for item in candidates if item.scheduled]
    yield from _run(_among(scheduled), scene, lambda guard: guard.stateless and guard.momentary)


def run_momentary(candidate: Candidate, scene: GuardInput) -> Iterator[GuardFinding]:
    """Run the guards that check one call right before it is sent."""
    return _run(_among([candidate]), scene, lambda guard: guard.momentary)


def run_for_placed(
    candidates: Sequence[Candidate], scene: GuardInput, codes: Collection[str]
) -> Iterator[GuardFinding]:
    """Run those guards with these codes that block, on placed calls."""
    wanted = {code for code in codes if guard_strictness(code, scene.policy) is Strictness.ERROR}
    return _run(_among(candidates), scene, lambda guard: guard.code in wanted)


def _among(candidates: Sequence[Candidate]) -> Pick:
    return lambda actions: [item for item in candidates if item.action in actions]


def _run(pick: Pick, scene: GuardInput, wanted: Callable[[Guard], bool]) -> Iterator[GuardFinding]:
    for guard in GUARDS:
        if wanted(guard) and (strictness := guard_strictness(guard.code, scene.policy)) is not Strictness.OFF:
            for objection in guard.check(pick(guard.actions), scene):
                yield GuardFinding(guard.code, strictness is Strictness.ERROR, objection)


def guard_strictness(code: str, policy: Policy) -> Strictness:
    """Whether the guard of this code blocks, warns or is off."""
    return policy.strictness.get(code) or _STANDARD[code]
