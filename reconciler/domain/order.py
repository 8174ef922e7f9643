"""One call to place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain.model import Address, Call, Request
from reconciler.domain.ports import Intent
from reconciler.domain.times import passed, ring_time


@dataclass(frozen=True, slots=True)
class Order:
    """One call to place: a change of an approved plan, checked again under the lock."""

    address: Address
    call: Call
    digest: str
    request: Request
    scheduled_at: datetime | None
    place_by: datetime | None = None
    called_timezone: str | None = None

    def intent(self, now: datetime) -> Intent:
        """The intent to record before the request is sent at ``now``."""
        return self._intent(ring_time(self.scheduled_at, self.call.delay_minutes, now))

    def missed(self, now: datetime) -> Intent | None:
        """The intent to record as missed if the call's time passed while it waited; None if it may be sent."""
        since = passed(self.scheduled_at, self.place_by, now)
        return None if since is None else self._intent(since)

    def _intent(self, rings_at: datetime) -> Intent:
        return Intent(self.address, self.call, self.digest, self.request.endpoint, rings_at)
