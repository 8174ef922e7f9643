"""Converts the logical call to the API's request. No other module knows the API's field names.

Source: the vendor's API reference, pages make-contact-call and make-ai-phone-call. The names of the two fields
inside ``schedule`` are not documented; an operator can override them (``provider.schedule_fields``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.domain.model import Call, JsonObject, JsonValue, Request

CONTACT_CALL = "single-contact-call"
PHONE_CALL = "single-phone-call"


@dataclass(frozen=True, slots=True)
class ScheduleFields:
    """The API's names of ``schedule.at`` and ``schedule.timezone``."""

    at: str = "date"
    timezone: str = "timezone"


def endpoint(call: Call) -> str:
    """The last part of the URL path that places ``call``."""
    return CONTACT_CALL if call.contact_id is not None else PHONE_CALL


def sent_as(field: str, call: Call, fields: ScheduleFields) -> str:
    """The path in the request body of a plan file's ``field``."""
    match field:
        case "agent":
            return "agent_id"
        case "from":
            return "from_number_id" if call.contact_id is not None else "from_number"
        case "delay_minutes":
            return "delay"
        case "schedule.at":
            return f"schedule.{fields.at}"
        case "schedule.timezone":
            return f"schedule.{fields.timezone}"
        case _:
            return field


def to_request(call: Call, tags: Mapping[str, str], fields: ScheduleFields) -> Request:
    """The request that places ``call``, with ``tags`` added to the user's metadata.

    ``additional_data`` keeps the order of the file; absent fields are left out.
    """
    body: JsonObject
    if call.contact_id is not None:
        body = {"contact_id": call.contact_id, "agent_id": call.agent, "from_number_id": call.sender}
    else:
        body = {"from_number": call.sender, "to_number": call.to_number, "full_name": call.full_name}
        body["agent_id"] = call.agent
        optional = {"email": call.email, "country": call.country, "webhook_url": call.webhook_url}
        body |= {name: value for name, value in optional.items() if value is not None}
    if call.additional_data:
        pairs: list[JsonValue] = [{"key": key, "value": value} for key, value in call.additional_data.items()]
        body["additional_data"] = pairs
    if call.delay_minutes is not None:
        body["delay"] = call.delay_minutes
    if call.schedule is not None:
        body["schedule"] = {fields.at: call.schedule.at, fields.timezone: call.schedule.timezone}
    body["metadata"] = {**call.metadata, **tags}
    return Request(endpoint(call), body)
