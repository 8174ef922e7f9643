"""G001: no call outside the hours in which the called person may be called, in that person's own wall time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.engine.guard.words import Candidate, Objection, Scene
from reconciler.policy import Hours
from reconciler.times import zone

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def check(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each call that rings outside the hours, or to a person whose zone is not known."""
    hours = scene.policy.hours
    if hours is None:
        return
    for item in candidates:
        found = zone(item.call.schedule.timezone) if item.call.schedule is not None else None
        if found is None:
            yield Objection(item.address, "the called person's time zone is not known, so neither is the hour")
            continue
        local = item.rings_at.astimezone(found)
        if not _allowed(hours, local):
            windows = " and ".join(map(str, hours.week[local.weekday()]))
            allowed = f"calls may ring {windows}" if windows else "no calls may ring"
            day = _DAYS[local.weekday()]
            message = f"it would ring at {local:%Y-%m-%d %H:%M:%S} {found.key}; on {day} {allowed}"
            yield Objection(item.address, message)


def _allowed(hours: Hours, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return any(window.start <= minute < window.end for window in hours.week[local.weekday()])
