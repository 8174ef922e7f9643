"""The network between a machine and the service: an httpx transport without sockets, with faults by number."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import parse_qsl

import httpx

from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import Machine
from tests.simulation.service import Service, ServiceCall, encoded

PLACES = "/v1/calls/single-"
LATE = 200.0  # seconds: later than any deadline, and possibly than the next run


class Fault(StrEnum):
    """What goes wrong with one request. Those of the second group only with a listing."""

    UNREACHABLE = "no connection"
    LOST = "the request is lost"
    ANSWER_LOST = "the answer is lost"
    RESET = "the connection breaks instead of an answer"
    BROKEN_WRITE = "the connection breaks when the last byte has left"
    LATE = "the answer is late"
    REQUEST_LATE = "the request arrives late"
    TORN = "the answer is cut off"
    DOUBLED = "the answer comes twice"
    ANOTHERS = "the answer is another request's"
    STRAY_REFUSAL = "a refusal of another request is the answer"
    ERROR = "HTTP 500, and nothing was done"
    ERROR_AFTER = "HTTP 500, although it was done"
    THROTTLED = "HTTP 429"
    REJECTED = "HTTP 400"
    KEY_REJECTED = "HTTP 401"
    NO_CALL_ID = "an answer without a call id"
    CUT = "the listing is cut short"
    REPEATED = "the listing repeats a call"
    REORDERED = "the listing is in another order"
    GROWING = "calls are added while the listing is read"
    FORGETFUL = "the listing leaves out a call, and counts without it"
    EMPTY_METADATA = "metadata: {} for every call"


LISTING_FAULTS = frozenset(
    {Fault.CUT, Fault.REPEATED, Fault.REORDERED, Fault.GROWING, Fault.FORGETFUL, Fault.EMPTY_METADATA}
)
PLACING_FAULTS = frozenset(
    {Fault.BROKEN_WRITE, Fault.ANOTHERS, Fault.STRAY_REFUSAL, Fault.NO_CALL_ID, Fault.REJECTED}
)
PHASES = ("ask the time", "settle", "preflight", "look up", "place", "list")
_LISTINGS = frozenset({"settle", "preflight", "list"})


def possible(fault: Fault, phase: str) -> bool:
    """Whether a fault can happen to a request of this phase."""
    if fault in LISTING_FAULTS:
        return phase in _LISTINGS
    return phase == "place" or fault not in PLACING_FAULTS


_NOT_DONE = frozenset(
    {Fault.LOST, Fault.ERROR, Fault.THROTTLED, Fault.REJECTED, Fault.KEY_REJECTED, Fault.STRAY_REFUSAL}
)
_NO_ANSWER = frozenset({Fault.LOST, Fault.BROKEN_WRITE, Fault.ANSWER_LOST, Fault.REQUEST_LATE, Fault.LATE})
_STATUS = {
    Fault.ERROR: 500,
    Fault.ERROR_AFTER: 500,
    Fault.THROTTLED: 429,
    Fault.REJECTED: 400,
    Fault.STRAY_REFUSAL: 400,
    Fault.KEY_REJECTED: 401,
}


class _Stream:
    """What the client's trace gets of a connection: nothing arrives before the request was written."""

    def __init__(self) -> None:
        self.arrived = b""
        self.read: Callable[..., Awaitable[bytes]] = self._read

    async def _read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if not self.arrived:
            await asyncio.get_running_loop().create_future()
        data, self.arrived = self.arrived[:max_bytes], self.arrived[max_bytes:]
        return data

    def get_extra_info(self, info: str) -> Any:
        return self

    def setsockopt(self, *option: int) -> None:
        """A socket's; there is none."""


class _Content(httpx.AsyncByteStream):
    def __init__(self, content: bytes, *, torn: bool) -> None:
        self._content = content
        self._torn = torn

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
        if self._torn:
            raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


class Judge(Protocol):
    """Sees the requests of one run."""

    def leaving(self, body: Mapping[str, Any]) -> None:
        """A request that places a call leaves the machine now."""

    def undone(self, body: Mapping[str, Any]) -> None:
        """A request that left will never be placed."""

    def mixed_up(self, body: Mapping[str, Any], other: ServiceCall) -> None:
        """The answer to a request names another call."""

    def fault(self, fault: Fault, phase: str) -> None:
        """A fault happens in this phase."""


@dataclass
class Requests:
    """The requests of one machine, which its workers share. ``faults`` are by the phase and the number of the
    request in it.

    ``judge`` sees what leaves and what goes wrong.
    """

    machine: Machine
    service: Service
    loop: SimulatedLoop
    random: random.Random
    faults: Mapping[tuple[str, int], Fault]
    judge: Judge
    numbers: Counter[str] = field(default_factory=Counter)

    def next_fault(self, phase: str) -> Fault | None:
        fault = self.faults.get((phase, self.numbers[phase]))
        self.numbers[phase] += 1
        return fault


