"""Asking the service which calls it has: ``GET /v1/calls``, all pages, and ``/v1/calls/{id}``; transcripts off.

Source: the vendor's API reference, pages list-calls and get-call. ``metadata`` is not documented in what they
return: it is read where it is there, and never required.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from reconciler.errors import LookupFailed
from reconciler.model import TAG_PREFIX, JsonObject, JsonValue
from reconciler.ports import Listing, RemoteCall
from reconciler.provider.origin import Origin
from reconciler.provider.reader import Reader
from reconciler.times import format_instant, parse_instant

PAGE = 100
MAX_CALLS = 1_000_000
MAX_READ_AGAIN = 100  # times that calls may leave a listing while it is read
LONGEST_TEXT = 255


class CallListing:
    """Lists calls; ``timeout`` is the deadline of one page, in seconds."""

    def __init__(self, origin: Origin, api_key: str, timeout: float) -> None:
        self._reader = Reader(origin, api_key, timeout)

    @property
    def server_time(self) -> datetime | None:
        """The ``Date`` of the latest answer (RFC 9110, 6.6.1)."""
        return self._reader.server_time

    async def calls(self, listing: Listing) -> Sequence[RemoteCall]:
        """Every page, oldest first, each call once. Raises ``LookupFailed``.

        Where calls leave the listing meanwhile, the rest moves up: as many are read again.
        """
        async with self._reader.whole_listing("its calls"):
            return await self._all_pages(listing)

    async def _all_pages(self, listing: Listing) -> Sequence[RemoteCall]:
        found: dict[str, RemoteCall] = {}
        offset, before, read_again = 0, 0, 0
        while offset < MAX_CALLS:
            items, total = await self._page(listing, offset)
            found |= {call.id: call for call in map(_call, items) if call is not None}
            if total < before:
                read_again += 1
                if read_again > MAX_READ_AGAIN:
                    raise LookupFailed("the service's list of calls changes again and again while it is read")
                offset, before = max(0, offset - (before - total)), total
                continue
            offset, before = offset + len(items), total
            if not items or offset >= total:
                return list(found.values())
        raise LookupFailed(f"the service lists more than {MAX_CALLS:,} calls")

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
        return _call(inner if isinstance(inner, dict) else answer)

    async def _page(self, listing: Listing, offset: int) -> tuple[list[JsonValue], int]:
        query = _query(listing) | {"limit": str(PAGE), "offset": str(offset)}
        answer = _object(await self._reader.get("/v1/calls", query, "which calls it has"))
        data, count = answer.get("data"), answer.get("count")
        if not isinstance(data, list) or isinstance(count, bool) or not isinstance(count, int):
            raise LookupFailed("the service's list of calls is not what it documents")
        return data, count

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


def _call(item: JsonValue) -> RemoteCall | None:
    """A listed call; None for one that came in, which is none that anybody placed."""
    if not isinstance(item, dict):
        raise LookupFailed("the service lists something that is no call")
    call_id, status, created = (_text(item.get(name)) for name in ("id", "call_status", "created_at"))
    if call_id is None or status is None or created is None:
        raise LookupFailed("the service lists a call without id, call_status or created_at")
    if item.get("direction") == "inbound":
        return None
    contact = item.get("contact")
    person = contact if isinstance(contact, dict) else {}
    return RemoteCall(
        id=call_id,
        status=status,
        created_at=_instant(created),
        agent=_text(item.get("agent_id")),
        contact_id=_text(person.get("id")),
        number=_number(_text(person.get("phone_number"))),
        tags=_tags(item),
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
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
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
    """Our tags among the call's metadata; None where the service returns none at all."""
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return {
        name: text
        for name, value in metadata.items()
        if name.startswith(TAG_PREFIX) and (text := _text(value)) is not None
    }
