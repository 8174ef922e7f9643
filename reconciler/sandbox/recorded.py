"""A recorded call, and the API's form of records: exactly the documented fields, in their order."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from reconciler.domain import times
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.sandbox.seeds import CREATED_AT, ORGANIZATION_ID, Contact, Number
from reconciler.sandbox.timeline import CallProgress, observe


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
        return str(self.body["agent_id"])

    @property
    def scheduled(self) -> bool:
        return "schedule" in self.body

    def receipt(self) -> JsonObject:
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


def call_view(call: RecordedCall, now: datetime, *, transcript: bool, metadata: bool) -> JsonObject:
    """A call as of ``now``; ``transcript`` adds chat_history, ``metadata`` the tags that it was placed with."""
    progress = observe(call.call_id, call.rings_at, now, scheduled=call.scheduled)
    view: JsonObject = {
        "id": call.call_id,
        "direction": "outbound",
        "from": call.sender,
        "call_record": None,
        "call_status": progress.status,
        "call_result": progress.result,
        "disconnection_reason": progress.reason,
        "finished_at": _instant(progress.finished_at),
        "start_at": _instant(progress.started_at),
        "duration": progress.duration,
        "call_analysis": None,
        "type": "single",
        "created_at": times.format_instant(call.created_at),
        "agent_id": call.agent_id,
        "campaign_id": None,
        "contact": contact_view(call.contact),
    }
    if transcript:
        view["chat_history"] = _chat(progress)
    if metadata:
        view["metadata"] = call.body.get("metadata", {})
    return view


def contact_view(contact: Contact) -> JsonObject:
    """``{id, full_name, phone_number, email, country}``."""
    return asdict(contact)


def number_view(number: Number) -> JsonObject:
    """``{id, phone_number, type, organization_id, created_at}``."""
    return {**asdict(number), "organization_id": ORGANIZATION_ID, "created_at": CREATED_AT}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else times.format_instant(moment)


def _chat(progress: CallProgress) -> list[JsonValue]:
    if progress.result != "answered":
        return []
    return [
        {"role": "agent", "content": "Hello, this is the sandbox calling."},
        {"role": "user", "content": "Hello. Goodbye."},
    ]
