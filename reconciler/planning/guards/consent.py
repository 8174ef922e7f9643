"""G015: no call without evidence, in the row itself, that the person agreed to be called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime

from reconciler.domain.model import Call
from reconciler.domain.policy import Consent
from reconciler.domain.times import FARTHEST_EAST, exact_span, parse_instant, parse_wall
from reconciler.planning.guards.base import Candidate, GuardFinding, GuardInput
from reconciler.planning.guards.zones import clocks, local

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def check(candidates: Sequence[Candidate], scene: GuardInput) -> Iterator[GuardFinding]:
    """Object to each call whose consent is missing, unreadable, dated in the future, or too old when the call
    rings.
    """
    consent = scene.policy.consent
    if consent is None:
        return
    for item in candidates:
        message = _problem(item, consent, scene.now)
        if message is not None:
            yield GuardFinding(item.address, message)


def _problem(item: Candidate, consent: Consent, now: datetime) -> str | None:
    text = _cell(item.call, consent.field)
    if not text:
        return f"no evidence of consent: the row has no {consent.field}"
    given = _read(text)
    if given is None:
        return f"{consent.field} is neither a date (such as 2026-06-01) nor a time with an offset"
    if isinstance(given, datetime):
        ahead, age = given > now, item.rings_at - given
    else:
        ahead = given > (now + FARTHEST_EAST).date()
        age = max(local(item.rings_at, clock).date() for clock in clocks(item)) - given
    if ahead:
        return f"{consent.field} is in the future"
    if consent.max_age is not None and age > consent.max_age:
        allowed = exact_span(consent.max_age)
        return f"consent will be {exact_span(age)} old when the call rings; consent.max_age allows {allowed}"
    return None


def _cell(call: Call, field: str) -> str:
    """The text of ``metadata.NAME`` or ``additional_data.NAME``, empty if the row has none."""
    kind, _, name = field.partition(".")
    return (call.metadata if kind == "metadata" else call.additional_data).get(name, "").strip()


def _read(text: str) -> datetime | date | None:
    """An instant, or the day of a date or a wall time; None if the text is neither."""
    for read in (parse_instant, date.fromisoformat if _DATE.fullmatch(text) else parse_wall):
        with suppress(ValueError):
            given = read(text)
            return given.date() if isinstance(given, datetime) and given.tzinfo is None else given
    return None