class SimulatedTransport(httpx.AsyncBaseTransport):
    """Sends the requests of a client to the simulated service."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        requests, machine = self._requests, self._requests.machine
        path, query = request.url.path, dict(parse_qsl(request.url.query.decode()))
        places = path.startswith(PLACES)
        machine.phase = phase_of(path, query)
        fault = requests.next_fault(machine.phase)
        if fault is not None:
            requests.judge.fault(fault, machine.phase)
        machine.step()
        if fault is Fault.UNREACHABLE:
            await asyncio.sleep(requests.random.uniform(0, 0.2))
            raise httpx.ConnectError("connection refused")
        stream = _Stream()
        body = await self._write(request, stream, fault)
        if places:
            requests.judge.leaving(body)
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._travel(fault, path, query, body, answer)
        if fault is Fault.BROKEN_WRITE:
            raise httpx.WriteError("broken pipe")
        status, content = await answer
        if fault is Fault.RESET:
            raise httpx.ReadError("connection reset by peer")
        machine.step()
        await self._receive(stream, status, content, fault)
        return httpx.Response(
            status,
            headers=[(b"date", requests.service.date().encode()), *_headers(status, content)],
            stream=_Content(
                content[: len(content) // 2] if fault is Fault.TORN else content, torn=fault is Fault.TORN
            ),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def _write(self, request: httpx.Request, stream: _Stream, fault: Fault | None) -> Mapping[str, Any]:
        trace = request.extensions["trace"]
        await trace("connection.connect_tcp.complete", {"return_value": stream})
        await trace("http11.send_request_headers.started", {"request": request})
        assert isinstance(request.stream, httpx.AsyncByteStream)
        content = b"".join([part async for part in request.stream])
        if fault is not Fault.BROKEN_WRITE:
            await trace("http11.send_request_body.complete", {})
        body: Mapping[str, Any] = json.loads(content) if content else {}
        return body

    def _travel(
        self,
        fault: Fault | None,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any],
        answer: asyncio.Future[tuple[int, bytes]],
    ) -> None:
        """The request's way to the service and back, whatever becomes of the machine."""
        requests = self._requests
        there, back = requests.random.uniform(0.01, 0.3), requests.random.uniform(0.01, 0.3)

        def arrive() -> None:
            reply = self._reply(fault, path, query, body)
            if fault not in _NO_ANSWER:
                requests.loop.call_later(requests.machine.delayed(back), deliver, reply)
            elif fault is Fault.LATE:
                requests.loop.call_later(LATE, deliver, reply)

        def deliver(reply: tuple[int, bytes]) -> None:
            if not answer.done():
                answer.set_result(reply)

        if fault in _NOT_DONE and body:
            requests.judge.undone(body)
        if fault is not Fault.LOST:
            requests.loop.in_world(LATE if fault is Fault.REQUEST_LATE else there, arrive)

    def _reply(
        self, fault: Fault | None, path: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> tuple[int, bytes]:
        service = self._requests.service
        document: object = {"message": "no"}
        if fault not in _NOT_DONE:
            if path.startswith(PLACES):
                document = service.place(body)
            elif path == "/v1/calls":
                document = _lied(fault, service, query)
            else:
                document = service.call(path.rpartition("/")[2])
        if fault is Fault.ANOTHERS and len(service.calls) > 1:
            other = self._requests.random.choice(service.calls[:-1])
            self._requests.judge.mixed_up(body, other)
            document = service.answer_to(other)
        elif fault is Fault.NO_CALL_ID:
            document = {"created_at": "2026-06-01"}
        status = 200 if fault is None else _STATUS.get(fault, 200)
        return (404, encoded({})) if document is None else (status, encoded(document))

    async def _receive(self, stream: _Stream, status: int, content: bytes, fault: Fault | None) -> None:
        """Let the client see the bytes of a refusal, which it reads a second time."""
        if 400 <= status < 500:
            head = b"".join(name + b": " + value + b"\r\n" for name, value in _headers(status, content))
            stream.arrived = b"HTTP/1.1 %d No\r\n%s\r\n%s" % (status, head, content)
            await stream.read(len(stream.arrived))
        if fault is Fault.DOUBLED:
            stream.arrived = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def phase_of(path: str, query: Mapping[str, str]) -> str:
    """What a run does when it sends this request."""
    if path.startswith(PLACES):
        return "place"
    if path != "/v1/calls":
        return "look up"
    if query.get("limit") == "1":
        return "ask the time"
    if "call_status" in query:
        return "preflight"
    return "settle" if "agent_id" in query else "list"


def _headers(status: int, content: bytes) -> list[tuple[bytes, bytes]]:
    retry = [(b"retry-after", b"2")] if status == 429 else []
    return [(b"content-length", b"%d" % len(content)), *retry]


def _lied(fault: Fault | None, service: Service, query: Mapping[str, str]) -> dict[str, Any]:
    """A page of a listing, and what a service may make of it."""
    page = service.page(query)
    data: list[dict[str, Any]] = page["data"]
    if fault is Fault.CUT:
        page["data"] = data[:-1]
    elif fault is Fault.REPEATED and data:
        page["data"] = [*data[:-1], data[0]]
    elif fault is Fault.REORDERED:
        page["data"] = data[::-1]
    elif fault is Fault.GROWING:
        page["count"] += 1
    elif fault is Fault.FORGETFUL and data:
        page["data"], page["count"] = data[1:], page["count"] - 1
    elif fault is Fault.EMPTY_METADATA:
        page["data"] = [{**call, "metadata": {}} for call in data]
    return page
