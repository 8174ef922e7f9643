"""The ContactShip HTTP API, and the boundary where transport exceptions are translated.

Source of endpoints, fields and status codes: the vendor's API reference (docs.contactship.ai). It documents no
idempotency key, so this adapter sends each request once and returns or raises one of four outcomes.

==============================================  ================  =============================================
what happened                                   outcome           why
==============================================  ================  =============================================
2xx, JSON with a call_id (bare or in ``data``)  Receipt           the documented answer
no byte of the request left (transport trace)   NotSent           proven by the trace, not by a class name
429                                             NotSent           throttled: the service says it refused it
400-499 except 408 and 429                      Rejected          the service refused it: no call exists
401, 403                                        Rejected (fatal)  every further request would be refused too
4xx that contradicts itself                     OutcomeUnknown    HTTP/1.0, no length, more bytes behind, a call_id
408, 5xx, 1xx, 3xx                              OutcomeUnknown    sent, and possibly accepted
2xx without a usable call_id                    OutcomeUnknown    the call very likely exists
2xx that names another contact                  OutcomeUnknown    the answer belongs to another request
timeout, reset, broken or half an answer        OutcomeUnknown    the request was or may have been sent
an answer before the request was written        OutcomeUnknown    it belongs to another request
an answer before any byte of it left            NotSent           the connection is closed, nothing was sent
compressed, too large, another HTTP version     OutcomeUnknown    sent, but the answer is not read
the total deadline passed                       OutcomeUnknown    whatever the trace shows: interrupted
==============================================  ================  =============================================
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from msgspec import Struct

from reconciler.contactship.answers import read, unwrap
from reconciler.contactship.origin import ServiceOrigin
from reconciler.contactship.reasons import explain
from reconciler.contactship.refusals import doubt
from reconciler.contactship.transport import FAILURES, Answer, Client, Progress, decode_json
from reconciler.domain.clocks import ServiceClock, read_date
from reconciler.domain.masking import private_values
from reconciler.domain.model import JsonObject, JsonValue, Request
from reconciler.domain.people import exact_id
from reconciler.domain.sensitive import MASK, mask_text
from reconciler.domain.service import Receipt
from reconciler.errors import NotSent, OutcomeUnknown, Rejected

_MESSAGE_LENGTH = 200
_LONGEST_MESSAGE = 10_000  # a longer one is not shown: a value that was cut could not be masked
_LONGEST_WAIT = 365 * 86_400.0  # seconds; a longer one could exceed the calendar
_CALL_ID = re.compile(r"\S(.{0,253}\S)?")


class _Placed(Struct):
    """The documented answer to a POST."""

    call_id: str
    created_at: str | None = None
    contact_id: Any = None


class _Refusal(Struct):
    """A refusal, in one of the service's forms."""

    message: str | list[Any] = ""
    error: str | list[Any] = ""


class ContactShip:
    """The connection of one worker to the service.

    URLs are built from ``origin`` and a fixed path. ``timeout`` is the deadline of a whole request, in seconds.
    ``transport`` replaces the network.
    """

    def __init__(
        self,
        origin: ServiceOrigin,
        api_key: str,
        timeout: float,
        clock: ServiceClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._origin = origin
        self._key = api_key
        self._deadline = timeout
        self._client = Client(api_key, timeout / 3, clock, transport)

    async def place(self, request: Request) -> Receipt:
        """Send the request once; the module's table lists what it raises."""
        url = self._origin.url(f"/v1/calls/{request.endpoint}")
        progress = Progress()
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._post(url, request.body, progress)
        except TimeoutError as error:
            raise OutcomeUnknown(f"no complete answer within {self._deadline:g} s") from error
        except FAILURES as error:
            reason = self._clean(explain(error).message, request.body)
            if progress.left:
                raise OutcomeUnknown(f"the connection failed after the request was sent: {reason}") from error
            raise NotSent(f"not sent: {reason}") from error
        return self._judge(answer, request.body)

    async def _post(self, url: str, body: JsonObject, progress: Progress) -> Answer:
        return await self._client.post(url, body, progress)

    def _judge(self, answer: Answer, body: JsonObject) -> Receipt:
        status = answer.status
        if 200 <= status < 300:
            placed = _read_placed(answer.content)
            if placed is None:
                raise OutcomeUnknown(f"HTTP {status}, but no usable call_id in the answer")
            if _names_another(placed.contact_id, body.get("contact_id")):
                raise OutcomeUnknown(f"HTTP {status}, but the answer is about another contact")
            return Receipt(placed.call_id, placed.created_at)
        message = self._clean(f"HTTP {status}{_service_message(answer.content)}", body)
        if 400 <= status < 500 and (reason := doubt(answer)):
            raise OutcomeUnknown(self._clean(f"HTTP {status}, but {reason}", body))
        if status == 429:
            raise NotSent(message, retry_after=retry_after(answer.headers), throttled=True)
        if 400 <= status < 500 and status != 408:
            raise Rejected(message, status=status, fatal=status in {401, 403})
        raise OutcomeUnknown(message)

    def _clean(self, text: str, body: JsonObject) -> str:
        """A message that may be stored and shown: without the key, private values and control characters."""
        text = mask_text(text.replace(self._key, MASK), private_values(body))
        return "".join(char if char.isprintable() else " " for char in text)[:_MESSAGE_LENGTH]

    async def aclose(self) -> None:
        await self._client.aclose()


def _names_another(answered: object, wanted: JsonValue) -> bool:
    """Whether the answer to a contact call names another contact, so that it belongs to another request."""
    if not isinstance(answered, str) or not isinstance(wanted, str):
        return False
    return exact_id(answered) != exact_id(wanted)


def _read_placed(content: bytes) -> _Placed | None:
    """The placed call in an answer, bare or in ``data`` (an older form).

    None if there is none, or if its id is longer than 255 characters or is not printable.
    """
    try:
        placed = read(unwrap(decode_json(content)), _Placed)
    except ValueError:
        return None
    if not _CALL_ID.fullmatch(placed.call_id) or not placed.call_id.isprintable():
        return None
    return placed


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, at most a year, from a Retry-After header in either of its forms (RFC 9110, 10.2.3).

    A date is compared with the ``Date`` of the same answer, because this machine's clock may be wrong.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_WAIT)
    moment, now = read_date(value), read_date(headers.get("date", "")) or datetime.now(UTC)
    if moment is None:
        return None
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT)


def _service_message(content: bytes) -> str:
    try:
        refusal = read(decode_json(content), _Refusal)
    except ValueError:
        return ""
    message = refusal.message or refusal.error
    if isinstance(message, list):
        message = "; ".join(item for item in message if isinstance(item, str))
    if len(message) > _LONGEST_MESSAGE:
        return f" with a message of {len(message):,} characters"
    return f": {message}"
