"""What became of a request, proven on real sockets: one line of the adapter's table at a time."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.contactship.client import ContactShip
from reconciler.contactship.origin import parse_origin, read_api_key
from reconciler.contactship.transport import FAILURES
from reconciler.domain.model import Request
from reconciler.domain.sensitive import mask_text, mask_value
from reconciler.domain.service import Receipt
from reconciler.errors import NotSent, Outcome, OutcomeUnknown, ReconcilerError, Rejected, UsageError

KEY = "canary-key"
PHONE = "+14155552678"
REQUEST = Request(
    "single-phone-call",
    {"to_number": PHONE, "full_name": "Canary", "additional_data": [{"key": "amount", "value": "987654"}]},
)
CONTACT = "c1d2e3f4-a5b6-7890-cdef-000000000001"
PLACED = '{"call_id": "call-1", "created_at": "2026-04-06T15:05:00Z"}'


class Server:
    """Answers every connection with the same bytes, after reading the whole request unless told not to."""

    def __init__(self, answer: bytes, *, read: bool = True, hang: bool = False, pace: float = 0) -> None:
        self.answer = answer
        self.read = read
        self.hang = hang
        self.pace = pace
        self.requests: list[bytes] = []
        self.reached = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.read:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
        self.reached.set()
        for piece in [self.answer[i : i + 1] for i in range(len(self.answer))] if self.pace else [self.answer]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(self.pace)
        if self.hang:
            await asyncio.sleep(30)
        writer.transport.abort() if not self.answer else writer.close()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Server]:
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await server.serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()
        await listener.wait_closed()


def answer(status: str, body: str = "{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "content-type: application/json", f"content-length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def outcome(url: str, deadline: float = 5, request: Request = REQUEST) -> Receipt | Outcome:
    provider = ContactShip(parse_origin(url), KEY, deadline)
    try:
        return await provider.place(request)
    except Outcome as error:
        return error
    finally:
        await provider.aclose()


def place(server: Server, deadline: float = 5, request: Request = REQUEST) -> Receipt | Outcome:
    async def run() -> Receipt | Outcome:
        async with listening(server):
            return await outcome(server.url, deadline, request)

    return asyncio.run(run())


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted"])
@pytest.mark.parametrize("body", [PLACED, f'{{"statusCode": 200, "data": {PLACED}}}'])
def test_an_answer_with_a_call_id_is_a_placed_call(status: str, body: str) -> None:
    assert place(Server(answer(status, body))) == Receipt("call-1", "2026-04-06T15:05:00Z")


@pytest.mark.parametrize(
    ("answered", "belongs"),
    [
        (f'"{CONTACT}"', True),
        (f'"contact-{CONTACT.upper()}"', True),
        ("null", True),
        ("7", True),
        ('"c1d2e3f4-a5b6-7890-cdef-000000000002"', False),
        ('"somebody else"', False),
    ],
)
def test_an_answer_about_another_contact_belongs_to_another_request(answered: str, belongs: bool) -> None:
    body = f'{{"call_id": "call-1", "created_at": "2026-04-06T15:05:00Z", "contact_id": {answered}}}'
    outcomes = place(
        Server(answer("200 OK", body)), request=Request("single-contact-call", {"contact_id": CONTACT})
    )
    if belongs:
        assert outcomes == Receipt("call-1", "2026-04-06T15:05:00Z")
    else:
        assert isinstance(outcomes, OutcomeUnknown)
        assert outcomes.message == "HTTP 200, but the answer is about another contact"


def test_the_contact_of_a_phone_call_is_the_services_own() -> None:
    body = '{"call_id": "call-1", "contact_id": "c1d2e3f4-a5b6-7890-cdef-000000000002"}'
    assert place(Server(answer("200 OK", body))) == Receipt("call-1")


@pytest.mark.parametrize(
    "status", ["400 B", "402 P", "404 N", "405 M", "409 C", "410 G", "413 L", "415 U", "422 U", "418 T"]
)
def test_a_refusal_is_rejected(status: str) -> None:
    found = place(Server(answer(status, '{"message": "no such contact"}')))
    assert isinstance(found, Rejected)
    assert found.message == f"HTTP {status[:3]}: no such contact"
    assert not found.fatal


@pytest.mark.parametrize("status", ["401 U", "403 F"])
def test_a_refused_key_is_fatal(status: str) -> None:
    found = place(Server(answer(status)))
    assert isinstance(found, Rejected)
    assert found.fatal


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ((), None),
        (("retry-after: 7",), 7.0),
        (("retry-after: soon",), None),
        (("retry-after: -1",), None),
        (("retry-after: Wed, 21 Oct 2015 07:28:00 GMT",), 0.0),
        (("retry-after: 1 Jan 2020 00:00:00 +9999999999999999",), None),
        (("retry-after: 31 Dec 9999 23:59:59 -2359",), None),
    ],
)
def test_throttling_is_not_sent(header: tuple[str, ...], seconds: float | None) -> None:
    found = place(Server(answer("429 Slow", "{}", *header)))
    assert isinstance(found, NotSent)
    assert found.throttled
    assert found.retry_after == seconds


def test_a_date_to_wait_for_is_told_in_seconds() -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = place(Server(answer("429 Slow", "{}", f"retry-after: {until}")))
    assert isinstance(found, NotSent)
    assert found.retry_after == pytest.approx(3600, abs=60)


@pytest.mark.parametrize(
    "broken",
    [
        answer("500 E"),
        answer("502 E"),
        answer("503 E", "{}", "retry-after: 1"),
        answer("504 E"),
        answer("408 T"),
        answer("301 M", "{}", "location: /elsewhere"),
        answer("307 M", "{}", "location: http://127.0.0.1:9/elsewhere"),
        answer("308 M", "{}", "location: /elsewhere"),
        answer("304 N", ""),
        answer("200 OK", "<html>"),
        answer("200 OK", ""),
        answer("200 OK", "[]"),
        answer("200 OK", "null"),
        answer("200 OK", '{"call_id": null}'),
        answer("200 OK", '{"call_id": 5}'),
        answer("200 OK", '{"call_id": " "}'),
        answer("200 OK", "[" * 100_000),
        answer("204 N", ""),
        answer("200 OK", PLACED).replace(b"content-length: 5", b"content-length: 9"),
        answer("200 OK", "", "content-encoding: gzip").replace(b"-length: 0", b"-length: 9")
        + gzip.compress(b"")[:9],
        answer("200 OK", PLACED)[:30],
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"not http at all\r\n\r\n",
        b"",
    ],
)
def test_anything_else_is_unknown_once_the_request_left(broken: bytes) -> None:
    server = Server(broken)
    assert isinstance(place(server), OutcomeUnknown)
    assert len(server.requests) == 1, "sent once"


def test_a_connection_reset_before_anything_left_was_not_sent() -> None:
    server = Server(b"", read=False)
    assert isinstance(place(server), NotSent)
    assert server.requests == []


@pytest.mark.parametrize(
    "slow",
    [
        Server(b"", hang=True),
        Server(answer("200 OK", PLACED)[:-5], hang=True),
        Server(answer("200 OK", PLACED), pace=0.05),
    ],
)
def test_the_deadline_counts_the_whole_request(slow: Server) -> None:
    found = place(slow, deadline=0.3)
    assert isinstance(found, OutcomeUnknown)
    assert "within 0.3 s" in found.message


def test_an_answer_without_end_is_cut() -> None:
    endless = (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 40
    )
    assert isinstance(place(Server(endless)), OutcomeUnknown)


def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        found = asyncio.run(outcome(f"http://127.0.0.1:{held.getsockname()[1]}"))
    assert isinstance(found, NotSent)
    assert not found.throttled


def test_an_unknown_host_was_not_sent() -> None:
    assert isinstance(asyncio.run(outcome("https://no-such-host.invalid")), NotSent)


def test_a_tls_handshake_that_fails_was_not_sent() -> None:
    async def run() -> Receipt | Outcome:
        async with listening(Server(b"", read=False)) as server:
            return await outcome(server.url.replace("http://", "https://"))

    assert isinstance(asyncio.run(run()), NotSent)


def test_a_cancelled_request_says_nothing_of_its_outcome() -> None:
    async def run() -> None:
        async with listening(Server(b"", hang=True)) as server:
            task = asyncio.create_task(outcome(server.url))
            await server.reached.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_messages_hold_neither_the_key_nor_private_values() -> None:
    body = f'{{"message": "{KEY} may not call {PHONE}, Canary, about 987654\\u001b[31m"}}'
    found = place(Server(answer("400 B", body)))
    assert isinstance(found, Rejected)
    assert not [text for text in (KEY, PHONE, "Canary", "987654", "\x1b") if text in found.message]


@pytest.mark.parametrize(
    "echo",
    ["+1 415 555 2678", "1-415-555-2678", "1 (415) 555.2678", "%2B14155552678", "CANARY", "canary"],
)
def test_messages_hold_no_private_value_in_another_form(echo: str) -> None:
    found = place(Server(answer("400 Bad", json.dumps({"message": f"wrong: {echo}!"}))))
    assert isinstance(found, Rejected)
    assert found.message in {"HTTP 400: wrong: +***78!", "HTTP 400: wrong: ***!"}, found.message


@example("+abcde\\1")
@given(st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=3, max_size=20))
def test_an_echo_is_masked_however_it_is_quoted(value: str) -> None:
    for echo in (value, json.dumps(value)[1:-1], quote(value), quote_plus(value)):
        assert mask_text(f"{{{echo}}}", [value]) == f"{{{mask_value(value)}}}"


def test_the_environment_steers_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert place(Server(answer("200 OK", PLACED))) == Receipt("call-1", "2026-04-06T15:05:00Z")


def test_the_key_travels_in_its_header_to_the_fixed_path() -> None:
    server = Server(answer("200 OK", PLACED))
    place(server)
    [request] = server.requests
    assert request.startswith(b"POST /v1/calls/single-phone-call HTTP/1.1\r\n")
    assert b"x-api-key: canary-key\r\n" in request


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("https://api.contactship.ai", False),
        ("https://api.contactship.ai/prefix/", False),
        ("http://127.0.0.1:8734", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1:1/a%2Fb", True),
    ],
)
def test_base_urls(text: str, loopback: bool) -> None:
    origin = parse_origin(text)
    assert origin.loopback is loopback
    assert origin.url("/v1") == text.rstrip("/") + "/v1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.contactship.ai",
        "http://api.contactship.ai",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "https://user:pass@example.com",
        "https://@example.com",
        "https://example.com?x=1",
        "https://example.com#x",
        "https://example.com:port",
        "http://[::1",
        "file:///etc/passwd",
        " https://example.com",
        "https://example.com\n",
        "https://exa\tmple.com",
        "https://example.com/a b",
        "https://example.com/%0d%0aHost:x",
        "https://example.com/%00",
        "https://example.com%20",
        "https://example.com/\x1b[31m",
    ],
)
def test_other_base_urls_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_origin(text)


@pytest.mark.parametrize("text", [None, "", "  \n", "two words", "tab\tkey", "clé"])
def test_keys_that_no_header_can_carry_are_refused(text: str | None) -> None:
    with pytest.raises(ReconcilerError, match="API key"):
        read_api_key(None, text)


def test_a_connection_that_never_comes_about_was_not_sent() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # the queue of a listener that accepts nobody
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        found = asyncio.run(outcome(f"http://127.0.0.1:{full.getsockname()[1]}", deadline=0.6))
    assert isinstance(found, NotSent)
    assert "no connection in time" in found.message


def test_a_body_that_could_not_be_written_is_unknown() -> None:
    class Deaf(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(10)
            writer.transport.abort()

    async def run() -> Receipt | Outcome:
        large = Request("single-phone-call", {"metadata": {"note": "x" * 50_000_000}})  # masked nowhere, so cheap
        async with listening(Deaf(b"")) as server:
            provider = ContactShip(parse_origin(server.url), KEY, 10)
            try:
                return await provider.place(large)
            except Outcome as error:
                return error
            finally:
                await provider.aclose()

    assert isinstance(asyncio.run(run()), OutcomeUnknown)


class Lasting(Server):
    """Answers each request with the next of ``answers``, and keeps every connection open."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__(b"")
        self.answers = list(answers)
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.answers.pop(0))
        writer.close()


