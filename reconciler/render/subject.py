"""What every form shows of a call: whom, when in local time, and the field that ``policy.show`` names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from reconciler.domain.model import Call, Record
from reconciler.domain.people import exact_id
from reconciler.domain.plan import Change, Plan
from reconciler.domain.sensitive import MASK, mask_name
from reconciler.domain.times import UNKNOWN_TIME, local_time
from reconciler.render import formats

UNKNOWN = "at an unknown time"
_exact_id = lru_cache(maxsize=1024)(exact_id)  # few agents and numbers make many calls


class Subject(Record, frozen=True, kw_only=True):
    """The columns that describe one call, as texts; empty where there is nothing to show.

    ``person`` is the name, or the number or contact's id if there is no name or it is masked; ``target`` is always
    the number or the id. ``rings`` is ``Mon 15 Jun 10:00``, ``at once`` or ``after 30 min``, and ``zone``
    the time zone (``America/Mexico_City``). ``value`` is the value of the field in ``policy.show``. ``agent`` and
    ``sender`` are the names of ``reconciler.yaml``, or ids.
    """

    person: str = ""
    target: str = ""
    rings: str = ""
    zone: str = ""
    value: str = ""
    agent: str = ""
    sender: str = ""
    rings_at: datetime | None = None

    @property
    def place(self) -> str:
        """``Mexico City`` for ``America/Mexico_City``."""
        return formats.zone_name(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """The settings of a project for showing calls. Years are left out in the year of ``now``."""

    now: datetime
    show: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_plan(cls, plan: Plan) -> Display:
        return cls(now=plan.created_at, show=plan.show, aliases=plan.aliases)

    @property
    def heading(self) -> str:
        """The heading of the column with the chosen field: ``amount`` for ``additional_data.amount``."""
        return "" if self.show is None else mask_name(self.show).partition(".")[2]

    def subject(self, call: Call | None, rings_at: datetime | None) -> Subject:
        """The columns of a call, masked if the call is. ``rings_at`` is None for an immediate or delayed one."""
        if call is None:
            moment = "" if rings_at is None else formats.wall(local_time(rings_at, "UTC"), self.now)
            return Subject(rings=moment, zone="UTC" if moment else "", rings_at=rings_at)
        name = call.full_name
        zone = call.schedule.timezone if call.schedule is not None else "UTC" if rings_at is not None else ""
        return Subject(
            person=name if name and MASK not in name else call.target,
            target=call.target,
            rings=self._rings(call, zone, rings_at),
            zone=zone,
            value=self._value(call),
            agent=self.alias(call.agent),
            sender=self.alias(call.sender),
            rings_at=rings_at,
        )

    def _rings(self, call: Call, zone: str, rings_at: datetime | None) -> str:
        if rings_at is None:
            return formats.written_time(call)
        if rings_at == UNKNOWN_TIME:
            return UNKNOWN
        return formats.wall(local_time(rings_at, zone), self.now)

    def _value(self, call: Call) -> str:
        head, _, name = (self.show or "").partition(".")
        values = call.metadata if head == "metadata" else call.additional_data
        return values.get(name, "")

    def alias(self, text: str) -> str:
        return self.aliases.get(_exact_id(text), text) if self.aliases else text


def change_subject(change: Change, display: Display) -> Subject:
    """The columns of a change. Those of unchanged rows, and of some rows of a saved plan, have no person."""
    return display.subject(change.call or change.shown_call, change.scheduled_at)
