"""A simulated ContactShip: what it truly placed, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_CALL = timedelta(minutes=3)


@dataclass
class ServiceCall:
    """A call of the service. ``rings_at`` is when it really rings.

    ``marker`` names the wish of the user that it fulfils: a row and its revision, whatever its name and its cells
    are meanwhile. None: somebody else placed it. ``queued`` is how long it is shown as ``in-queue``
    when it rings.
    """

    id: str
    body: Mapping[str, Any]
    created_at: datetime
    rings_at: datetime
    marker: str | None
    queued: timedelta = timedelta()

    def status(self, now: datetime) -> str:
        if now < self.rings_at:
            return "scheduled"
        if now < self.rings_at + self.queued:
            return "in-queue"
        return "in-progress" if now < self.rings_at + LONGEST_CALL else "completed"


@dataclass
class Traits:
    """How the service behaves, as far as its documentation leaves it open.

    ``tags``: it returns metadata. ``lag``: seconds until a call is listed. ``schedule_fields``: the names that it
    understands; with others it calls at once. ``empty_metadata``: it returns ``metadata: {}`` for every call.
    ``queue``: seconds for which a call that rings is shown as ``in-queue``.
    """

    tags: bool = True
    lag: float = 0.0
    schedule_fields: tuple[str, str] = ("date", "timezone")
    empty_metadata: bool = False
    queue: float = 0.0

    @property
    def shows_tags(self) -> bool:
        return self.tags and not self.empty_metadata


@dataclass
class Service:
    """``now`` is the true time. ``placed`` is called with each new call, before it is answered."""

    now: Callable[[], datetime]
    traits: Traits
    calls: list[ServiceCall] = field(default_factory=list)
    placed: Callable[[ServiceCall], None] = lambda call: None

    def place(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create a call; returns the documented answer."""
        now = self.now()
        marker = {item["key"]: item["value"] for item in body.get("additional_data", ())}.get("marker")
        call = ServiceCall(f"call-{len(self.calls) + 1:04d}", body, now, self._rings_at(body, now), marker)
        call.queued = timedelta(seconds=self.traits.queue)
        self.calls.append(call)
        self.placed(call)
        return self.answer_to(call)

    def answer_to(self, call: ServiceCall) -> dict[str, Any]:
        return {
            "call_id": call.id,
            "agent_id": call.body["agent_id"],
            "contact_id": call.body["contact_id"],
            "created_at": call.created_at.isoformat(),
        }

    def _rings_at(self, body: Mapping[str, Any], now: datetime) -> datetime:
        schedule = body.get("schedule", {})
        if not schedule.keys() >= set(self.traits.schedule_fields):
            return now + timedelta(minutes=body.get("delay", 0))
        return max(now, self.scheduled_for(schedule))

    def scheduled_for(self, schedule: Mapping[str, str]) -> datetime:
        """The time that the user means, whatever its fields are called."""
        at, zone = schedule.values()
        wall = datetime.strptime(at, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo(zone))
        return wall.astimezone(UTC)

    def listed(self) -> list[ServiceCall]:
        """The calls that are listed by now, oldest first."""
        until = self.now() - timedelta(seconds=self.traits.lag)
        return [call for call in self.calls if call.created_at <= until]

    def call(self, call_id: str) -> dict[str, Any] | None:
        return next((self.shown(call) for call in self.listed() if call.id == call_id), None)

    def page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A page of ``GET /v1/calls``, as documented."""
        now, calls = self.now(), self.listed()
        since, until = query.get("date_from"), query.get("date_to")
        calls = [
            call
            for call in calls
            if (since is None or call.created_at >= datetime.fromisoformat(since))
            and (until is None or call.created_at <= datetime.fromisoformat(until))
            and query.get("agent_id", call.body["agent_id"]) == call.body["agent_id"]
            and query.get("call_status", call.status(now)) == call.status(now)
        ]
        if query.get("order") != "asc":
            calls.reverse()
        start = int(query.get("offset", 0))
        page = calls[start : start + int(query.get("limit", 20))]
        return {"data": [self.shown(call) for call in page], "count": len(calls)}

    def shown(self, call: ServiceCall) -> dict[str, Any]:
        """A call as it is listed."""
        now = self.now()
        status = call.status(now)
        shown = {
            "id": call.id,
            "direction": "outbound",
            "agent_id": call.body["agent_id"],
            "call_status": status,
            "created_at": call.created_at.isoformat(),
            "start_at": None if status == "scheduled" else call.rings_at.isoformat(),
            "contact": {"id": call.body["contact_id"]},
        }
        if self.traits.empty_metadata:
            shown["metadata"] = {}
        elif self.traits.tags:
            shown["metadata"] = call.body.get("metadata")
        return shown

    def date(self) -> str:
        """The ``Date`` header of an answer (RFC 9110, 6.6.1)."""
        return f"{self.now():%a, %d %b %Y %H:%M:%S} GMT"


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()
