"""G004, G005, G020-G022 and G024: too soon, too far ahead, too late, too many at once, and no deadline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime, timedelta

from reconciler.domain.model import Entry
from reconciler.domain.times import rounded_span, zone
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput


def check_lead(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each scheduled call that would ring sooner than the policy's lead time from now."""
    lead = scene.policy.min_lead
    if lead is None:
        return
    for item in candidates:
        if item.scheduled and item.rings_at - scene.now < lead:
            allowed = f"policy.min_lead requires {rounded_span(lead)}"
            yield GuardFinding(item.address, f"{_describe_ring(item, scene.now)}; {allowed}")


def check_horizon(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call that would ring further ahead than the policy's horizon."""
    horizon = scene.policy.horizon
    if horizon is None:
        return
    for item in candidates:
        if item.rings_at - scene.now > horizon:
            allowed = f"policy.horizon allows {rounded_span(horizon)}"
            yield GuardFinding(item.address, f"{_describe_ring(item, scene.now)}; {allowed}")


def check_past(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call whose time passed before it was placed."""
    for item in candidates:
        passed = item.rings_at if item.scheduled else item.place_by
        if passed is not None and passed <= scene.now:
            when = _format_scheduled(item) if item.scheduled else f"{passed:%Y-%m-%d %H:%M:%S} UTC"
            yield GuardFinding(item.address, f"its time passed at {when}: remove the row, or give it a new time")


def check_deadline(candidates: Sequence[Candidate], _scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call without a schedule and without a deadline, which a late apply would still place."""
    for item in candidates:
        if not item.scheduled and item.place_by is None:
            yield GuardFinding(
                item.address, "a late apply would make it ring late, even at night: set place_by in the row"
            )


def check_peak(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each scheduled call beyond the number that may ring in one minute."""
    limit = scene.policy.peak
    if limit is None:
        return
    words = "in one minute; policy.peak.per_minute"
    yield from _over(candidates, scene, limit, words, _minute, _minute_placed)


def check_number_peak(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each scheduled call beyond the number that may ring from one number in one minute."""
    limit = scene.policy.number_peak
    if limit is None:
        return
    yield from _over(
        candidates,
        scene,
        limit,
        "from one number in one minute; policy.peak.per_number",
        lambda item: (_minute(item), scene.view.sender(item.call)),
        lambda entry: (_minute_placed(entry), entry.call.sender),
    )


def _describe_ring(item: Candidate, now: datetime) -> str:
    return f"it would ring at {_format_scheduled(item)}, in {rounded_span(item.rings_at - now)}"


def _format_scheduled(item: Candidate) -> str:
    """When a call rings, in the local time of its schedule."""
    name = item.call.schedule.timezone if item.call.schedule is not None else "UTC"
    return f"{item.rings_at.astimezone(zone(name)):%Y-%m-%d %H:%M:%S} {name}"


def _over(
    candidates: Sequence[Candidate],
    scene: GuardInput,
    limit: int,
    words: str,
    slot: Callable[[Candidate], Hashable],
    placed_in: Callable[[Entry], Hashable],
) -> Iterator[GuardFinding]:
    """The calls whose time slot is already full, counting placed calls and calls with a lower address."""
    full = Counter(placed_in(entry) for entry in scene.entries if entry.will_ring(scene.now))
    scheduled = [item for item in candidates if item.scheduled]
    slots = [slot(item) for item in scheduled]
    wanted = full + Counter(slots)
    if max(wanted.values(), default=0) <= limit:
        return
    for item, where in zip(scheduled, slots, strict=True):
        full[where] += 1
        if full[where] > limit:
            message = f"at {_format_scheduled(item)} {wanted[where]:,} calls would ring {words} allows {limit:,}"
            yield GuardFinding(item.address, message)


def _minute(item: Candidate) -> datetime:
    return item.rings_at.replace(second=0, microsecond=0)


def _minute_placed(entry: Entry) -> datetime:
    return entry.rings_at.replace(second=0, microsecond=0)


def place_from(rings_at: datetime | None, within: timedelta | None, now: datetime) -> datetime | None:
    """The time from which a scheduled call may be placed; None if it may be placed now.

    Calls cannot be cancelled, so a policy may require that they are placed late.
    """
    if rings_at is None or within is None or rings_at - now <= within:
        return None
    return rings_at - within
