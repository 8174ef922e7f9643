"""An answer that came before its request was written is none, over http and over https."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from reconciler.contactship import transport
from reconciler.contactship.client import ContactShip
from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import parse_origin
from reconciler.contactship.transport import Progress
from reconciler.domain.model import Request
from reconciler.domain.service import Listing, Receipt
from reconciler.errors import LookupFailed, NotSent, Outcome, OutcomeUnknown, Rejected
from tests.rawservice import NO_CALLS, answer, receipt

KEYS = Path(__file__).parent.parent / "tls"
REQUEST = Request("single-contact-call", {"contact_id": "c"})
LARGE = Request("single-contact-call", {"metadata": {"note": "x" * 3_000_000}})


class Service:
    """Writes ``early`` once it is connected to, after the headers or within the body, and ``late`` at the end."""

    def __init__(self, when: str, early: bytes, late: bytes = b"") -> None:
        self.when = when
        self.early = early
        self.late = late
        self.spoke = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._speak("connected", writer)
            head = await reader.readuntil(b"\r\n\r\n")
            await self._speak("headers", writer)
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            await reader.readexactly(min(length, 1_000))
            await self._speak("some", writer)
            await reader.readexactly(max(0, length - 1_000))
            await self._speak("all", writer)
            writer.write(self.late)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _speak(self, when: str, writer: asyncio.StreamWriter) -> None:
        if when == self.when:
            writer.write(self.early)
            await writer.drain()
            self.spoke.set()


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """https by TLS 1.3, whose session tickets come before any answer."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_verify_locations(KEYS / "certificate.pem")
    monkeypatch.setattr(transport, "tls_context", lambda: context)
    return str(request.param)


@pytest.fixture
def in_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[Service], None]:
    """Make the client look for an early answer only once the service has given it."""
    look = Progress._check_silence

    def wait_for(service: Service) -> None:
        async def waiting(self: Progress) -> None:
            if self.left or service.when == "connected":
                await asyncio.wait_for(service.spoke.wait(), 10)
            await look(self)

        monkeypatch.setattr(Progress, "_check_silence", waiting)

    return wait_for


@asynccontextmanager
async def listening(service: Service, scheme: str) -> AsyncIterator[None]:
    context = None
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(KEYS / "certificate.pem", KEYS / "key.pem")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        service.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield
    await asyncio.sleep(0.05)  # what it still has to close


def place(service: Service, scheme: str, request: Request = REQUEST) -> Receipt | Outcome:
    async def run() -> Receipt | Outcome:
        async with listening(service, scheme):
            provider = ContactShip(parse_origin(service.url), "key", 5)
            try:
                return await provider.place(request)
            except Outcome as error:
                return error
            finally:
                await provider.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize("request_", [REQUEST, LARGE], ids=["small", "large"])
def test_an_answer_after_the_whole_request_is_taken(scheme: str, request_: Request) -> None:
    assert place(Service("never", b"", receipt("call-1")), scheme, request_) == Receipt(
        "call-1", "2026-06-01T12:00:00Z"
    )


@pytest.mark.parametrize("early", [receipt("call-1"), b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_before_anything_left_nothing_was_sent(
    scheme: str, in_step: Callable[[Service], None], early: bytes
) -> None:
    service = Service("connected", early, receipt("call-2"))
    in_step(service)
    found = place(service, scheme)
    assert isinstance(found, NotSent)
    assert "before the request was sent" in found.message


@pytest.mark.parametrize("early", [receipt("call-1"), b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_between_headers_and_body_the_outcome_is_unknown(
    scheme: str, in_step: Callable[[Service], None], early: bytes
) -> None:
    service = Service("headers", early, receipt("call-2"))
    in_step(service)
    assert isinstance(place(service, scheme), OutcomeUnknown)


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="the kernel keeps no headers back")
def test_a_refusal_on_the_headers_alone_is_a_refusal(scheme: str) -> None:
    """Where a body is small it leaves with its headers: nothing can be answered before it was written."""
    refusal = answer("400 Bad Request", {"message": "no"})
    found = [place(Service("headers", refusal), scheme) for _ in range(20)]
    assert [type(item) for item in found] == [Rejected] * 20


def test_in_the_midst_of_a_large_body_the_outcome_is_unknown(scheme: str) -> None:
    """Its parts are written while the service reads: what comes before the last of them is no answer."""
    assert isinstance(place(Service("some", receipt("call-1"), receipt("call-2")), scheme, LARGE), OutcomeUnknown)


def test_a_get_takes_no_early_answer_either(
    scheme: str, in_step: Callable[[Service], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(service: Service) -> None:
        async with listening(service, scheme):
            directory = CallListing(parse_origin(service.url), "key", 5)
            try:
                assert await directory.calls(Listing()) == []
            finally:
                await directory.aclose()

    asyncio.run(run(Service("never", b"", NO_CALLS)))
    service = Service("connected", NO_CALLS)
    in_step(service)
    with pytest.raises(LookupFailed, match="before the request was sent"):
        asyncio.run(run(service))
