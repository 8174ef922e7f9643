"""A listing is whole or it is none: services that cut, reorder, repeat and miscount, on a real socket."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.contactship.account import list_agents, list_contacts, list_numbers
from reconciler.contactship.listing import CallListing
from reconciler.contactship.origin import parse_origin
from reconciler.contactship.reader import Reader
from reconciler.domain.service import Listing
from reconciler.errors import LookupFailed
from tests.contract.test_provider import Server, answer, listening

T = TypeVar("T")
Query = dict[str, str]
START = datetime(2026, 6, 1, 12, tzinfo=UTC)


def item(number: int, second: int | None = None, **fields: Any) -> dict[str, Any]:
    """A call that was created in second ``second``; its own number where there is none."""
    moment = START + timedelta(seconds=number if second is None else second)
    basic = {"id": f"call-{number}", "call_status": "scheduled", "created_at": moment.isoformat()}
    return {**basic, "agent_id": "a", "contact": {"id": "c"}, **fields}


@dataclass
class Service:
    """Lists ``items``. ``before`` is called with the number of the request, from 1; ``page`` makes the answer."""

    items: list[dict[str, Any]]
    before: Callable[[int], None] = lambda _: None
    cap: int | None = None
    order: Callable[[list[dict[str, Any]], int], list[dict[str, Any]]] = lambda items, _: items
    page: Callable[[list[dict[str, Any]], int, Query, int], tuple[Sequence[Any], Any]] | None = None
    requests: int = 0
    queries: list[Query] = field(default_factory=list)

    def reply(self, query: Query) -> bytes:
        self.requests += 1
        self.queries.append(query)
        self.before(self.requests)
        items = self.order(list(self.items), self.requests)
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", len(items)))
        data: Sequence[Any] = items[offset : offset + min(limit, self.cap or limit)]
        count: Any = len(items)
        if self.page is not None:
            data, count = self.page(items, offset, query, self.requests)
        return answer("200 OK", json.dumps({"data": data, "count": count}))


def ask(service: Service, question: Callable[[str], Any]) -> Any:
    class Lists(Server):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(service.reply(dict(parse_qsl(urlsplit(head.split()[1].decode()).query))))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def run() -> Any:
        async with listening(Lists(b"")) as server:
            return await question(server.url)

    return asyncio.run(run())


def ids(service: Service) -> list[str]:
    async def question(url: str) -> list[str]:
        directory = CallListing(parse_origin(url), "key", 5)
        try:
            return [call.id for call in await directory.calls(Listing())]
        finally:
            await directory.aclose()

    found: list[str] = ask(service, question)
    return found


def named(*numbers: int) -> set[str]:
    return {f"call-{number}" for number in numbers}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between two readings."""
    monkeypatch.setattr("reconciler.contactship.paging.PAUSE", 0.0)


CUT = {
    "empty page": lambda items, offset, query, _: (items[:100] if offset == 0 else [], len(items)),
    "fewer": lambda items, offset, query, _: (items[offset : offset + 100][:-1], len(items)),
    "fewer at last": lambda items, offset, query, _: (items[:-1][offset : offset + 100], len(items)),
    "same page": lambda items, offset, query, _: (items[:100], len(items)),
    "count jumps": lambda items, offset, query, n: (items[offset : offset + 100], len(items) if n % 2 else 100),
    "count falls": lambda items, offset, query, n: (items[offset : offset + 100], 90 if offset == 0 else 250),
    "count too small": lambda items, offset, query, _: (items[offset : offset + 100], 90),
    "count too large": lambda items, offset, query, _: (items[offset : offset + 100], 10**9),
    "count of another page": lambda items, offset, query, _: (items[:100][offset:], 100 if offset else 250),
    "nothing": lambda items, offset, query, _: ([], len(items)),
    "a longer page": lambda items, offset, query, _: (items[offset : offset + 150], len(items)),
    "twice": lambda items, offset, query, _: ([*items[:50], *items[:50]] if not offset else items[100:200], 200),
    "endless": lambda items, offset, query, n: (
        [item(number) for number in range(offset, offset + 100)],
        offset + 200,
    ),
}


