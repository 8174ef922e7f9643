"""Read from the service: GET requests, retried after temporary failures of the service or the network.

Texts in an answer are converted so that every state and terminal can store them: NUL and lone surrogates, which
JSON allows, become escapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlencode

import httpx

from reconciler.contactship.client import retry_after
from reconciler.contactship.origin import API_KEY_VARIABLE, ServiceOrigin
from reconciler.contactship.reasons import Reason, explain
from reconciler.contactship.transport import FAILURES, Client, ProtocolViolation, decode_json
from reconciler.domain.clocks import ServiceClock, read_date
from reconciler.domain.model import JsonValue
from reconciler.errors import LookupFailed

_TRIES = 4
PAUSE = 0.2  # seconds before the second try; four times as long for each further one
_PATIENCE = 60.0  # the longest Retry-After in seconds
WHOLE_LISTING = 600.0  # seconds for all pages of a listing


class Reader:
    """Sends one request at a time; ``timeout`` is the deadline of one answer, in seconds.

    ``tries`` is the number of attempts for each request.
    """

    def __init__(
        self,
        origin: ServiceOrigin,
        api_key: str,
        timeout: float,
        tries: int = _TRIES,
        clock: ServiceClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._origin = origin
        self._tries = tries
        self._deadline = timeout
        self._client = Client(api_key, timeout / 3, clock, transport)
        self._server_time: datetime | None = None

    @property
    def server_time(self) -> datetime | None:
        """The ``Date`` of the latest answer (RFC 9110, 6.6.1)."""
        return self._server_time

    async def get(self, path: str, query: Mapping[str, str], what: str, tries: int | None = None) -> JsonValue:
        """The answer to a GET, with retries, because reading is harmless. ``what`` describes the query, such as
        "for its calls".

        Raises:
            LookupFailed: no answer, or one that is not JSON.
        """
        url = self._origin.url(path) + (f"?{urlencode(query)}" if query else "")
        problem, status, asked = Reason(""), None, 0.0
        for attempt in range(tries or self._tries):
            if attempt:
                await asyncio.sleep(max(PAUSE * 4 ** (attempt - 1), asked))
            try:
                async with asyncio.timeout(self._deadline):
                    answer = await self._client.get(url)
            except ProtocolViolation as error:
                problem, status = explain(error), None
                break
            except (*FAILURES, TimeoutError) as error:
                problem, status = explain(error), None
                continue
            if answer.status == 200:
                self._server_time = read_date(answer.headers.get("date", ""))
                return _json(answer.content, what)
            status = answer.status
            problem = _refusal(status)
            asked = min(retry_after(answer.headers) or 0.0, _PATIENCE)
            if 400 <= status < 500 and status not in {408, 429}:
                break
        message = f"the service at {self._origin.base} could not be queried {what}: {problem.message}"
        raise LookupFailed(message, hint=problem.hint, status=status)

    @asynccontextmanager
    async def limit_listing(self, what: str) -> AsyncIterator[None]:
        """Limits the time for all pages of a listing. Raises ``LookupFailed``."""
        try:
            async with asyncio.timeout(WHOLE_LISTING):
                yield
        except TimeoutError as error:
            message = f"the service did not list {what} within {WHOLE_LISTING:g} s"
            raise LookupFailed(message, hint="the service may be slow, or its list may not end") from error

    async def aclose(self) -> None:
        await self._client.aclose()


def _refusal(status: int) -> Reason:
    """The reason for an answer other than 200."""
    match status:
        case 401 | 403:
            hint = f"check that the key ({API_KEY_VARIABLE}) belongs to this account and is still valid"
            return Reason(f"it rejected the key (HTTP {status})", hint)
        case 404:
            return Reason("HTTP 404", "check that the base URL points to the API itself")
        case 429:
            return Reason("HTTP 429", "it is limiting requests: try again later")
    if 300 <= status < 400:
        return Reason(
            f"HTTP {status}", "redirects are not followed: set the base URL to the target of the redirect"
        )
    return Reason(f"HTTP {status}", "try again later" if status >= 500 else None)


def _json(content: bytes, what: str) -> JsonValue:
    try:
        answer = decode_json(content)
        return _storable(answer) if b"\\u" in content else answer
    except (ValueError, RecursionError) as error:
        raise LookupFailed(f"queried {what}, the service did not answer in JSON") from error


def _storable(value: JsonValue) -> JsonValue:
    """The same value with texts that every store can hold; only escapes (``\\uXXXX``) can contain others."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {str(_storable(name)): _storable(item) for name, item in value.items()}
    return value
