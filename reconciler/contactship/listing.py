"""Asking the service which calls it has: ``GET /v1/calls``, whole, and ``/v1/calls/{id}``; transcripts off.

Source: the vendor's API reference, pages list-calls and get-call. ``metadata`` is not documented in what they
return: it is read where it is there, and never required.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from reconciler.contactship.origin import Origin
from reconciler.contactship.paging import PAGE, Item, Page, read_page, read_whole
from reconciler.contactship.reader import Reader
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.model import TAG_PREFIX, JsonObject, JsonValue
from reconciler.domain.ports import Listing, RemoteCall
from reconciler.domain.times import format_instant, in_range, parse_instant
from reconciler.errors import LookupFailed

LONGEST_TEXT = 255


class CallListing:
    """Lists calls; ``timeout`` is the deadline of one page, in seconds."""

    def __init__(self, origin: Origin, api_key: str, timeout: float, clock: ServiceClock | None = None) -> None:
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
        """Every call once, oldest first; whole as ``paging`` says. Raises ``LookupFailed``."""

        async def page(offset: int) -> Page[RemoteCall | None]:
            query = _query(listing) | {"limit": str(PAGE), "offset": str(offset)}
            answer = await self._reader.get("/v1/calls", query, "which calls it has")
            return read_page(answer, "calls", _item)

        async with self._reader.whole_listing("its calls"):
            found = await read_whole(page, "calls")
        return sorted((call for call in found if call is not None), key=lambda call: call.created_at)

    async def call(self, call_id: str) -> RemoteCall | None:
        """One call, bare or in ``data``; None where the answer is 404. Raises ``LookupFailed``."""
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
        """Ask once for one call, so that the service tells its time. Raises ``LookupFailed``."""
        await self._reader.get("/v1/calls", {"limit": "1", "include_transcript": "false"}, "for its time", tries=1)

    async def aclose(self) -> None:
        await self._reader.aclose()


def _query(listing: Listing) -> dict[str, str]:
    """The documented filters. Dates go a second further than asked, because their edges are not documented."""
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
        raise LookupFailed("the service's list of calls is not what it documents")
    return answer


def _item(item: JsonValue) -> Item[RemoteCall | None]:
    """A listed call; without a value where it came in, and so is none that anybody placed."""
    if not isinstance(item, dict):
        raise LookupFailed("the service lists something that is no call")
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
        raise LookupFailed("the service lists a call with a created_at that is no time") from error


def _maybe_instant(text: str | None) -> datetime | None:
    """A time that nothing depends on: None where it is none."""
    try:
        return None if text is None else _instant(text)
    except LookupFailed:
        return None


def _text(value: JsonValue) -> str | None:
    """A text. What is left out of a longer one is told by its hash: two of them stay two."""
    if not isinstance(value, str) or len(value) <= LONGEST_TEXT:
        return value if isinstance(value, str) else None
    return f"{value[: LONGEST_TEXT - 65]}~{sha256(value.encode()).hexdigest()}"


def _seconds(value: JsonValue) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 else None


def _number(text: str | None) -> str | None:
    """A number in E.164, however it is written: ``00`` for the plus sign, spaces, brackets, dashes."""
    if text is None:
        return None
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    return f"+{digits.removeprefix('00')}" if digits else None


def _tags(item: JsonObject) -> dict[str, str] | None:
    """Our tags among the call's metadata; None where it shows no metadata."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return {
        name: text
        for name, value in metadata.items()
        if name.startswith(TAG_PREFIX) and (text := _text(value)) is not None
    }


def _has_foreign_metadata(item: JsonObject) -> bool:
    """Whether the call shows metadata, and no name among it is ours."""
    metadata = item.get("metadata")
    return (
        isinstance(metadata, dict) and bool(metadata) and not any(name.startswith(TAG_PREFIX) for name in metadata)
    )