@pytest.mark.parametrize("how", CUT)
def test_a_listing_that_is_cut_is_none(how: str) -> None:
    service = Service([item(number) for number in range(250)], page=CUT[how])
    with pytest.raises(LookupFailed, match="incomplete"):
        ids(service)
    assert service.requests <= 200, "reading again is bounded"


@pytest.mark.parametrize("how", [how for how in CUT if how != "twice"])
def test_a_listing_that_was_cut_once_is_read_again(how: str) -> None:
    def page(items: list[Any], offset: int, query: Query, number: int) -> tuple[Sequence[Any], Any]:
        if number <= 2:
            return CUT[how](items, offset, query, number)
        return items[offset : offset + int(query["limit"])], len(items)

    assert set(ids(Service([item(number) for number in range(250)], page=page))) >= named(*range(250))


@pytest.mark.parametrize("cap", [None, 1, 7, 20, 100])
@pytest.mark.parametrize("size", [0, 1, 2, 99, 100, 101, 200])
def test_a_whole_listing_is_read_whatever_a_page_holds(size: int, cap: int | None) -> None:
    service = Service([item(number) for number in range(size)], cap=cap)
    assert ids(service) == [f"call-{number}" for number in range(size)]
    assert service.requests <= 2 * size / (cap or 100) + 3


def test_no_item_of_the_same_moment_is_skipped_when_earlier_ones_are_removed() -> None:
    """Three items are removed and three are added between two pages, so that the count stays the same. The second
    page then begins with an item of the moment at which the first one ended.
    """
    service = Service([item(number, min(number, 99)) for number in range(105)])

    def before(request: int) -> None:
        if request == 2:
            service.items = service.items[3:] + [item(number) for number in (105, 106, 107)]

    service.before = before
    assert set(ids(service)) == named(*range(108))


def test_a_service_that_gives_all_at_once_is_taken_at_its_word() -> None:
    service = Service([item(number) for number in range(250)], page=lambda items, *_: (items, len(items)))
    assert len(ids(service)) == 250


