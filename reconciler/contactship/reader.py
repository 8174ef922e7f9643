"""Reading from the service: GET, tried again where the service or the network fails for the moment.

Texts in an answer come as any state and terminal can hold them: NUL and half of a surrogate pair, which JSON can
write, as escapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import urlencode

from reconciler.contactship.contactship import retry_after
from reconciler.contactship.origin import API_KEY_VARIABLE, Origin
from reconciler.contactship.reasons import Reason, explain
from reconciler.contactship.transport import FAILURES, Client, ProtocolViolation, decode_json
from reconciler.domain.clocks import ServiceClock, read_date
from reconciler.domain.model import JsonValue
from reconciler.errors import LookupFailed

_TRIES = 4
PAUSE = 0.2  # seconds before the second try; before each further one four times as long
_PATIENCE = 60.0  # seconds that a Retry-After may ask for
WHOLE_LISTING = 600.0  # seconds that all pages of a listing may take


class Reader:
    """Asks one question at a time; ``timeout`` is the deadline of one answer, in seconds.

    ``tries`` is how often it asks where it gets none.
    """

    def __init__(
        self, origin: Origin, api_key: str, timeout: float, tries: int = _TRIES, clock: ServiceClock | None = None
    ) -> None:
        self._origin = origin
        self._tries = tries
        self._deadline = timeout
        self._client = Client(api_key, timeout / 3, clock)
        self._server_time: datetime | None = None

    @property
    def server_time(self) -> datetime | None:
        """The ``Date`` of the latest answer (RFC 9110, 6.6.1)."""
        return self._server_time

    async def get(self, path: str, query: Mapping[str, str], what: str, tries: int | None = None) -> JsonValue:
        """The answer of one GET, tried again: reading is harmless. ``what`` says what the service is asked.

        Raises:
            LookupFailed: no answer, or none that is JSON.
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
        message = f"the service at {self._origin.base} cannot be asked {what}: {problem.message}"
        raise LookupFailed(message, hint=problem.hint, status=status)

    @asynccontextmanager
    async def whole_listing(self, what: str) -> AsyncIterator[None]:
        """Bounds the time that all pages of a listing take. Raises ``LookupFailed``."""
        try:
            async with asyncio.timeout(WHOLE_LISTING):
                yield
        except TimeoutError as error:
            message = f"the service did not list {what} within {WHOLE_LISTING:g} s"
            raise LookupFailed(message, hint="is it slow, or does its list never end?") from error

    async def aclose(self) -> None:
        await self._client.aclose()


def _refusal(status: int) -> Reason:
    """An answer other than 200."""
    match status:
        case 401 | 403:
            hint = f"is the key ({API_KEY_VARIABLE}) this account's, and still valid?"
            return Reason(f"it refuses the key (HTTP {status})", hint)
        case 404:
            return Reason("HTTP 404", "does the base URL point at the API itself?")
        case 429:
            return Reason("HTTP 429", "it asks to be left alone for a while: try again later")
    if 300 <= status < 400:
        return Reason(f"HTTP {status}", "redirects are not followed: set the base URL to where it points")
    return Reason(f"HTTP {status}", "try again later" if status >= 500 else None)


def _json(content: bytes, what: str) -> JsonValue:
    try:
        answer = decode_json(content)
        return _storable(answer) if b"\\u" in content else answer
    except (ValueError, RecursionError) as error:
        raise LookupFailed(f"asked {what}, the service does not answer in JSON") from error


def _storable(value: JsonValue) -> JsonValue:
    """The same with texts that every store can hold; only escapes (``\\uXXXX``) write others."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {str(_storable(name)): _storable(item) for name, item in value.items()}
    return value
