"""A call that the sandbox has recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.domain import times
from reconciler.domain.model import JsonObject
from reconciler.sandbox.seeds import Contact


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that exists, whatever answer its client got.

    ``body`` is the JSON as received. ``answered`` is ``ok``, ``foreign`` (added as if from the dashboard), or the
    fault that kept the answer from the client: ``dropped``, ``error``, ``stalled``, ``half-answer``, ``not-json``,
    ``no-call-id``, ``same-call-id``. ``status`` is the HTTP status sent, None if there was none. Times are aware
    and in UTC.
    """

    call_id: str
    endpoint: str
    body: JsonObject
    created_at: datetime
    rings_at: datetime
    answered: str
    status: int | None
    sender: str
    contact: Contact

    @property
    def agent_id(self) -> str:
        """The agent id in the body."""
        return str(self.body["agent_id"])

    @property
    def scheduled(self) -> bool:
        """Whether the call has a schedule, not a delay."""
        return "schedule" in self.body

    def receipt(self) -> JsonObject:
        """The documented answer to the POST."""
        created_at = times.format_instant(self.created_at)
        return {
            "call_id": self.call_id,
            "agent_id": self.agent_id,
            "contact_id": self.contact.id,
            "created_at": created_at,
        }

    def as_json(self) -> JsonObject:
        """The item of ``GET /_sandbox/calls``."""
        return {
            "call_id": self.call_id,
            "endpoint": self.endpoint,
            "body": self.body,
            "created_at": times.format_instant(self.created_at),
            "answered": self.answered,
            "status": self.status,
        }
