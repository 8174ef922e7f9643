"""The list of all guards in the order of their codes (``policy.GUARD_CODES``), and the function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from msgspec import structs

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
MOMENTARY = tuple(guard for guard in GUARDS if guard.momentary)
NAMES = {guard.code: guard.name for guard in GUARDS}
_DEFAULTS = {guard.code: guard.strictness for guard in GUARDS}

Pick: TypeAlias = Callable[[frozenset[Action]], Sequence[Candidate]]
"""Returns the candidates with some actions."""


def run_guards(
    candidates: Sequence[Candidate] | Pick, scene: GuardInput, guards: Iterable[Guard] = GUARDS
) -> Iterator[GuardFinding]:
    """Run those guards that are not off; a ``guard`` gets the candidates that have its actions."""

    def pick(actions: frozenset[Action]) -> Sequence[Candidate]:
        if callable(candidates):
            return candidates(actions)
        return [item for item in candidates if item.action in actions]

    for guard in guards:
        strictness = guard_strictness(guard.code, scene.policy)
        if strictness is not Strictness.OFF:
            for finding in guard.check(pick(guard.actions), scene):
                yield structs.replace(finding, code=guard.code, blocks=strictness is Strictness.ERROR)


def guard_strictness(code: str, policy: Policy) -> Strictness:
    """Whether the guard of this code blocks, warns or is off."""
    return policy.strictness.get(code) or _DEFAULTS[code]


def is_blocking(code: str, policy: Policy) -> bool:
    """Whether the guard of this code blocks calls, and does not only warn."""
    return guard_strictness(code, policy) is Strictness.ERROR