@pytest.mark.parametrize(
    "behind", [b"", answer("200 OK", PLACED), answer("429 Slow"), answer("400 B"), b"x", b"HTTP/1.1 100 C\r\n\r\n"]
)
@pytest.mark.parametrize("first", [answer("200 OK", PLACED), answer("400 B")])
def test_what_comes_behind_an_answer_answers_no_other_request(first: bytes, behind: bytes) -> None:
    second = PLACED.replace("call-1", "call-2")

    async def run() -> tuple[Receipt | Outcome, Receipt]:
        async with listening(server):
            provider = ContactShip(parse_origin(server.url), KEY, 5)
            try:
                found = await provider.place(REQUEST)
            except Outcome as error:
                found = error
            placed = await provider.place(REQUEST)
            await provider.aclose()
            return found, placed

    server = Lasting(first + behind, answer("200 OK", second))
    found, placed = asyncio.run(run())
    refused = OutcomeUnknown if behind else Rejected
    assert isinstance(found, refused if b"400" in first else Receipt)
    assert placed.call_id == "call-2"
    assert (server.connections, len(server.requests)) == (2, 2)


def test_every_failure_of_the_transport_is_translated() -> None:
    """But for those that only a client of httpx's raises, which is not used."""
    named = [getattr(httpx, name) for name in httpx.__all__]
    errors = {item.__name__ for item in named if isinstance(item, type) and issubclass(item, Exception)}
    translated = {item for item in errors if issubclass(getattr(httpx, item), FAILURES)}
    assert len(translated) >= 14
    assert errors - translated == {
        "CookieConflict",
        "DecodingError",
        "HTTPError",
        "HTTPStatusError",
        "InvalidURL",
        "RequestError",
        "RequestNotRead",
        "ResponseNotRead",
        "StreamClosed",
        "StreamConsumed",
        "StreamError",
        "TooManyRedirects",
    }


def test_the_key_follows_no_redirect() -> None:
    async def run() -> tuple[Receipt | Outcome, list[bytes]]:
        async with listening(Server(answer("200 OK", PLACED))) as elsewhere:
            target = f"location: {elsewhere.url}/v1/calls/single-phone-call"
            async with listening(Server(answer("307 M", "{}", target))) as server:
                return await outcome(server.url), elsewhere.requests

    found, stolen = asyncio.run(run())
    assert isinstance(found, OutcomeUnknown)
    assert stolen == []
