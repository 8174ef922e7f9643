"""Answers, right and wrong: JSON, refusals, and injected faults."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from reconciler.domain.model import JsonObject, JsonValue
from reconciler.sandbox.faults import Fault, FaultPlan
from reconciler.sandbox.refusal import Refusal

# Faults that only return an error status.
_STATUSES = {
    Fault.ERROR_BEFORE: 500,
    Fault.ERROR_AFTER: 500,
    Fault.BAD_GATEWAY: 502,
    Fault.UNAVAILABLE: 503,
    Fault.TOO_MANY_BARE: 429,
    Fault.REJECT: 400,
    Fault.NOT_FOUND: 404,
    Fault.UNAUTHORIZED: 401,
    Fault.FORBIDDEN: 403,
}
LIST_FAULT = web.RequestKey("list_fault", Fault)  # of a GET that is still answered
_LOOK_EVERY = 0.05  # seconds between checks whether a stalled client has disconnected


class HangUp(Exception):  # noqa: N818 - an answer of a kind, not a failure of the sandbox
    """Close the connection. ``answered`` is the key under which it is counted."""

    def __init__(self, answered: str) -> None:
        super().__init__(answered)
        self.answered = answered


def json_answer(value: JsonValue) -> web.Response:
    """200 with JSON."""
    return web.Response(body=json.dumps(value).encode(), content_type="application/json")


def refusal_answer(refusal: Refusal) -> web.Response:
    """An error status with the documented JSON."""
    body = json.dumps(refusal.body()).encode()
    return web.Response(status=refusal.status, body=body, headers=refusal.headers, content_type="application/json")


async def act_out(
    request: web.Request, fault: Fault, plan: FaultPlan, closing: asyncio.Event, body: JsonObject
) -> web.StreamResponse:
    """Answer with the fault; ``body`` is the regular answer (for no-call-id and same-call-id, the modified one).

    Raises:
        HangUp: the connection must be closed.
        Refusal: the fault is an error status.
    """
    if fault in _STATUSES:
        raise Refusal(_STATUSES[fault], f"injected fault: {fault}")
    if fault is Fault.TOO_MANY:
        raise Refusal(429, f"injected fault: {fault}", {"Retry-After": str(plan.retry_after)})
    if fault in {Fault.STALL_BEFORE, Fault.STALL_AFTER}:
        await _stall(request, plan.stall_seconds, closing)
        raise HangUp("stalled")
    if fault is Fault.HALF_ANSWER:
        await _send_half(request, body)
        raise HangUp("half-answer")
    if fault is Fault.NOT_JSON:
        return web.Response(text="<html><body>OK</body></html>", content_type="text/html")
    if fault in {Fault.NO_CALL_ID, Fault.SAME_CALL_ID}:
        return json_answer(body)
    if fault is Fault.STRAY_ANSWER:
        return _WithStray(json.dumps(body).encode())
    if fault is Fault.REDIRECT:
        return web.Response(status=307, headers={"Location": plan.redirect_to})
    raise HangUp("dropped")


class _WithStray(web.Response):
    """The answer, followed in the same segment by a refusal that belongs to no request; the connection
    stays open.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(status=200)
        self._written = _answer(b"200 OK", content) + _answer(b"429 Too Many Requests", b"{}", b"Retry-After: 0")

    async def prepare(self, request: web.BaseRequest) -> None:
        self._keep_alive = request.keep_alive
        if request.transport is not None:
            request.transport.write(self._written)

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything is already written."""


def _answer(status: bytes, content: bytes, *headers: bytes) -> bytes:
    head = [b"HTTP/1.1 " + status, b"Content-Type: application/json", b"Content-Length: %d" % len(content)]
    return b"\r\n".join([*head, *headers, b"", content])


async def _stall(request: web.Request, seconds: float, closing: asyncio.Event) -> None:
    """Send nothing until the client disconnects, the time is over, or the sandbox stops."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end and not closing.is_set():
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(min(_LOOK_EVERY, max(0.0, end - loop.time())))


async def _send_half(request: web.Request, body: JsonObject) -> None:
    """Announce the whole body, but send only its first half."""
    raw = json.dumps(body).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(raw)
    await response.prepare(request)
    await response.write(raw[: len(raw) // 2])


def hang_up(request: web.Request) -> web.Response:
    """Close the connection. The returned response is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
