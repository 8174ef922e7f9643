"""List the service's calls: ``GET /v1/calls``, completely, and ``/v1/calls/{id}``; without transcripts.

Source: the vendor's API reference, pages list-calls and get-call. ``metadata`` is not documented in their answers:
it is read if it is there, and never required.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, overload
from urllib.parse import quote

import httpx
from msgspec import Meta, Struct

from reconciler.contactship.answers import read, unwrap
from reconciler.contactship.origin import ServiceOrigin
from reconciler.contactship.paging import PAGE, Item, Page, read_all, read_items, read_page
from reconciler.contactship.reader import Reader
from reconciler.domain.clocks import ServiceClock
from reconciler.domain.model import TAG_PREFIX, JsonValue
from reconciler.domain.service import Listing, RemoteCall
from reconciler.domain.times import format_instant, in_range, parse_instant
from reconciler.errors import LookupFailed

LONGEST_TEXT = 255


class CallListing:
    """Lists calls; ``timeout`` is the deadline of one page, in seconds. ``transport`` replaces the network."""

    def __init__(
        self,
        origin: ServiceOrigin,
        api_key: str,
        timeout: float,
        clock: ServiceClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._reader = Reader(origin, api_key, timeout, clock=clock, transport=transport)
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
            answer = await self._reader.get(path, {"include_transcript": "false"}, "for one call")
        except LookupFailed as error:
            if error.status == 404:
                return None
            raise
        return read_items([unwrap(answer)], "calls", _item)[0].value

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


class _Contact(Struct):
    """The called person."""

    id: str | None = None
    phone_number: str | None = None
    full_name: str | None = None


class _Call(Struct):
    """A call as it is listed. ``duration`` is in seconds."""

    id: Annotated[str, Meta(min_length=1)]
    call_status: str
    created_at: str
    direction: str | None = None
    agent_id: str | None = None
    contact: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    call_result: str | None = None
    disconnection_reason: str | None = None
    duration: Annotated[int, Meta(ge=0, lt=10**9)] | Annotated[float, Meta(ge=0, lt=1e9)] | None = None
    start_at: str | None = None


def _item(value: JsonValue) -> Item[RemoteCall | None]:
    """A listed call; without a value for an inbound call, which nobody placed. Raises ``ValidationError``."""
    call = read(value, _Call)
    created_at, call_id = _instant(call.created_at), _short(call.id)
    contact, metadata = read(call.contact or {}, _Contact), call.metadata
    remote = RemoteCall(
        id=call_id,
        status=_short(call.call_status),
        created_at=created_at,
        agent=_short(call.agent_id),
        contact_id=_short(contact.id),
        number=_number(_short(contact.phone_number)),
        name=_short(contact.full_name),
        tags=_tags(call.metadata),
        foreign_metadata=bool(metadata) and not any(name.startswith(TAG_PREFIX) for name in metadata or ()),
        result=_short(call.call_result),
        reason=_short(call.disconnection_reason),
        duration=call.duration,
        started_at=_maybe_instant(_short(call.start_at)),
    )
    return Item(call_id, created_at, None if call.direction == "inbound" else remote)


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


@overload
def _short(text: str) -> str: ...
@overload
def _short(text: str | None) -> str | None: ...
def _short(text: str | None) -> str | None:
    """A text. The omitted part of a long text is replaced by its hash, so that different texts stay different."""
    if text is None or len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 65]}~{sha256(text.encode()).hexdigest()}"


def _number(text: str | None) -> str | None:
    """A number in E.164 from any notation: ``00`` for the plus sign, spaces, brackets, dashes."""
    if text is None:
        return None
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    return f"+{digits.removeprefix('00')}" if digits else None


def _tags(metadata: dict[str, Any] | None) -> dict[str, str] | None:
    """Our tags in a call's metadata; None if it has no metadata."""
    if metadata is None:
        return None
    texts = {name: value for name, value in metadata.items() if isinstance(value, str)}
    return {name: _short(text) for name, text in texts.items() if name.startswith(TAG_PREFIX)}
