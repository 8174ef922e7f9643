"""Validate the body of a call strictly. A pure function: bytes in, an order or a refusal out.

Source: the vendor's pages make-contact-call and make-ai-phone-call. One answer lists every problem.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert

from reconciler.domain import times
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.domain.wire import CONTACT_CALL, PHONE_CALL, ScheduleFields
from reconciler.sandbox.refusal import Refusal

Check = Callable[[JsonValue], str | None]

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
IDENTIFIER = re.compile(r"(?:[a-z]+-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_WALL = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CallBody:
    """A valid body, and the instant (UTC) at which its call rings."""

    endpoint: str
    body: JsonObject
    rings_at: datetime

    def text(self, name: str) -> str:
        """A text field; an absent optional field is an empty text."""
        value = self.body.get(name, "")
        return value if isinstance(value, str) else ""


def read_body(
    endpoint: str, raw: bytes, now: datetime, fields: ScheduleFields, *, lenient: bool = False
) -> CallBody:
    """Validate a body as of ``now``. Raises ``Refusal`` 400 with every wrong field.

    ``lenient``: a schedule with unknown field names is ignored.
    """
    body = parse_object(raw)
    problems = _problems(body, endpoint)
    if problems:
        raise Refusal(400, "; ".join(problems))
    schedule = body.get("schedule")
    ignored = lenient and isinstance(schedule, dict) and set(schedule) != {fields.at, fields.timezone}
    return CallBody(endpoint, body, now if ignored else _rings_at(body, now, fields))


def parse_object(raw: bytes) -> JsonObject:
    """The JSON object in UTF-8 bytes. Raises ``Refusal`` 400: not JSON, not an object, or a duplicate name."""
    try:
        value: JsonValue = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refusal(400, "the body must be a JSON object")
    return value


def _once(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has a duplicate name")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _problems(body: JsonObject, endpoint: str) -> list[str]:
    required, optional = _FIELDS[endpoint]
    known = required | optional
    problems = [f"{name} is not a known field" for name in body if name not in known]
    problems += [f"{name} is required" for name in required if name not in body]
    for name, value in body.items():
        problem = known[name](value) if name in known else None
        if problem:
            problems.append(f"{name} must be {problem}")
    if "delay" in body and "schedule" in body:
        problems.append("delay and schedule cannot be combined")
    return problems


def _rings_at(body: JsonObject, now: datetime, fields: ScheduleFields) -> datetime:
    schedule = body.get("schedule")
    if isinstance(schedule, dict):
        return _scheduled(schedule, now, fields)
    delay = body.get("delay")
    try:
        return now + timedelta(minutes=delay if isinstance(delay, int | float) else 0)
    except OverflowError as error:
        raise Refusal(400, "delay is too large") from error


def _scheduled(schedule: JsonObject, now: datetime, fields: ScheduleFields) -> datetime:
    """The instant of a schedule: the first of two where the clocks go back, moved forward in a gap."""
    if set(schedule) != {fields.at, fields.timezone}:
        raise Refusal(400, f"schedule must have exactly the fields {fields.at} and {fields.timezone}")
    at, name = schedule[fields.at], schedule[fields.timezone]
    zone = times.zone(name) if isinstance(name, str) else None
    if zone is None:
        raise Refusal(400, f"schedule.{fields.timezone} must be an IANA timezone")
    if not isinstance(at, str) or not _WALL.fullmatch(at):
        raise Refusal(400, f"schedule.{fields.at} must be a date and time in the form yyyy-MM-dd HH:mm:ss")
    try:
        place = times.locate(times.parse_wall(at), zone)
    except (ValueError, OverflowError) as error:
        raise Refusal(400, f"schedule.{fields.at} must be a real date and time") from error
    if isinstance(place, times.Gap):
        place = place.after
    elif isinstance(place, times.Fold):
        place = place.first
    if place < now:
        raise Refusal(400, "schedule is in the past")
    return place


def _typed(kind: Any, expected: str) -> Check:
    def check(value: JsonValue) -> str | None:
        try:
            convert(value, kind)
        except ValidationError:
            return expected
        return None

    return check


def _matching(pattern: str, expected: str) -> Check:
    return _typed(Annotated[str, Meta(pattern=pattern)], expected)


def _minutes(value: JsonValue) -> str | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    return None if number else "a number of minutes, 0 or more"


class _Pair(Struct, forbid_unknown_fields=True):
    key: str
    value: str


_TEXT = _typed(str, "a string")
_OBJECT = _typed(dict[str, Any], "an object")
_IDENTIFIER = _matching(rf"(?ai)\A(?:{IDENTIFIER.pattern})\Z", "a UUID")
_HTTPS = _matching(r"\Ahttps://[^/\s]", "an https URL")
_PHONE_NUMBER = _matching(rf"(?a)\A{E164.pattern}\Z", "a phone number in E.164 form")
_SHARED: dict[str, Check] = {
    "additional_data": _typed(list[_Pair], "an array of {key, value}, both strings"),
    "delay": _minutes,
    "schedule": _OBJECT,
    "metadata": _OBJECT,
}
# endpoint -> (required fields, optional fields)
_FIELDS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    CONTACT_CALL: ({"contact_id": _IDENTIFIER, "agent_id": _IDENTIFIER, "from_number_id": _IDENTIFIER}, _SHARED),
    PHONE_CALL: (
        {
            "from_number": _PHONE_NUMBER,
            "to_number": _PHONE_NUMBER,
            "full_name": _matching(r"\S", "a string that is not empty"),
            "agent_id": _IDENTIFIER,
        },
        _SHARED | {"email": _TEXT, "country": _TEXT, "webhook_url": _HTTPS},
    ),
}
