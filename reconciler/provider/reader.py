"""Reading from the service: GET, tried again where the service or the network fails for the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import httpx

from reconciler.errors import LookupFailed
from reconciler.model import JsonValue
from reconciler.provider.contactship import open_client, read_date, retry_after
from reconciler.provider.origin import Origin

_TRIES = 4
_NO_ENTRY = frozenset({401, 403})
_PATIENCE = 60.0  # seconds that a Retry-After may ask for


class Reader:
    """One connection for reading; ``timeout`` is the deadline of one answer, in seconds."""

    def __init__(self, origin: Origin, api_key: str, timeout: float) -> None:
        self._origin = origin
        self._deadline = timeout
        self._client = open_client(api_key, timeout)
        self._server_time: datetime | None = None

    @property
    def server_time(self) -> datetime | None:
        """The ``Date`` of the latest answer (RFC 9110, 6.6.1)."""
        return self._server_time

    async def get(self, path: str, query: Mapping[str, str], what: str) -> JsonValue:
        """The answer of one GET, tried again: reading is harmless. ``what`` says what the service is asked.

        Raises:
            LookupFailed: no answer, or none that is JSON.
        """
        problem, asked, status = "", 0.0, None
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(max(0.05 * 4**attempt, asked))
            try:
                async with asyncio.timeout(self._deadline):
                    response = await self._client.get(self._origin.url(path), params=query)
            except (httpx.HTTPError, OSError, TimeoutError) as error:
                problem, status = type(error).__name__, None
                continue
            if response.status_code == 200:
                self._server_time = read_date(response.headers.get("date", ""))
                return _json(response, what)
            status = response.status_code
            problem = f"HTTP {status}"
            asked = min(retry_after(response.headers) or 0.0, _PATIENCE)
            if 400 <= status < 500 and status not in {408, 429}:
                break
        hint = "is the API key right, and of this account?" if status in _NO_ENTRY else None
        raise LookupFailed(f"the service cannot be asked {what}: {problem}", hint=hint, status=status)

    async def aclose(self) -> None:
        await self._client.aclose()


def _json(response: httpx.Response, what: str) -> JsonValue:
    try:
        answer: JsonValue = response.json()
    except (ValueError, RecursionError) as error:
        raise LookupFailed(f"asked {what}, the service does not answer in JSON") from error
    return answer
