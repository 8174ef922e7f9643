"""G004, G005, G020-G022 and G024: too soon, too far ahead, too late, too many at once, and without an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime, timedelta

from reconciler.domain.model import Entry
from reconciler.domain.times import tell_span, zone
from reconciler.planning.guards.words import Candidate, Objection, Scene


def check_lead(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each scheduled call that would ring sooner than the policy's lead time from now."""
    lead = scene.policy.min_lead
    for item in candidates if lead is not None else ():
        if lead is not None and item.scheduled and item.rings_at - scene.now < lead:
            left = tell_span(item.rings_at - scene.now)
            message = f"it would ring at {local(item)}, in {left}; policy.min_lead wants {tell_span(lead)}"
            yield Objection(item.address, message)


def check_horizon(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each call that would ring further ahead than the policy plans."""
    horizon = scene.policy.horizon
    for item in candidates if horizon is not None else ():
        if horizon is not None and item.rings_at - scene.now > horizon:
            ahead = tell_span(item.rings_at - scene.now)
            message = f"it would ring at {local(item)}, in {ahead}; policy.horizon allows {tell_span(horizon)}"
            yield Objection(item.address, message)


def check_past(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each call whose time passed before anything placed it."""
    for item in candidates:
        passed = item.rings_at if item.scheduled else item.place_by
        if passed is not None and passed <= scene.now:
            when = local(item) if item.scheduled else f"{passed:%Y-%m-%d %H:%M:%S} UTC"
            yield Objection(item.address, f"its time passed at {when}: remove the row, or give it a new time")


def check_deadline(candidates: Sequence[Candidate], _scene: Scene) -> Iterator[Objection]:
    """An objection for each call without a schedule that an apply may place however late it comes."""
    for item in candidates:
        if not item.scheduled and item.place_by is None:
            yield Objection(item.address, "applied late it rings late, at night too: give the row a place_by")


def check_peak(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each scheduled call over the number that may ring in one minute."""
    limit = scene.policy.peak
    if limit is None:
        return
    words = "in one minute; policy.peak.per_minute"
    yield from _over(candidates, scene, limit, words, _minute, _minute_placed)


def check_number_peak(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """The same for the calls from one number."""
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


def local(item: Candidate) -> str:
    """When a call rings, in its schedule's wall time."""
    named = item.call.schedule.timezone if item.call.schedule is not None else "UTC"
    return f"{item.rings_at.astimezone(zone(named)):%Y-%m-%d %H:%M:%S} {named}"


def _over(
    candidates: Sequence[Candidate],
    scene: Scene,
    limit: int,
    words: str,
    slot: Callable[[Candidate], Hashable],
    placed_in: Callable[[Entry], Hashable],
) -> Iterator[Objection]:
    """Those that find their slot full of calls placed before and of calls with a lower address."""
    full = Counter(placed_in(entry) for entry in scene.entries if entry.will_ring(scene.now))
    scheduled = [item for item in candidates if item.scheduled]
    slots = [slot(item) for item in scheduled]
    wanted = full + Counter(slots)
    if max(wanted.values(), default=0) <= limit:
        return
    for item, where in zip(scheduled, slots, strict=True):
        full[where] += 1
        if full[where] > limit:
            message = f"at {local(item)} {wanted[where]:,} calls would ring {words} allows {limit:,}"
            yield Objection(item.address, message)


def _minute(item: Candidate) -> datetime:
    return item.rings_at.replace(second=0, microsecond=0)


def _minute_placed(entry: Entry) -> datetime:
    return entry.rings_at.replace(second=0, microsecond=0)


def place_from(rings_at: datetime | None, within: timedelta | None, now: datetime) -> datetime | None:
    """From when on a scheduled call may be placed; None where it may be placed now.

    Calls cannot be cancelled, so the policy may want them placed late.
    """
    if rings_at is None or within is None or rings_at - now <= within:
        return None
    return rings_at - within
