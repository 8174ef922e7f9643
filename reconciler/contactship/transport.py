"""HTTP over httpx's transport: one connection carries one request and its one answer.

A connection that was used before may hold bytes that the service, or something between, sent behind an earlier
answer: h11 keeps them and reads them as the next answer. So none is used twice. Nor can what arrives before a
request has left answer it: a connection is read from until the last part of the request is written, and any byte
that comes ends it.
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

from reconciler.domain.clocks import ServiceClock, elapsed
from reconciler.domain.model import JsonObject, JsonValue

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_STEPS = 6  # turns of the loop: what has arrived is read within 4, and behind a TLS session ticket within 6
_CHUNK = 64 * 1024
_MOST_HEADERS = 1024 * 1024  # bytes of an answer besides its content
_LINGER = 0.2  # seconds; the service was asked to close the connection behind its answer
_TOO_LARGE = f"its answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB"
_VERSIONS = frozenset({b"HTTP/1.1", b"HTTP/1.0"})
_CORK: int | None = getattr(socket, "TCP_CORK", None)  # Linux; see tcp(7)

if find_spec("sniffio") is None:
    # httpcore 1.0 tries to import it six times for each connection. What is known to be missing is not looked for
    # again (docs.python.org/3/reference/import.html, "The module cache"): that saves a third of a call's cost.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


class ProtocolViolation(Exception):  # noqa: N818 - what the service did
    """The service sent something that cannot be taken for the answer to the request."""


FAILURES = (httpx.TransportError, OSError, ProtocolViolation)
"""All that sending a request and reading its answer can raise, but for a ``TimeoutError`` of the caller's."""


@cache
def tls_context() -> ssl.SSLContext:
    """The trusted certificates, read once for all connections."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, its content as it was sent: never compressed.

    ``received`` is all that came on its connection: itself, and what came behind a refusal (4xx).
    """

    status: int
    headers: httpx.Headers
    content: bytes
    received: bytes


class Stream(Protocol):
    """What the transport's trace shows of a connection."""

    read: Callable[..., Awaitable[bytes]]

    def get_extra_info(self, info: str) -> Any: ...


class Progress:
    """How far a request came, by the transport's trace.

    ``left``: its first byte may have left this machine. ``written``: it was written whole. ``received`` is all
    that came on its connection.
    """

    def __init__(self) -> None:
        self.left = False
        self.written = False
        self.received = bytearray()
        self._stream: Stream | None = None
        self._reading: asyncio.Task[bytes] | None = None

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """The transport's ``trace`` extension. Raises ``ProtocolViolation`` for a byte that came early."""
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
        """The body in parts. Before each of them nothing may have come."""
        for start in range(0, len(content), _CHUNK):
            await self._check_silence()
            if start + _CHUNK >= len(content):
                await self.stop_listening()
            yield content[start : start + _CHUNK]

    def _recorded(self, read: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
        """The stream's ``read``, which keeps what it read: httpcore does not show what came behind an answer."""

        async def recorded(max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
            data = await read(max_bytes, timeout)
            self.received += data
            if len(self.received) > MAX_ANSWER_BYTES + _MOST_HEADERS:
                raise ProtocolViolation(_TOO_LARGE)
            return data

        return recorded

    async def wait_for_more(self) -> None:
        """Wait a moment for what comes behind the answer, which then is in ``received``."""
        if self._stream is not None:
            self._reading = asyncio.ensure_future(self._stream.read(1))
            await asyncio.wait([self._reading], timeout=_LINGER)

    def _cork(self, value: int) -> None:
        """Have the kernel keep headers back until the body follows, for 0.2 s at most: a service that refuses a
        request on its headers alone would otherwise answer before the body was written, and none could tell that
        answer from a stray one.
        """
        if _CORK is not None and self._stream is not None:
            with suppress(OSError):  # the connection is gone, as the next step will find
                self._stream.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _CORK, value)

    async def _check_silence(self) -> None:
        """Raises ``ProtocolViolation`` where the service has sent anything, or closed the connection."""
        if self._stream is None:
            raise ProtocolViolation("the connection cannot be checked for an early answer")
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
        """Leave what comes now to whoever reads the answer. Raises ``ProtocolViolation`` as before."""
        reading, self._reading = self._reading, None
        if reading is None:
            return
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()  # retrieved: what failed matters less than when
            raise ProtocolViolation("it answered, or closed the connection, before the request was sent")


@lru_cache(maxsize=16)
def _parse_url(url: str) -> httpx.URL:
    """The URL of an endpoint, which is the same for many requests."""
    return httpx.URL(url)


class _Body(httpx.AsyncByteStream):
    def __init__(self, progress: Progress, content: bytes) -> None:
        self._progress = progress
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._progress.parts(self._content)


class Client:
    """Sends requests to one origin, one at a time: no redirects, no proxies, nothing sent twice.

    ``connect`` is how many seconds a connection may take. ``clock`` is told the ``Date`` of each answer.
    """

    def __init__(self, api_key: str, connect: float, clock: ServiceClock | None = None) -> None:
        self._clock = clock
        self._headers = [
            (b"x-api-key", api_key.encode()),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
            (b"connection", b"close"),
            (b"user-agent", b"call-reconciler"),
        ]
        self._timeout = {"connect": connect}
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False, limits=limits)

    async def get(self, url: str) -> Answer:
        """The answer to a GET. Raises one of ``FAILURES``."""
        return await self._send("GET", httpx.URL(url), [], b"", Progress())

    async def post(self, url: str, body: JsonObject, progress: Progress) -> Answer:
        """Send the body as JSON, and read the answer.

        Raises:
            One of ``FAILURES``; ``progress`` says how far the request came.
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
        asked = elapsed()
        try:
            async with aclosing(await self._transport.handle_async_request(request)) as response:
                if not progress.written:
                    raise ProtocolViolation("it answered before the request was written")
                if self._clock is not None:
                    self._clock.observe(response.headers.get("date", ""), asked, elapsed())
                content = await _read(response)
                if method == "POST" and response.is_client_error:
                    await progress.wait_for_more()
                received = bytes(progress.received)
                return Answer(response.status_code, response.headers, content, received)
        finally:
            with suppress(ProtocolViolation):  # it failed already, and said why
                await progress.stop_listening()

    async def aclose(self) -> None:
        await self._transport.aclose()


async def _read(response: httpx.Response) -> bytes:
    """The content, not decoded: an answer may hold what would grow a thousandfold.

    Raises:
        ProtocolViolation: it is compressed though that was not asked for, larger than ``MAX_ANSWER_BYTES``, of
            another version of HTTP, or ends in two places (RFC 9112, 6.3).
    """
    if response.extensions["http_version"] not in _VERSIONS:
        raise ProtocolViolation("it answered in another version of HTTP")
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise ProtocolViolation("it answered in a compressed form, which was not asked for")
    if {"content-length", "transfer-encoding"} <= response.headers.keys():
        raise ProtocolViolation("its answer gives two lengths")
    content = bytearray()
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - the transport's promise
    async for chunk in response.stream:
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ProtocolViolation(_TOO_LARGE)
    return bytes(content)


def decode_json(content: bytes) -> JsonValue:
    """The value that an answer holds.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds a number that is none or too large.
    """
    try:
        value: JsonValue = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def _refuse(constant: str) -> JsonValue:
    raise ValueError(f"{constant} is no JSON")
