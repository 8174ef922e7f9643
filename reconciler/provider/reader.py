"""Reading from the service: GET, tried again where the service or the network fails for the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import httpx

from reconciler.errors import LookupFailed
from reconciler.model import JsonValue
from reconciler.provider.contactship import read_date, retry_after
from reconciler.provider.origin import API_KEY_VARIABLE, Origin
from reconciler.provider.reasons import Reason, explain

_TRIES = 4
_PATIENCE = 60.0  # seconds that a Retry-After may ask for
_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class Reader:
    """One connection for reading; ``timeout`` is the deadline of one answer, in seconds.

    ``tries`` is how often it asks where it gets none.
    """

    def __init__(self, origin: Origin, api_key: str, timeout: float, tries: int = _TRIES) -> None:
        self._origin = origin
        self._tries = tries
        self._deadline = timeout
        self._client = _open_client(api_key, timeout)
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
        problem, status, asked = Reason(""), None, 0.0
        for attempt in range(self._tries):
            if attempt:
                await asyncio.sleep(max(0.05 * 4**attempt, asked))
            try:
                async with asyncio.timeout(self._deadline):
                    response = await self._client.get(self._origin.url(path), params=query)
            except (httpx.HTTPError, OSError, TimeoutError) as error:
                problem, status = explain(error), None
                continue
            if response.status_code == 200:
                self._server_time = read_date(response.headers.get("date", ""))
                return _json(response, what)
            status = response.status_code
            problem = _refusal(status)
            asked = min(retry_after(response.headers) or 0.0, _PATIENCE)
            if 400 <= status < 500 and status not in {408, 429}:
                break
        message = f"the service at {self._origin.base} cannot be asked {what}: {problem.message}"
        raise LookupFailed(message, hint=problem.hint, status=status)

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


def _open_client(api_key: str, timeout: float) -> httpx.AsyncClient:
    """The key goes nowhere else: no redirects, no proxies of the environment. Connecting may take a third of the
    ``timeout``.
    """
    return httpx.AsyncClient(
        headers={"x-api-key": api_key, "accept": "application/json"},
        timeout=httpx.Timeout(timeout, connect=timeout / 3),
        limits=_ONE,
        follow_redirects=False,
        trust_env=False,
    )


def _json(response: httpx.Response, what: str) -> JsonValue:
    try:
        answer: JsonValue = response.json()
    except (ValueError, RecursionError) as error:
        raise LookupFailed(f"asked {what}, the service does not answer in JSON") from error
    return answer
