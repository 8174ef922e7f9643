"""What the account has: ``GET /v1/agents`` and ``GET /v1/phone-numbers``.

Source: the vendor's API reference, pages list-agents and get-phone-numbers. Agents come in one list, for which no
pages are documented: one that is not in it is asked for by its id. Numbers come in pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from reconciler.errors import LookupFailed
from reconciler.model import JsonObject, JsonValue
from reconciler.provider.reader import Reader

_PAGE = 100
_MAX_NUMBERS = 100_000


@dataclass(frozen=True, slots=True)
class RemoteNumber:
    """A number of the organisation; ``e164`` is as the service writes it."""

    id: str
    e164: str


async def list_agents(reader: Reader) -> frozenset[str]:
    """The ids of the account's agents. Raises ``LookupFailed``."""
    answer = await reader.get("/v1/agents", {}, "which agents it has")
    return frozenset(_text(item, "id") for item in _items(answer, "agents"))


async def has_agent(reader: Reader, agent_id: str) -> bool:
    """Whether the service knows an agent of that id. Raises ``LookupFailed``."""
    try:
        await reader.get(f"/v1/agents/{quote(agent_id, safe='')}", {}, f"whether it has agent {agent_id}")
    except LookupFailed as error:
        if error.status in {400, 404}:
            return False
        raise
    return True


async def list_numbers(reader: Reader) -> list[RemoteNumber]:
    """All numbers of the account. Raises ``LookupFailed``."""
    async with reader.whole_listing("its numbers"):
        return await _all_numbers(reader)


async def _all_numbers(reader: Reader) -> list[RemoteNumber]:
    found: dict[str, RemoteNumber] = {}
    offset = 0
    while offset < _MAX_NUMBERS:
        query = {"limit": str(_PAGE), "offset": str(offset)}
        items = list(_items(await reader.get("/v1/phone-numbers", query, "which numbers it has"), "numbers"))
        numbers = [RemoteNumber(_text(item, "id"), _text(item, "phone_number")) for item in items]
        before = len(found)
        found |= {number.id: number for number in numbers}
        if len(found) == before:  # also where the service takes no offset
            break
        offset += len(items)
    return list(found.values())


def _items(answer: JsonValue, what: str) -> Iterator[JsonObject]:
    data = answer.get("data") if isinstance(answer, dict) else answer
    if not isinstance(data, list):
        raise LookupFailed(f"the service's list of {what} is not what it documents")
    for item in data:
        if not isinstance(item, dict):
            raise LookupFailed(f"the service's list of {what} is not what it documents")
        yield item


def _text(item: JsonObject, name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise LookupFailed(f"the service lists something without {name}")
    return value
