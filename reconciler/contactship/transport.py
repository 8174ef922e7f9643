"""HTTP over httpx's transport: each connection carries one request and its answer.

A reused connection may hold bytes that the service, or a proxy, sent after an earlier answer; h11 keeps them and
reads them as the next answer. So no connection is used twice. An answer that arrives before the request was
written cannot belong to it either: the connection is read until the last part of the request is written, and any
byte that arrives ends it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, Protocol

import httpx

from reconciler.domain.clocks import ServiceClock
from reconciler.domain.model import JsonObject, JsonValue

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_STEPS = 6  # turns of the loop: received data is read within 4, after a TLS session ticket within 6
_CHUNK = 64 * 1024
_MOST_HEADERS = 1024 * 1024  # bytes of an answer in addition to its content
_LINGER = 0.2  # seconds; the service was asked to close the connection after its answer
_TOO_LARGE = f"its answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB"
_VERSIONS = frozenset({b"HTTP/1.1", b"HTTP/1.0"})
_CORK: int | None = getattr(socket, "TCP_CORK", None)  # Linux; see tcp(7)

if find_spec("sniffio") is None:
    # httpcore 1.0 tries to import it six times for each connection. A module marked as missing is not searched for
    # again (docs.python.org/3/reference/import.html, "The module cache"): that saves a third of a call's cost.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class ProtocolViolation(Exception):  # noqa: N818 - names the service's behaviour
    """The service sent something that cannot be accepted as the answer to the request."""


FAILURES = (httpx.TransportError, OSError, ProtocolViolation)
"""Everything that sending a request and reading its answer can raise, except the caller's ``TimeoutError``."""


@cache
def tls_context() -> ssl.SSLContext:
    """The trusted certificates, read once for all connections."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer with its content as sent, never compressed.

    ``received`` is everything that arrived on its connection: the answer, and any bytes after a refusal (4xx).
    """

    status: int
    headers: httpx.Headers
    content: bytes
    received: bytes


class Stream(Protocol):
    """The part of a connection that the transport's trace provides."""

    read: Callable[..., Awaitable[bytes]]

    def get_extra_info(self, info: str) -> Any: ...


class Progress:
    """The progress of a request, from the transport's trace.

    ``left``: its first byte may have left this machine. ``written``: it was written completely. ``received`` is
    everything that arrived on its connection.
    """

    def __init__(self) -> None:
        self.left = False
        self.written = False
        self.received = bytearray()
        self._stream: Stream | None = None
        self._reading: asyncio.Task[bytes] | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """The transport's ``trace`` extension. Raises ``ProtocolViolation`` for a byte that arrived too early."""
        match event.partition(".")[2]:
            case "connect_tcp.complete" | "start_tls.complete":
                self._stream = info["return_value"]
                self._stream.read = self._recorded(self._stream.read)
            case "send_request_headers.started":
                await self._check_silence()
                if b"content-length" not in dict(info["request"].headers):
                    await self.stop_listening()
                self._cork(1)
                self.left = True
            case "send_request_body.complete":
                self.written = True
                self._cork(0)

    async def parts(self, content: bytes) -> AsyncIterator[bytes]:
        """The body in parts. No byte may have arrived before any of them."""
        for start in range(0, len(content), _CHUNK):
            await self._check_silence()
            if start + _CHUNK >= len(content):
                await self.stop_listening()
            yield content[start : start + _CHUNK]

    def _recorded(self, read: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
        """The stream's ``read``, recording what it reads: httpcore does not expose bytes after an answer."""

        async def recorded(max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
            data = await read(max_bytes, timeout)
            self.received += data
            if len(self.received) > MAX_ANSWER_BYTES + _MOST_HEADERS:
                raise ProtocolViolation(_TOO_LARGE)
            return data

        return recorded

    async def wait_for_more(self) -> None:
        """Wait briefly for bytes after the answer, which are then in ``received``."""
        if self._stream is not None:
            self._reading = asyncio.ensure_future(self._stream.read(1))
            await asyncio.wait([self._reading], timeout=_LINGER)

    def _cork(self, value: int) -> None:
        """Let the kernel hold headers back until the body follows, for up to 0.2 s. Otherwise a service that
        refuses a request on its headers alone would answer before the body was written, and its answer could not
        be told from a stray one.
        """
        if _CORK is not None and self._stream is not None:
            with suppress(OSError):  # the connection is closed; the next step detects it
                self._stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _CORK, value)

    async def _check_silence(self) -> None:
        """Raise ``ProtocolViolation`` if the service has sent anything, or closed the connection."""
        if self._stream is None:
            raise ProtocolViolation("the connection could not be checked for an early answer")
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._stream.read(1))
        for _ in range(_STEPS):
            if self._reading.done():
                break
            await asyncio.sleep(0)
        else:
            return
        await self.stop_listening()

    async def stop_listening(self) -> None:
        """Leave further bytes to the reader of the answer. Raises ``ProtocolViolation`` as before."""
        reading, self._reading = self._reading, None
        if reading is None:
            return
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()  # retrieved: only the time of the failure matters
            raise ProtocolViolation("it answered, or closed the connection, before the request was sent")


