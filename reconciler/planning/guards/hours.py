"""G001-G003 and G023: the hours in which a person may be called, in that person's own wall time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.domain.policy import Hours, Policy
from reconciler.domain.times import zone, zone_country
from reconciler.planning.guards.calendars import holiday
from reconciler.planning.guards.places import zones_of, zones_of_number
from reconciler.planning.guards.words import Candidate, Objection, Scene

_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_CHECKED_FOR = timedelta(days=365)


def check_hours(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each call that rings outside the hours, in any zone where the person may be."""
    if not scene.policy.has_hours:
        return
    calendar = _Calendar(scene.policy)
    for item in candidates:
        zones = zones_of(item)
        for found in zones:
            local = item.rings_at.astimezone(found)
            if (why := calendar.against(local, found)) is not None:
                whose = f", a zone of the number ({len(zones)} are possible)" if len(zones) > 1 else ""
                message = f"it would ring at {local:%Y-%m-%d %H:%M:%S} {found.key}{whose}; {why}"
                yield Objection(item.address, message)
                break


def check_zone(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection for each call to a person of whom nobody knows what the clock shows."""
    if not scene.policy.has_hours:
        return
    for item in candidates:
        if not zones_of(item):
            message = (
                "calling hours cannot be checked: neither the row nor the number tells the called person's zone. "
                "Say called_timezone: America/Mexico_City in the row or in defaults"
            )
            yield Objection(item.address, message)


def check_elsewhere(candidates: Sequence[Candidate], _: Scene) -> Iterator[Objection]:
    """An objection for each call whose number is of no zone that shows the hour of the schedule's zone.

    Whoever writes one zone for a whole file has not said where each person is.
    """
    for item in candidates:
        schedule = item.call.schedule
        found = zone(schedule.timezone) if schedule is not None else None
        if item.called_timezone is not None or item.call.to_number is None or found is None:
            continue
        local, shown = item.rings_at.astimezone(found), zones_of_number(item.call)
        if shown and local.utcoffset() not in {item.rings_at.astimezone(other).utcoffset() for other in shown}:
            message = (
                f"it would ring at {item.rings_at.astimezone(shown[0]):%H:%M:%S} {shown[0].key}, where the "
                f"number is from, and at {local:%H:%M:%S} {found.key}, the schedule's zone. "
                "Say where the person is: called_timezone"
            )
            yield Objection(item.address, message)


def check_age(candidates: Sequence[Candidate], scene: Scene) -> Iterator[Objection]:
    """An objection against the plan for each jurisdiction whose rules nobody has checked for a year."""
    for rule in scene.policy.jurisdictions if candidates else ():
        if scene.now.date() - rule.checked > _CHECKED_FOR:
            message = (
                f"the rules of {rule.code} ({rule.citation}) were last checked on {rule.checked}: "
                "check that the law still says so, and update reconciler"
            )
            yield Objection(None, message)


@dataclass(frozen=True, slots=True)
class _Rule:
    """``name`` with its citation, for messages. ``country`` is None where it holds everywhere."""

    name: str
    country: str | None
    hours: Hours


class _Calendar:
    """All rules of a policy. What is found of a day or a zone is kept: there are few of them, and many calls."""

    def __init__(self, policy: Policy) -> None:
        self._days_off = policy.days_off
        self._rules = [
            _Rule(f"{item.code} ({item.citation})", item.country, item.hours) for item in policy.jurisdictions
        ]
        if policy.hours is not None:
            self._rules.insert(0, _Rule("calling_hours", None, policy.hours))
        self._in_zone: dict[str, list[_Rule]] = {}
        self._closed: dict[tuple[str, date], str | None] = {}

    def against(self, local: datetime, found: ZoneInfo) -> str | None:
        """What speaks against a call at this wall time; None where every rule that holds there allows it."""
        rules = self._in_zone.get(found.key)
        if rules is None:
            rules = self._in_zone[found.key] = self._for_country(zone_country(found.key))
        if not rules:
            return f"no rule of policy.jurisdictions is for {zone_country(found.key)}: add it, or calling_hours"
        for rule in rules:
            if (why := self._why(rule, local)) is not None:
                return f"{rule.name} allows {why}"
        return None

    def _for_country(self, country: str | None) -> list[_Rule]:
        """The rules for calls into a country: all of them where nobody knows which country it is."""
        return [rule for rule in self._rules if country is None or rule.country in {None, country}]

    def _why(self, rule: _Rule, local: datetime) -> str | None:
        day = local.date()
        if (rule.name, day) not in self._closed:
            self._closed[rule.name, day] = self._closed_on(rule.hours, day)
        if (closed := self._closed[rule.name, day]) is not None:
            return f"no calls on {closed}"
        windows = rule.hours.week[local.weekday()]
        minute = local.hour * 60 + local.minute
        if any(window.start <= minute < window.end for window in windows):
            return None
        allowed = " and ".join(map(str, windows)) if windows else "no calls"
        return f"{allowed} on {_DAYS[local.weekday()]}"

    def _closed_on(self, hours: Hours, day: date) -> str | None:
        """Why nobody is called on a day, whatever the hour."""
        if any(day in days for days in hours.blackout):
            return f"{day} (blackout)"
        names = [name for place in hours.holidays if (name := holiday(place, day)) is not None]
        if names:
            return f"{day} ({names[0]})"
        return f"{day} (policy.holidays)" if hours.holidays and day in self._days_off else None