@pytest.mark.parametrize("seed", range(5))
def test_calls_of_one_moment_in_another_order_on_each_page(seed: int) -> None:
    """Pages that are cut between calls of one second repeat some and leave out others."""

    def order(items: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
        draw = random.Random(f"{seed}:{number}")
        return sorted(items, key=lambda call: (call["created_at"], draw.random()))

    service = Service([item(number, number // 8) for number in range(250)], order=order, cap=20)
    assert set(ids(service)) == named(*range(250))
    all_at_once = Service([item(number, 0) for number in range(250)], order=order)
    with pytest.raises(LookupFailed, match="incomplete"):
        ids(all_at_once)


def test_calls_that_are_created_meanwhile_are_listed_too() -> None:
    service = Service([item(number) for number in range(250)])
    service.before = lambda number: service.items.append(item(1000 + number))
    assert set(ids(service)) >= named(*range(250))
    assert service.requests <= 6


@pytest.mark.parametrize("leaving", ["oldest", "newest", "any"])
def test_a_busy_account_is_read_all_the_same(leaving: str) -> None:
    """At each request calls leave the listing and others come: those that were there all the time are found."""
    draw = random.Random(leaving)
    standing = {f"call-{number}" for number in range(0, 500, 2)}
    service = Service([item(number) for number in range(500)])

    def move(number: int) -> None:
        going = [call for call in service.items if call["id"] not in standing]
        for _ in range(3):
            place = {"oldest": 0, "newest": -1, "any": draw.randrange(len(going))}[leaving]
            service.items.remove(going.pop(place))
        service.items += [item(1000 + 10 * number + more) for more in range(2)]

    service.before = move
    assert set(ids(service)) >= standing
    assert service.requests <= 60


@settings(max_examples=60)
@given(st.data())
def test_what_is_there_all_the_time_is_found_or_nothing_is(data: st.DataObject) -> None:
    """Pages of any size, calls of one second, and calls that come and go: what stays is never left out."""
    size, cap = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 12))
    crowd = data.draw(st.integers(1, 6))
    items = [item(number, number // crowd) for number in range(size)]
    staying = {call["id"] for call in items if data.draw(st.booleans())}
    draw = random.Random(data.draw(st.integers(0, 10_000)))
    service = Service(items, cap=cap, order=lambda found, _: sorted(found, key=_shuffled(draw)))

    def move(number: int) -> None:
        going = [call for call in service.items if call["id"] not in staying]
        if number < 30 and draw.random() < 0.3:
            if going and draw.random() < 0.5:
                service.items.remove(draw.choice(going))
            else:
                moment = (size // crowd) + number if draw.random() < 0.7 else draw.randint(0, size)
                service.items.append(item(1000 + number, moment))

    service.before = move
    try:
        found = set(ids(service))
    except LookupFailed:
        return
    assert found >= staying


def _shuffled(draw: random.Random) -> Callable[[dict[str, Any]], Any]:
    return lambda call: (call["created_at"], draw.random())


def test_a_service_that_lists_the_newest_first_is_read_while_nothing_changes() -> None:
    service = Service([item(number) for number in range(250)], order=lambda items, _: items[::-1])
    assert set(ids(service)) == named(*range(250))


def test_calls_that_came_in_count_as_listed() -> None:
    service = Service([item(number, direction="inbound" if number % 3 else "outbound") for number in range(250)])
    assert set(ids(service)) == named(*range(0, 250, 3))


@pytest.mark.parametrize("count", [-1, 2.0, "2", None, True])
def test_a_count_is_a_whole_number(count: Any) -> None:
    with pytest.raises(LookupFailed):
        ids(Service([item(1), item(2)], page=lambda items, *_: (items, count)))


def numbers(service: Service) -> list[str]:
    async def question(url: str) -> list[str]:
        reader = Reader(parse_origin(url), "key", 5)
        try:
            return [number.id for number in await list_numbers(reader)]
        finally:
            await reader.aclose()

    found: list[str] = ask(service, question)
    return found


def number(index: int) -> dict[str, Any]:
    return {"id": f"call-{index}", "phone_number": f"+1415555{index:04d}"}


def test_numbers_are_listed_whole() -> None:
    assert set(numbers(Service([number(index) for index in range(250)], cap=20))) == named(*range(250))


@pytest.mark.parametrize("how", [how for how in CUT if how != "endless"])
def test_numbers_that_are_cut_are_none(how: str) -> None:
    with pytest.raises(LookupFailed, match="incomplete"):
        numbers(Service([number(index) for index in range(250)], page=CUT[how]))


async def agents(reader: Reader) -> int:
    return len(await list_agents(reader))


async def contacts(reader: Reader) -> int:
    return len(await list_contacts(reader))


@pytest.mark.parametrize("lister", [agents, contacts])
def test_a_list_without_pages_is_whole_where_its_count_says_so(lister: Callable[[Reader], Any]) -> None:
    async def question(url: str) -> int:
        reader = Reader(parse_origin(url), "key", 5)
        try:
            found: int = await lister(reader)
            return found
        finally:
            await reader.aclose()

    people = [number(index) for index in range(250)]
    assert ask(Service(people), question) == 250
    late = Service(people, page=lambda items, offset, query, n: (items[:20] if n == 1 else items, 250))
    assert ask(late, question) == 250
    with pytest.raises(LookupFailed, match="incomplete"):
        ask(Service(people, page=lambda items, *_: (items[:20], 250)), question)