@lru_cache(maxsize=16)
def _parse_url(url: str) -> httpx.URL:
    """The URL of an endpoint, cached because many requests share it."""
    return httpx.URL(url)


class _Body(httpx.AsyncByteStream):
    def __init__(self, progress: Progress, content: bytes) -> None:
        self._progress = progress
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._progress.parts(self._content)


def _network() -> httpx.AsyncBaseTransport:
    """One connection at a time, each for one request."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
    return httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False, limits=limits)


class Client:
    """Sends requests to one origin, one at a time: no redirects, no proxies, no retries.

    ``connect`` is the time limit for a connection in seconds. ``clock`` receives the ``Date`` of each answer.
    ``transport`` replaces the network.
    """

    def __init__(
        self,
        api_key: str,
        connect: float,
        clock: ServiceClock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock or ServiceClock()
        self._headers = [
            (b"x-api-key", api_key.encode()),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"connection", b"close"),
            (b"user-agent", b"call-reconciler"),
        ]
        self._timeout = {"connect": connect}
        self._transport = transport or _network()

    async def get(self, url: str) -> Answer:
        """The answer to a GET. Raises one of ``FAILURES``."""
        return await self._send("GET", httpx.URL(url), [], b"", Progress())

    async def post(self, url: str, body: JsonObject, progress: Progress) -> Answer:
        """Send the body as JSON, and read the answer.

        Raises:
            One of ``FAILURES``; ``progress`` shows how far the request got.
        """
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        return await self._send("POST", _parse_url(url), headers, content, progress)

    async def _send(
        self, method: str, url: httpx.URL, headers: list[tuple[bytes, bytes]], content: bytes, progress: Progress
    ) -> Answer:
        request = httpx.Request(
            method,
            url,
            headers=[(b"host", url.netloc), *self._headers, *headers],
            stream=_Body(progress, content),
            extensions={"trace": progress.trace, "timeout": self._timeout},
        )
        asked = self._clock.elapsed()
        try:
            async with aclosing(await self._transport.handle_async_request(request)) as response:
                if not progress.written:
                    raise ProtocolViolation("it answered before the request was written")
                self._clock.observe(response.headers.get("date", ""), asked, self._clock.elapsed())
                content = await _read(response)
                if method == "POST" and response.is_client_error:
                    await progress.wait_for_more()
                received = bytes(progress.received)
                return Answer(response.status_code, response.headers, content, received)
        finally:
            with suppress(ProtocolViolation):  # it already failed with another error
                await progress.stop_listening()

    async def aclose(self) -> None:
        await self._transport.aclose()


async def _read(response: httpx.Response) -> bytes:
    """The content, not decompressed, because an answer could expand a thousandfold.

    Raises:
        ProtocolViolation: it is compressed although this was not requested, larger than ``MAX_ANSWER_BYTES``, in
            another version of HTTP, or has two lengths (RFC 9112, 6.3).
    """
    if response.extensions["http_version"] not in _VERSIONS:
        raise ProtocolViolation("it answered in another version of HTTP")
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise ProtocolViolation("it sent a compressed answer, which was not requested")
    if {"content-length", "transfer-encoding"} <= response.headers.keys():
        raise ProtocolViolation("its answer has two lengths")
    content = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - the transport's promise
    async for chunk in response.stream:
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ProtocolViolation(_TOO_LARGE)
    return bytes(content)


def decode_json(content: bytes) -> JsonValue:
    """The JSON value of an answer.

    Raises:
        ValueError: it is not JSON, nested too deeply, or contains an invalid or too large number.
    """
    try:
        value: JsonValue = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is not JSON")
