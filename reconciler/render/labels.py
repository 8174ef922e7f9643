"""The labels and phrases that all formats of a plan share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reconciler.bulk.spool import Subset
from reconciler.domain.model import Entry
from reconciler.domain.plan import Action, Change, Lifted, Plan
from reconciler.domain.policy import GUARD_CODES
from reconciler.domain.times import format_utc, rounded_span
from reconciler.planning.guards.registry import NAMES
from reconciler.quantities import format_count

ACTION_WORDS = {
    Action.BLOCKED: "blocked",
    Action.FORBIDDEN: "forbidden (the API cannot cancel a call)",
    Action.UNCERTAIN: "uncertain",
    Action.CONFLICT: "in conflict",
    Action.CHANGED: "changed (the API cannot edit a call)",
    Action.REMOVED: "removed (the API cannot cancel a call)",
    Action.EXPIRED: "expired",
    Action.CREATE: "to place",
    Action.WAITING: "waiting",
    Action.HELD: "held",
    Action.UNCHANGED: "unchanged",
}
# The sign of each action, and how it is coloured on a terminal.
GLYPHS = {
    Action.BLOCKED: ("!", "bold red"),
    Action.FORBIDDEN: ("#", "bold red"),
    Action.UNCERTAIN: ("?", "bold magenta"),
    Action.CONFLICT: ("&", "bold magenta"),
    Action.CHANGED: ("~", "yellow"),
    Action.REMOVED: ("-", "red"),
    Action.EXPIRED: ("x", "red"),
    Action.CREATE: ("+", "green"),
    Action.WAITING: (".", "cyan"),
    Action.HELD: ("o", "dim"),
    Action.UNCHANGED: ("=", "dim"),
}
# The actions that need attention and stand in lists of their own, the most urgent first.
ATTENTION = (
    *(Action.FORBIDDEN, Action.UNCERTAIN, Action.CONFLICT),
    *(Action.CHANGED, Action.REMOVED, Action.EXPIRED),
)


def word(action: Action) -> str:
    """``to place``, ``changed``: the action without its explanation."""
    return ACTION_WORDS[action].split(" (")[0]


def count_line(plan: Plan) -> str:
    """``3 to place, 1 changed, 2 unchanged``: the actions that occur, in the plan's order."""
    parts = [f"{plan.count(action):,} {word(action)}" for action in Action if plan.count(action)]
    return ", ".join(parts) if parts else "no calls"


def blocked_groups(changes: Sequence[Change]) -> list[tuple[str, Sequence[Change]]]:
    """The blocked changes by reason: ``blocked by G001 (calling-hours)``; guards come first."""
    groups: dict[str, list[int]] = {}
    for place, change in enumerate(changes):
        if change.action is Action.BLOCKED:
            groups.setdefault(change.reasons[0] if change.reasons else "", []).append(place)
    order = sorted(groups, key=lambda reason: (reason not in NAMES, reason))
    return [(_blocked_by(reason), Subset(changes, groups[reason])) for reason in order]


def reason_words(reason: str) -> str:
    """A guard with its name, ``G001 (calling-hours)``; any other reason unchanged."""
    return f"{reason} ({NAMES[reason]})" if reason in NAMES else reason


def _blocked_by(reason: str) -> str:
    if reason in NAMES:
        return f"blocked by {reason_words(reason)}"
    return f"{ACTION_WORDS[Action.BLOCKED]}: {reason}" if reason else ACTION_WORDS[Action.BLOCKED]


def state_line(plan: Plan) -> str:
    """``State: snapshot of 2026-06-01T12:00:00Z, 3 h old, serial 12``, for a plan made against a snapshot."""
    if plan.snapshot_at is None:
        return f"State: {plan.lineage}, serial {plan.serial}"
    age = plan.created_at - plan.snapshot_at
    words = f"{rounded_span(age)} old" if age >= timedelta(0) else "dated after this plan"
    return f"State: snapshot of {format_utc(plan.snapshot_at)}, {words}, serial {plan.serial}"


def lifted_line(item: Lifted) -> str:
    """``G006 is overridden: the launch, agreed (more new calls than one run or one plan may place)``."""
    return f"{item.code} is overridden: {item.reason} ({GUARD_CODES.get(item.code, 'a guard')})"


def standing(entry: Entry) -> str:
    """The status of an address, ``uncertain`` for every unknown outcome, or ``stopped``."""
    if entry.unknown:
        return "uncertain"
    return "stopped" if entry.stopped_at is not None else entry.status.value


def verdict_line(plan: Plan) -> str:
    """Whether the plan can be applied, and what it does."""
    errors, blocked = len(plan.errors), plan.count(Action.BLOCKED)
    if errors or blocked:
        why = [format_count(errors, "error")] * bool(errors) + [f"{blocked:,} blocked"] * bool(blocked)
        return f"It cannot be applied: {', '.join(why)}."
    create = plan.count(Action.CREATE)
    return f"Applying it places {format_count(create, 'call')}." if create else "Applying it places nothing."
