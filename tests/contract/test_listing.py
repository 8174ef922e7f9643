"""Listing calls on a real socket: every page, whatever form the service gives its answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import parse_origin
from reconciler.contactship.paging import PAGE
from reconciler.domain.model import JsonValue
from reconciler.domain.service import Listing, RemoteCall
from reconciler.errors import LookupFailed
from tests.contract.test_provider import Server, answer, listening

Answer = Callable[[dict[str, str]], bytes]


def listed(reply: Answer) -> Sequence[RemoteCall]:
    """What is made of the answers to each query."""

    class Lists(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(dict(parse_qsl(urlsplit(head.split()[1].decode()).query))))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def run() -> Sequence[RemoteCall]:
        async with listening(Lists(b"")) as server:
            directory = CallListing(parse_origin(server.url), "key", 5)
            try:
                return await directory.calls(Listing(status="scheduled"))
            finally:
                await directory.aclose()

    return asyncio.run(run())


def call(number: int = 1, **fields: Any) -> dict[str, Any]:
    basic = {"id": f"call-{number}", "call_status": "scheduled", "created_at": "2026-06-01T12:00:00Z"}
    return {**basic, "agent_id": "a", "contact": {"id": "c", "phone_number": "+525512345678"}, **fields}


def page(*calls: dict[str, Any], count: int | None = None) -> bytes:
    return answer("200 OK", json.dumps({"data": calls, "count": len(calls) if count is None else count}))


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01T12:00:00Z",
        "2026-06-01T12:00:00.000+0000",
        "2026-06-01T06:00:00-06:00",
        "2026-06-01T06:00:00.000-0600",
        "2026-06-01T06:00-06:00",
        "2026-06-01 12:00:00",
    ],
)
def test_times_in_any_form_of_iso_8601(text: str) -> None:
    [found] = listed(lambda _: page(call(created_at=text)))
    assert found.created_at == datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["+525512345678", "+52 55 1234 5678", "00525512345678", "52 (55) 1234-5678"])
def test_numbers_in_any_form(text: str) -> None:
    [found] = listed(lambda _: page(call(contact={"phone_number": text})))
    assert found.number == "+525512345678"


def test_what_may_be_absent() -> None:
    bare = {"id": "call-1", "call_status": "scheduled", "created_at": "2026-06-01T12:00:00Z"}
    for contact in (
        {},
        {"contact": None},
        {"contact": {"phone_number": None}},
        {"contact": {"phone_number": "n/a"}},
    ):
        [found] = listed(lambda _, extra=contact: page(bare | extra))
        assert (found.agent, found.contact_id, found.number, found.tags) == (None, None, None, None)
    [found] = listed(lambda _: page(bare | {"metadata": {}}))
    assert found.tags == {}, "metadata is returned, and none of it is ours"


@pytest.mark.parametrize(
    ("metadata", "foreign"),
    [
        (None, False),
        ({}, False),
        ([], False),
        ("source", False),
        ({"source": "crm"}, True),
        ({"source": "crm", "reconciler_plan": "june"}, False),
        ({"source": "crm", "reconciler_lineage": None}, False),
    ],
)
def test_metadata_of_others_has_names_and_none_of_ours(metadata: JsonValue, foreign: bool) -> None:
    [found] = listed(lambda _: page(call(metadata=metadata)))
    assert found.foreign_metadata is foreign


def test_calls_that_came_in_are_none_that_anybody_placed() -> None:
    found = listed(lambda _: page(call(1, direction="inbound"), call(2, direction="outbound"), call(3)))
    assert [item.id for item in found] == ["call-2", "call-3"]


def test_a_call_that_leaves_the_listing_meanwhile_hides_no_other() -> None:
    standing = [call(number) for number in range(250)]
    leaving = [0, 7, 0, 3]

    def reply(query: dict[str, str]) -> bytes:
        offset = int(query["offset"])
        del standing[: leaving.pop(0) if leaving else 0]
        return page(*standing[offset : offset + PAGE], count=len(standing))

    assert {item.id for item in listed(reply)} == {f"call-{number}" for number in range(250)}


def test_a_listing_waits_as_long_as_the_service_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    sleep = asyncio.sleep

    async def nap(seconds: float) -> None:
        naps.extend([seconds] if seconds else [])
        await sleep(0)

    monkeypatch.setattr("reconciler.contactship.reader.asyncio.sleep", nap)
    answers = iter(
        [answer("429 Slow", "{}", "retry-after: 7"), answer("429 Slow", "{}", "retry-after: 999"), page()]
    )
    assert listed(lambda _: next(answers)) == []
    assert naps == [7.0, 60.0]


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        "[]",
        '{"data": [], "count": true}',
        '{"data": [1], "count": 1}',
        json.dumps({"data": [call(created_at="soon")], "count": 1}),
        json.dumps({"data": [call(created_at="0001-01-01T00:00:00+23:59")], "count": 1}),
        json.dumps({"data": [call(id=7)], "count": 1}),
    ],
    ids=["deep", "a-list", "count", "no-call", "no-time", "no-such-time", "no-id"],
)
def test_what_is_not_as_documented_is_no_empty_list(body: str) -> None:
    with pytest.raises(LookupFailed):
        listed(lambda _: answer("200 OK", body))


@pytest.mark.parametrize("date", ["", "1 Jan 2020 00:00:00 +9999999999999999"])
def test_a_date_that_is_none_is_no_time_of_the_service(date: str) -> None:
    assert listed(lambda _: answer("200 OK", '{"data": [], "count": 0}', f"date: {date}")) == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_one_call_by_its_id(wrapped: bool) -> None:
    """Bare or in ``data``; its id is quoted in the path, and 404 says that there is none."""
    paths: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        paths.append(head.split()[1].decode())
        found = call(
            call_status="completed", call_result="busy", disconnection_reason="x", duration=3, metadata={}
        )
        known = json.dumps({"statusCode": 200, "data": found} if wrapped else found)
        writer.write(answer("404 Not Found", "{}") if b"none" in head else answer("200 OK", known))
        await writer.drain()
        writer.close()

    async def run() -> list[RemoteCall | None]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            register = CallListing(
                parse_origin(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), "key", 5
            )
            try:
                return [await register.call("call/1?a"), await register.call("none")]
            finally:
                await register.aclose()

    found, none = asyncio.run(run())
    assert found is not None
    assert (found.status, found.result, found.reason, found.duration) == ("completed", "busy", "x", 3)
    assert none is None
    assert paths[0] == "/v1/calls/call%2F1%3Fa?include_transcript=false"


WHOLE: dict[str, Any] = {
    "direction": "outbound",
    "agent_id": "a",
    "call_result": "busy",
    "disconnection_reason": "x",
    "duration": 3,
    "start_at": "2026-06-01T12:00:00Z",
    "metadata": {"reconciler_plan": "june"},
    "contact": {"id": "c", "phone_number": "+525512345678", "full_name": "Ana"},
}
NAMES = {
    "direction": None,
    "agent_id": "agent",
    "call_result": "result",
    "disconnection_reason": "reason",
    "duration": "duration",
    "start_at": "started_at",
    "metadata": "tags",
}
WRONG: list[JsonValue] = [None, True, -1, 1e10, [], [1], {"a": 1}]


@pytest.mark.parametrize("value", WRONG, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_member_of_another_type_counts_as_absent_and_spoils_no_other(name: str, value: JsonValue) -> None:
    [right] = listed(lambda _: page(call(**WHOLE)))
    [read] = listed(lambda _: page(call(**WHOLE | {name: value})))
    changed = NAMES[name]
    metadata = isinstance(value, dict) and name == "metadata"
    absent = {} if changed is None else {changed: {} if metadata else None, "foreign_metadata": metadata}
    assert read == replace(right, **absent)


@pytest.mark.parametrize("value", WRONG, ids=str)
@pytest.mark.parametrize(
    ("name", "field"), [("id", "contact_id"), ("phone_number", "number"), ("full_name", "name")]
)
def test_a_member_of_a_contact_of_another_type_spoils_no_other(name: str, field: str, value: JsonValue) -> None:
    [right] = listed(lambda _: page(call(**WHOLE)))
    [read] = listed(lambda _: page(call(**WHOLE | {"contact": WHOLE["contact"] | {name: value}})))
    assert read == replace(right, **{field: None})


@pytest.mark.parametrize("value", [*WRONG, ""], ids=str)
@pytest.mark.parametrize("name", ["id", "created_at"])
def test_a_call_without_an_id_or_a_time_is_no_call(name: str, value: JsonValue) -> None:
    with pytest.raises(LookupFailed):
        listed(lambda _: page(call(**{name: value})))
