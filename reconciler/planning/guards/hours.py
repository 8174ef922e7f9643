"""G001-G003 and G023: the hours in which a person may be called, in that person's local time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.domain.policy import Hours, Policy
from reconciler.domain.times import number_zones, zone, zone_country
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.planning.guards.calendars import holiday
from reconciler.planning.guards.zones import called_zones

_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_CHECKED_FOR = timedelta(days=365)


def check_hours(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call that rings outside the allowed hours in any time zone where the person may be."""
    if not scene.policy.has_hours:
        return
    calendar = _Calendar(scene.policy)
    for item in candidates:
        zones = called_zones(item)
        for clock in zones:
            local = item.rings_at.astimezone(clock)
            if (why := calendar.against(local, clock)) is not None:
                whose = f", one of the {len(zones)} possible time zones of the number" if len(zones) > 1 else ""
                message = f"it would ring at {local:%Y-%m-%d %H:%M:%S} {clock.key}{whose}; {why}"
                yield GuardFinding(item.address, message)
                break


def check_zone(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call to a person whose local time is unknown."""
    if not scene.policy.has_hours:
        return
    for item in candidates:
        if not called_zones(item):
            message = (
                "calling hours cannot be checked: neither the row nor the number gives the called person's zone. "
                "Set called_timezone (such as America/Mexico_City) in the row or in defaults"
            )
            yield GuardFinding(item.address, message)


def check_elsewhere(candidates: Sequence[Candidate], _: GuardInput) -> Iterator[GuardFinding]:
    """Warn about each call whose schedule's zone shows another hour than every zone of its number.

    A single time zone for a whole file may not be where each person is.
    """
    for item in candidates:
        if item.call.to_number is None or item.called_timezone is not None:
            continue
        schedule = item.call.schedule
        clock = zone(schedule.timezone) if schedule is not None else None
        if clock is None:
            continue
        local, shown = item.rings_at.astimezone(clock), number_zones(item.call.to_number)
        if shown and local.utcoffset() not in {item.rings_at.astimezone(other).utcoffset() for other in shown}:
            message = (
                f"it would ring at {item.rings_at.astimezone(shown[0]):%H:%M:%S} {shown[0].key}, the number's "
                f"time zone, and at {local:%H:%M:%S} {clock.key}, the schedule's time zone. "
                "Set called_timezone to the person's time zone"
            )
            yield GuardFinding(item.address, message)


def check_age(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to the whole plan for each jurisdiction whose rules were last checked more than a year ago."""
    for rule in scene.policy.jurisdictions if candidates else ():
        if scene.now.date() - rule.checked > _CHECKED_FOR:
            message = (
                f"the rules of {rule.code} ({rule.citation}) were last checked on {rule.checked}: "
                "check that they still apply, and update reconciler"
            )
            yield GuardFinding(None, message)


@dataclass(frozen=True, slots=True)
class _Rule:
    """``name`` includes the citation, for messages. ``country`` is None if the rule applies everywhere."""

    name: str
    country: str | None
    hours: Hours


class _Calendar:
    """All rules of a policy. Results are cached by day and by zone: there are few of them for many calls."""

    def __init__(self, policy: Policy) -> None:
        self._days_off = policy.days_off
        self._rules = [
            _Rule(f"{item.code} ({item.citation})", item.country, item.hours) for item in policy.jurisdictions
        ]
        if policy.hours is not None:
            self._rules.insert(0, _Rule("calling_hours", None, policy.hours))
        self._in_zone: dict[str, list[_Rule]] = {}
        self._closed: dict[tuple[str, date], str | None] = {}

    def against(self, local: datetime, clock: ZoneInfo) -> str | None:
        """Why a call at this local time is not allowed; None if every rule that applies there allows it."""
        rules = self._in_zone.get(clock.key)
        if rules is None:
            country = zone_country(clock.key)  # all rules apply if it is unknown
            rules = [rule for rule in self._rules if country is None or rule.country in {None, country}]
            self._in_zone[clock.key] = rules
        if not rules:
            return f"policy.jurisdictions has no rule for {zone_country(clock.key)}: add one, or set calling_hours"
        for rule in rules:
            if (why := self._why(rule, local)) is not None:
                return f"{rule.name} allows {why}"
        return None

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
        """Why no call is allowed on a day at any hour."""
        if any(day in days for days in hours.blackout):
            return f"{day} (blackout)"
        names = [name for place in hours.holidays if (name := holiday(place, day)) is not None]
        if names:
            return f"{day} ({names[0]})"
        return f"{day} (policy.holidays)" if hours.holidays and day in self._days_off else None
