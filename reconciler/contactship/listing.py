"""List the service's calls: ``GET /v1/calls``, completely, and ``/v1/calls/{id}``; without transcripts.

Source: the vendor's API reference, pages list-calls and get-call. ``metadata`` is not documented in their answers:
it is read if it is there, and never required.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from reconciler.contactship.origin import ServiceOrigin
from reconciler.contactship.paging import PAGE, Item, Page, read_all, read_page
from reconciler.contactship.reader import Reader
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.model import TAG_PREFIX, JsonObject, JsonValue
from reconciler.domain.ports import Listing, RemoteCall
from reconciler.domain.times import format_instant, in_range, parse_instant
from reconciler.errors import LookupFailed

LONGEST_TEXT = 255


class CallListing:
    """Lists calls; ``timeout`` is the deadline of one page, in seconds."""

    def __init__(
        self, origin: ServiceOrigin, api_key: str, timeout: float, clock: ServiceClock | None = None
    ) -> None:
        self._reader = Reader(origin, api_key, timeout, clock=clock)
        self._service = origin.base

    @property
    def service(self) -> str:
        return self._service

    @property
    def server_time(self) -> datetime | None:
        """The ``Date`` of the latest answer (RFC 9110, 6.6.1)."""
        return self._reader.server_time

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        """Every call once, oldest first; complete as defined in ``paging``. Raises ``LookupFailed``."""

        async def page(offset: int) -> Page[RemoteCall | None]:
            query = _query(listing) | {"limit": str(PAGE), "offset": str(offset)}
            answer = await self._reader.get("/v1/calls", query, "for its calls")
            return read_page(answer, "calls", _item)

        async with self._reader.limit_listing("its calls"):
            found = await read_all(page, "calls")
        return sorted((call for call in found if call is not None), key=lambda call: call.created_at)

    async def call(self, call_id: str) -> RemoteCall | None:
        """One call, bare or in ``data``; None if the answer is 404. Raises ``LookupFailed``."""
        path = f"/v1/calls/{quote(call_id, safe='')}"
        try:
            answer = _object(await self._reader.get(path, {"include_transcript": "false"}, "for one call"))
        except LookupFailed as error:
            if error.status == 404:
                return None
            raise
        inner = answer.get("data")
        return _item(inner if isinstance(inner, dict) else answer).value

    async def ask_time(self) -> None:
        """Query one call once, so that the answer has the service's time. Raises ``LookupFailed``."""
        await self._reader.get("/v1/calls", {"limit": "1", "include_transcript": "false"}, "for its time", tries=1)

    async def aclose(self) -> None:
        await self._reader.aclose()


def _query(listing: Listing) -> dict[str, str]:
    """The documented filters. Dates are extended by a second, because it is not documented whether they are
    inclusive.
    """
    edge = timedelta(seconds=1)
    query = {"order": "asc", "include_transcript": "false"}
    if listing.since is not None:
        query["date_from"] = format_instant((listing.since - edge).replace(microsecond=0))
    if listing.until is not None:
        query["date_to"] = format_instant((listing.until + edge).replace(microsecond=0))
    if listing.agent is not None:
        query["agent_id"] = listing.agent
    if listing.status is not None:
        query["call_status"] = listing.status
    return query


def _object(answer: JsonValue) -> JsonObject:
    if not isinstance(answer, dict):
        raise LookupFailed("the service's list of calls does not match its documentation")
    return answer


def _item(item: JsonValue) -> Item[RemoteCall | None]:
    """A listed call; without a value for an inbound call, which nobody placed."""
    if not isinstance(item, dict):
        raise LookupFailed("the service lists an item that is not a call")
    call_id, status, created = (_text(item.get(name)) for name in ("id", "call_status", "created_at"))
    if not call_id or status is None or created is None:
        raise LookupFailed("the service lists a call without id, call_status or created_at")
    created_at = _instant(created)
    call = None if item.get("direction") == "inbound" else _call(item, call_id, status, created_at)
    return Item(call_id, created_at, call)


def _call(item: JsonObject, call_id: str, status: str, created_at: datetime) -> RemoteCall:
    contact = item.get("contact")
    person = contact if isinstance(contact, dict) else {}
    return RemoteCall(
        id=call_id,
        status=status,
        created_at=created_at,
        agent=_text(item.get("agent_id")),
        contact_id=_text(person.get("id")),
        number=_number(_text(person.get("phone_number"))),
        name=_text(person.get("full_name")),
        tags=_tags(item),
        foreign_metadata=_has_foreign_metadata(item),
        result=_text(item.get("call_result")),
        reason=_text(item.get("disconnection_reason")),
        duration=_seconds(item.get("duration")),
        started_at=_maybe_instant(_text(item.get("start_at"))),
    )


def _instant(text: str) -> datetime:
    """ISO 8601; a time without an offset is UTC, as the documented ones are."""
    try:
        return parse_instant(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
        return in_range(found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise LookupFailed("the service lists a call whose created_at is not a time") from error


def _maybe_instant(text: str | None) -> datetime | None:
    """A time that nothing depends on: None if it is not a valid time."""
    try:
        return None if text is None else _instant(text)
    except LookupFailed:
        return None


def _text(value: JsonValue) -> str | None:
    """A text. The omitted part of a long text is replaced by its hash, so that different texts stay different."""
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value if isinstance(value, str) else None
    return f"{value[: LONGEST_TEXT - 65]}~{sha256(value.encode()).hexdigest()}"


def _seconds(value: JsonValue) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else None


def _number(text: str | None) -> str | None:
    """A number in E.164 from any notation: ``00`` for the plus sign, spaces, brackets, dashes."""
    if text is None:
        return None
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    return f"+{digits.removeprefix('00')}" if digits else None


def _tags(item: JsonObject) -> dict[str, str] | None:
    """Our tags in the call's metadata; None if it has no metadata."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return {
        name: text
        for name, value in metadata.items()
        if name.startswith(TAG_PREFIX) and (text := _text(value)) is not None
    }


def _has_foreign_metadata(item: JsonObject) -> bool:
    """Whether the call has metadata, but none of our names."""
    metadata = item.get("metadata")
    return (
        isinstance(metadata, dict) and bool(metadata) and not any(name.startswith(TAG_PREFIX) for name in metadata)
    )
