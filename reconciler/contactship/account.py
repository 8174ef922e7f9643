"""The account's agents, numbers and contacts: ``GET /v1/agents``, ``/v1/phone-numbers`` and ``/v1/contacts``.

Source: the vendor's API reference, pages list-agents, get-phone-numbers and get-contacts. No pages are documented
for agents and contacts, so each come in one answer; an agent that is not in it is queried by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias
from urllib.parse import quote

from msgspec import Meta, Struct

from reconciler.contactship.answers import read
from reconciler.contactship.paging import PAGE, Item, Page, read_all, read_page, read_unpaged
from reconciler.contactship.reader import Reader
from reconciler.domain.model import JsonValue
from reconciler.errors import LookupFailed

Text: TypeAlias = Annotated[str, Meta(min_length=1)]


class RemoteAgent(Struct, frozen=True):
    """An AI agent of the account; ``name`` and ``language`` may be empty."""

    id: Text
    name: str = ""
    language: str = ""


class RemoteNumber(Struct, frozen=True, rename={"e164": "phone_number"}):
    """A number of the organisation; ``e164`` is as the service writes it. ``type`` may be empty."""

    id: Text
    e164: Text
    type: str = ""


class RemoteContact(Struct, frozen=True):
    """A contact as the service lists it; missing fields are empty texts."""

    id: Text
    phone_number: str = ""
    full_name: str = ""
    email: str = ""
    country: str = ""


async def list_agents(reader: Reader) -> list[RemoteAgent]:
    """The account's agents, in the service's order. Raises ``LookupFailed``."""
    return await read_unpaged(reader, "/v1/agents", "agents", RemoteAgent)


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
        return read_page(await reader.get("/v1/phone-numbers", query, "for its numbers"), "numbers", _to_item)

    async with reader.limit_listing("its numbers"):
        return await read_all(page, "numbers")


def _to_item(value: JsonValue) -> Item[RemoteNumber]:
    number = read(value, RemoteNumber)
    return Item(number.id, None, number)


async def list_contacts(reader: Reader) -> Sequence[RemoteContact]:
    """All contacts, in the service's order. Raises ``LookupFailed``."""
    return await read_unpaged(reader, "/v1/contacts", "contacts", RemoteContact)
