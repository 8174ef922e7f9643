"""The account's agents and numbers: ``GET /v1/agents`` and ``GET /v1/phone-numbers``.

Source: the vendor's API reference, pages list-agents and get-phone-numbers. Agents come in one list, for which no
pages are documented: an agent that is not in it is queried by its id. Numbers come in pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from reconciler.contactship.paging import PAGE, Item, Page, read_all, read_page, read_unpaged
from reconciler.contactship.reader import Reader
from reconciler.domain.model import JsonObject, JsonValue
from reconciler.errors import LookupFailed


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """An AI agent of the account; ``name`` and ``language`` may be empty."""

    id: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class RemoteNumber:
    """A number of the organisation; ``e164`` is as the service writes it. ``type`` may be empty."""

    id: str
    e164: str
    type: str


async def list_agents(reader: Reader) -> list[RemoteAgent]:
    """The account's agents, in the service's order. Raises ``LookupFailed``."""
    items = await read_unpaged(lambda: reader.get("/v1/agents", {}, "for its agents"), "agents")
    return [RemoteAgent(_text(item, "id"), _hint(item, "name"), _hint(item, "language")) for item in items]


async def has_agent(reader: Reader, agent_id: str) -> bool:
    """Whether the service has an agent with that id. Raises ``LookupFailed``."""
    try:
        await reader.get(f"/v1/agents/{quote(agent_id, safe='')}", {}, f"for agent {agent_id}")
    except LookupFailed as error:
        if error.status in {400, 404}:
            return False
        raise
    return True


async def list_numbers(reader: Reader) -> list[RemoteNumber]:
    """All numbers of the account. Raises ``LookupFailed``."""

    async def page(offset: int) -> Page[RemoteNumber]:
        query = {"limit": str(PAGE), "offset": str(offset)}
        return read_page(await reader.get("/v1/phone-numbers", query, "for its numbers"), "numbers", _number)

    async with reader.limit_listing("its numbers"):
        return await read_all(page, "numbers")


def _number(item: JsonValue) -> Item[RemoteNumber]:
    if not isinstance(item, dict):
        raise LookupFailed("the service's list of numbers does not match its documentation")
    number = RemoteNumber(_text(item, "id"), _text(item, "phone_number"), _hint(item, "type"))
    return Item(number.id, None, number)


def _text(item: JsonObject, name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise LookupFailed(f"the service lists an item without {name}")
    return value


def _hint(item: JsonObject, name: str) -> str:
    """A field that people read and nothing depends on."""
    value = item.get(name)
    return value if isinstance(value, str) else ""
