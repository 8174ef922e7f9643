"""One worker's connection, over httpcore, the engine of httpx: a pool for one connection and a URL parsed for
each request would cost as much again as the request itself.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import httpcore
import httpx

from reconciler.model import JsonObject

Trace: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[None]]

MAX_ANSWER_BYTES = 1_000_000
FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    OSError,
)
_AGENT = f"python-httpx/{httpx.__version__}"
_KEEPALIVE = 5.0  # seconds that an idle connection is used again


@cache
def _tls() -> ssl.SSLContext:
    """Whom to trust, read once for all workers."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back whole, or its first ``MAX_ANSWER_BYTES``; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Line:
    """Posts one request at a time to one origin: no redirects, no proxies, nothing sent twice.

    Where the connection was closed while it was idle, the next request opens a new one. ``connect`` is how many
    seconds that may take.
    """

    def __init__(self, api_key: str, connect: float) -> None:
        self._headers = [
            (b"x-api-key", api_key.encode()),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"user-agent", _AGENT.encode()),
            (b"content-type", b"application/json"),
        ]
        self._waits = {"connect": connect}
        self._targets: dict[str, tuple[httpcore.URL, bytes]] = {}
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def post(self, url: str, body: JsonObject, trace: Trace) -> Answer:
        """Send the body as JSON, and read the answer.

        Raises:
            One of ``FAILURES``; ``trace`` was told how far it came.
        """
        target, host = self._targets.get(url) or self._targets.setdefault(url, _target(url))
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        request = httpcore.Request(
            b"POST",
            target,
            headers=[(b"host", host), *self._headers, (b"content-length", b"%d" % len(content))],
            content=content,
            extensions={"trace": trace, "timeout": self._waits},
        )
        connection = await self._open(target.origin)
        async with aclosing(await connection.handle_async_request(request)) as response:
            return Answer(response.status, _read(response.headers), await _content(response))

    async def _open(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """The connection, a new one where the last one cannot be used again."""
        if self._connection is None or self._connection.is_closed() or self._connection.has_expired():
            await self.aclose()
            self._connection = httpcore.AsyncHTTPConnection(origin, _tls(), keepalive_expiry=_KEEPALIVE)
        return self._connection

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()
            self._connection = None


def _target(url: str) -> tuple[httpcore.URL, bytes]:
    """A URL as the wire has it, and the ``Host`` header that names it."""
    parts = httpx.URL(url)
    raw = httpcore.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path)
    return raw, parts.netloc


def _read(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.lower().decode("ascii"): value.decode("latin-1") for name, value in headers}


async def _content(response: httpcore.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_stream():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            break
    return bytes(content)
